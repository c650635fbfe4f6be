"""Marks that are not to be relied on are hollow, in every figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from boundcheck.report.style import NEUTRAL

LABEL = "hollow: unreliable"


def draw_marks(ax: Axes, x: Sequence[float], y: Sequence[float], reliable: np.ndarray, **style: Any) -> None:
    """Marks at x, y: filled where reliable, filled with the background where not.

    Args:
        ax: Where.
        x: (k,) places.
        y: (k,) values.
        reliable: (k,) bool.
        style: `color`, `marker` and what else `Axes.plot` takes.
    """
    places, values = np.asarray(x, float), np.asarray(y, float)
    background = to_rgba(ax.get_facecolor())
    face = background if background[3] > 0 else "white"
    for sure in (True, False):
        some = reliable == sure
        if some.any():
            fill = {} if sure else {"markerfacecolor": face, "gid": "hollow"}
            edge = {"markeredgecolor": style["color"], "linestyle": "", "zorder": 3, **fill}
            ax.plot(places[some], values[some], **{**style, **edge})


def has_hollow(ax: Axes) -> bool:
    """Whether some mark of these axes is hollow."""
    return any(line.get_gid() == "hollow" for line in ax.lines)


def legend_entries(axes: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Handles and labels of a legend: those of the first axes, and what a hollow mark means where there is one."""
    handles, labels = axes[0].get_legend_handles_labels()
    if any(map(has_hollow, axes)):
        handles, labels = [*handles, hollow_mark()], [*labels, LABEL]
    return handles, labels


def hollow_mark() -> Line2D:
    """What a legend shows for `LABEL`."""
    return Line2D([], [], color=NEUTRAL, marker="o", linestyle="", markerfacecolor="none", label=LABEL)
