"""What an atlas's figures share: one line for each set, in blocks of one modality."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from boundcheck.atlas_record import SETS
from boundcheck.runs import records

_GAP = 0.6  # between the blocks of two modalities, in lines
LINE = 0.17  # of a set, inches

Set = tuple[str, str, str]


def places(frame: pd.DataFrame) -> dict[Set, float]:
    """Where each set is, counted down in lines."""
    found: dict[Set, float] = {}
    y, last = 0.0, ""
    for row in records(frame[SETS].drop_duplicates()):
        y += _GAP if last and row.modality != last else 0.0
        found[row.data, row.modality, row.encoder] = y
        y, last = y + 1, row.modality
    return found


def height(at: dict[Set, float]) -> float:
    """Of all lines, inches."""
    return LINE * (max(at.values()) + 1)


def name_lines(ax: Axes, at: dict[Set, float]) -> None:
    """Names of the sets on the left of the axes."""
    ax.set_ylim(max(at.values()) + 0.6, -0.6)
    ax.set_yticks(list(at.values()), [f"{data}, {encoder}" for data, _, encoder in at], fontsize=6.5)
    ax.tick_params(axis="y", length=0)
    for side in ("left", "top", "right"):
        ax.spines[side].set_visible(False)


def name_modalities(ax: Axes, at: dict[Set, float]) -> None:
    """Names of the modalities on the right of the axes."""
    for modality in dict.fromkeys(modality for _, modality, _ in at):
        lines = [y for (_, name, _), y in at.items() if name == modality]
        middle = (min(lines) + max(lines)) / 2
        ax.text(1.01, middle, modality, transform=ax.get_yaxis_transform(), rotation=270, va="center", fontsize=7)
