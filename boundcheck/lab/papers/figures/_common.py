"""What the recipes' figures share: how an encoder is drawn, grids of panels, curves with bands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from boundcheck.report.style import COLUMN, LOSS_COLOUR, PAGE

from ..variants import FAMILIES, is_detached, loss_of

_LINE = 0.16  # inches
_LETTERS = 20  # of a legend, to the inch
_HANDLE = 7  # letters that a line's sample and its space take
_CROWD = 5  # ticks that narrow panels have room for
_MARKERS = ("s", "D", "^", "v", "P", "X")


def encoder_style(objective: str, beta: float, betas: Sequence[float]) -> dict[str, Any]:
    """Colour by objective, darker and with another marker for a higher hardness; plain objectives are dashed.

    Args:
        objective: trained with; markers are open where its weights are detached.
        beta: trained with, NaN for plain objectives.
        betas: all the hardnesses of the figure, ascending.
    """
    if np.isnan(beta):
        return {"color": LOSS_COLOUR[objective], "marker": "o", "linestyle": "--"}
    open_marker = {"markerfacecolor": "white"} if is_detached(objective) else {}
    rank = list(betas).index(beta)
    depth = 1.15 - 0.75 * rank / max(len(betas) - 1, 1)  # above 1 lighter than the objective's colour, below darker
    rgb = np.array(to_rgb(LOSS_COLOUR[loss_of(objective)]))
    colour = rgb + (1 - rgb) * (depth - 1) * 2 if depth > 1 else rgb * depth
    return {"color": tuple(colour), "marker": _MARKERS[rank % len(_MARKERS)], "linestyle": "-", **open_marker}


def betas_of(frame: pd.DataFrame) -> list[float]:
    """The hardnesses encoders were trained with, ascending."""
    return sorted(frame["beta"].dropna().unique().tolist())


def family_rows(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """(data set, family of objectives) for one row of panels each."""
    return [
        (dataset, family)
        for dataset in dict.fromkeys(frame["dataset"])
        for family in families(frame[frame["dataset"] == dataset])
    ]


def families(frame: pd.DataFrame) -> list[str]:
    """The families of objectives that were trained; one is left out if another, or an earlier one, shows all of it."""
    trained = set(frame["objective"])
    found: dict[str, set[str]] = {}
    for family, members in FAMILIES.items():
        shown = trained & set(members)
        if shown and shown not in found.values():
            found[family] = shown
    return [family for family, shown in found.items() if not any(shown < others for others in found.values())]


def few(values: Sequence[float]) -> list[float]:
    """The least, the middle and the greatest."""
    places = np.unique(np.linspace(0, len(values) - 1, min(3, len(values))).round().astype(int))
    return [values[place] for place in places]


def of_family(frame: pd.DataFrame, dataset: str, family: str) -> pd.DataFrame:
    """The rows of one data set and family."""
    return frame[(frame["dataset"] == dataset) & frame["objective"].isin(FAMILIES[family])]


def grid(
    rows: int, columns: int, height: float = 1.75, sharey: Any = False, sharex: Any = True
) -> tuple[Figure, np.ndarray]:
    """A grid of panels, (rows, columns): as wide as a page, or as a column for one panel."""
    width = COLUMN if rows == columns == 1 else PAGE
    figure = Figure(figsize=(width, 0.55 + height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharey=sharey, sharex=sharex)


def band(ax: Axes, x: Iterable[float], rows: pd.DataFrame, **style: Any) -> None:
    """A curve of `mean` with a band from `least` to `most`, the range of the seeds.

    Of two or three seeds the t interval is several times as wide as their range: it belongs in tables, where it can be
    read, and would hide the other curves here.
    """
    x = list(x)
    ax.plot(x, rows["mean"], **style)
    ax.fill_between(x, rows["least"], rows["most"], color=style["color"], alpha=0.15, linewidth=0)


def hardness_axis(ax: Axes, betas: Iterable[float], label: str = "hardness β (square-root scale)") -> None:
    """A square-root scale from 0 with a tick at every hardness."""
    ticks = sorted({0.0, *betas})
    ax.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    ax.set_xlim(0, ticks[-1] * 1.04)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=6 if len(ticks) > _CROWD else None)
    ax.grid(False, axis="x")
    ax.set_xlabel(label)


def epoch_axis(ax: Axes) -> None:
    """Whole epochs on the horizontal axis."""
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("epoch")


def legend(figure: Figure, panels: Iterable[Axes]) -> None:
    """One legend above all panels, each name once, in as many lines as the figure's width asks for."""
    entries: dict[str, Any] = {}
    for ax in panels:
        handles, labels = ax.get_legend_handles_labels()
        entries |= {label: handle for handle, label in zip(handles, labels, strict=True) if label not in entries}
    if not entries:
        return
    widest = max(map(len, entries)) + _HANDLE
    lines = -(-len(entries) // max(1, int(figure.get_figwidth() * _LETTERS / widest)))
    columns = -(-len(entries) // lines)
    figure.set_figheight(figure.get_figheight() + _LINE * (lines - 1))
    # matplotlib fills column by column; this order reads line by line
    names = [name for start in range(columns) for name in list(entries)[start::columns]]
    figure.legend([entries[name] for name in names], names, loc="outside upper center", ncols=columns)


def percent_axis(ax: Axes) -> None:
    """Shares in per cent on the vertical axis; no share is above 100, though a t interval may reach there."""
    ax.set_ylim(top=min(ax.get_ylim()[1], 1 + 0.03 * (1 - ax.get_ylim()[0])))
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g} %")
