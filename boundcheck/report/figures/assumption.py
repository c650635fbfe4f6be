"""Share of anchors that satisfy Assumption 1, against hardness."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.figures._axis import HardnessAxis
from boundcheck.report.figures._hollow import legend_entries
from boundcheck.report.figures._panels import draw_curve
from boundcheck.report.format import percent
from boundcheck.report.style import COLUMN, FAILS, HOLDS, paper
from boundcheck.runs import Run, records

# At its two ends the share is a classifier's accuracy.
_ENDS = {("constant", False): ("kernel rule (β = 0)", "s"), ("exp", True): ("1-NN (β = ∞)", "D")}


@paper()
def draw_assumption(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """The share with its interval; its ends are the kernel-mean rule (beta = 0) and 1-NN (beta = inf).

    Args:
        run: The run.
    """
    rows = run.assumption.dropna(subset=["share_holding"])
    if rows.empty:
        return None
    figure = Figure(figsize=(COLUMN, 2.6), layout="constrained")
    ax = figure.subplots()
    assumption_on(ax, rows)
    handles, labels = legend_entries([ax])
    if handles:
        spacing = {"columnspacing": 1.0, "handletextpad": 0.3}  # three entries are as much as a column holds
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), **spacing)
    return figure, rows


def assumption_on(ax: Axes, rows: pd.DataFrame) -> None:
    """The share against hardness, without a legend.

    Args:
        ax: Where.
        rows: Of assumption.csv, with a share.
    """
    axis = HardnessAxis.of(rows)
    axis.draw(ax)
    ends, style = ("share_low", "share_high"), {"color": HOLDS, "marker": "o", "linestyle": "-"}
    draw_curve(ax, axis, rows, "share_holding", ends, 0, percent, **style)
    _mark_ends(ax, axis, rows)
    ax.set_ylabel("anchors satisfying\nAssumption 1 (%)")
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
    ax.margins(y=0.1)
    ax.set_ylim(top=min(ax.get_ylim()[1], 1.0 + 0.03 * (1.0 - ax.get_ylim()[0])))


def _mark_ends(ax: Axes, axis: HardnessAxis, rows: pd.DataFrame) -> None:
    """Frame the two ends and name them in the legend."""
    for row in records(rows):
        name, marker = _ENDS.get((row.hardening, row.beta == math.inf), ("", ""))
        if name:
            x = axis.position(row.hardening, row.beta)
            frame: dict[str, Any] = {"marker": marker, "markersize": 7, "markerfacecolor": "none", "linestyle": ""}
            ax.plot([x], [row.share_holding], label=name, markeredgecolor=FAILS, zorder=4, clip_on=False, **frame)
