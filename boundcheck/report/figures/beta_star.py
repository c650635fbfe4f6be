"""Distribution of the critical hardness: the least beta at which an anchor's hard negatives reach the whole pool."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.figures.margin import say_bins
from boundcheck.report.format import percent
from boundcheck.report.style import COLUMN, HOLDS, NEUTRAL, paper
from boundcheck.runs import Run

_BINS = 40
_TICKS = np.outer(10.0 ** np.arange(-2, 6), [1, 2, 5]).ravel()


@paper()
def draw_beta_star(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """A histogram on a square-root scale; the anchors that have no critical hardness are counted beside it.

    Args:
        run: The run.
    """
    if len(run.anchors) == 0:
        return None
    figure = Figure(figsize=(COLUMN, 2.3), layout="constrained")
    return figure, beta_star_on(figure.subplots(), run.anchors)


def beta_star_on(ax: Axes, anchors: pd.DataFrame) -> pd.DataFrame:
    """The histogram; its title says how many anchors have no critical hardness.

    Args:
        ax: Where.
        anchors: Of anchors.parquet.

    Returns:
        The bins.
    """
    found = anchors["beta_star"].dropna().to_numpy(float)
    edges = np.linspace(0, np.sqrt(found.max(initial=0)) or 1, _BINS + 1) ** 2
    counts, _ = np.histogram(found, edges)
    roots = np.sqrt(edges)
    ax.bar(roots[:-1], counts, np.diff(roots), align="edge", color=HOLDS, linewidth=0)
    ticks = np.array([0.0, *_legible(edges[-1])])
    ax.set_xticks(np.sqrt(ticks), [f"{tick:g}" for tick in ticks])
    ax.set_xlim(-0.02 * roots[-1], roots[-1])
    ax.grid(False, axis="x")
    ax.set_xlabel("critical hardness β* (square-root scale)")
    ax.set_ylabel("anchors")
    none = len(anchors) - len(found)
    said = f"{none:,} of {len(anchors):,} anchors ({percent(none / len(anchors))}) have no β*"
    ax.set_title(said, fontsize="small", color=NEUTRAL)
    bins = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "anchors": counts})
    say_bins(ax, bins, "%s with a β* of %s to %s", math.sqrt)
    return bins


def _legible(high: float) -> np.ndarray:
    """Round ticks up to `high`, at least a tenth of the axis apart on the square-root scale."""
    kept: list[float] = []
    for tick in _TICKS[: np.searchsorted(_TICKS, high, side="right")]:
        if np.sqrt(tick) - np.sqrt(kept[-1] if kept else 0.0) >= 0.1 * np.sqrt(high):
            kept.append(float(tick))
    return np.array(kept)
