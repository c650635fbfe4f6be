"""The anchors of least margin as pictures, with the neighbours that decide it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.format import number
from boundcheck.report.style import FAILS, HOLDS, NEUTRAL, PAGE, paper
from boundcheck.runs import Run, records

_COLUMNS, _LARGEST = 8, 16
_STEP, _LINE = 1.06, 1.36  # column width and line height, in pictures
_NAMES = ("anchor", "nearest of\nits class", "nearest of\nanother class")


@paper()
def draw_hardest_anchors(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """One column per anchor, worst first: the anchor and its margin, then both neighbours with label and cosine.

    Args:
        run: The run; None is returned when it has no pictures.
    """
    if run.pictures is None or run.hardest.empty:
        return None
    rows = run.hardest.head(_LARGEST)
    width, height = grid_size(len(rows))
    figure = Figure(figsize=(PAGE, PAGE * height / width))
    hardest_on(figure.add_axes((0.0, 0.0, 1.0, 1.0)), rows, run.pictures)
    return figure, rows


def grid_size(anchors: int, columns: int = _COLUMNS) -> tuple[float, float]:
    """Width and height of the grid of that many anchors, in pictures."""
    return columns * _STEP + 1.0, 3 * math.ceil(anchors / columns) * _LINE


def hardest_on(ax: Axes, rows: pd.DataFrame, pictures: np.ndarray, columns: int = _COLUMNS) -> None:
    """The grid of pictures. One axes for all: an axes for each takes ten times as long to draw.

    Args:
        ax: Where; its shape should be that of `grid_size`.
        rows: Of hardest.csv, at most 16.
        pictures: As of `Run`.
        columns: Anchors side by side.
    """
    width, height = grid_size(len(rows), columns)
    ax.set(xlim=(-1.0, width - 1.0), ylim=(height, 0.0))
    ax.axis("off")
    for i, row in enumerate(records(rows)):
        captions = (
            (f"{_short(row.label)}\nmargin {number(row.margin, 0.1)}", NEUTRAL),
            (f"{_short(row.same_label)}\ncos {row.same_cosine:.2f}", HOLDS),
            (f"{_short(row.diff_label)}\ncos {row.diff_cosine:.2f}", FAILS),
        )
        for j, (caption, colour) in enumerate(captions):
            _picture(ax, pictures[i, j], i % columns, 3 * (i // columns) + j, caption, colour)
    for line in range(3 * math.ceil(len(rows) / columns)):
        ax.text(-0.08, (line + 1) * _LINE - 0.5, _NAMES[line % 3], ha="right", va="center", fontsize="small")


def picture_array(picture: np.ndarray) -> np.ndarray:
    """(ch, h, w) uint8 as (h, w, 3), grey repeated."""
    channels_last = np.moveaxis(picture, 0, -1)
    return np.repeat(channels_last, 3, axis=-1) if channels_last.shape[-1] == 1 else channels_last[..., :3]


def _picture(ax: Axes, picture: np.ndarray, column: int, line: int, caption: str, colour: str) -> None:
    """A picture one unit wide, with its caption above."""
    left, bottom = column * _STEP, (line + 1) * _LINE
    extent = (left, left + 1, bottom, bottom - 1)
    ax.imshow(picture_array(picture), interpolation="none", extent=extent, aspect="auto")
    ax.text(
        left + 0.5, bottom - 1.03, caption, ha="center", va="bottom", fontsize="x-small", color=colour, linespacing=1.1
    )


def _short(label: object) -> str:
    text = str(label)
    return text if len(text) <= 14 else f"{text[:13]}…"
