"""H-SCL against UCL: how hard the negatives must be before H-SCL bounds UCL from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.figures._axis import HardnessAxis
from boundcheck.report.figures._hollow import legend_entries
from boundcheck.report.figures._panels import limit_rows, loss_at, q_panels
from boundcheck.report.figures.losses import draw_hard, draw_plain
from boundcheck.report.style import NEUTRAL, loss_style, paper
from boundcheck.runs import Run


@paper()
def draw_crossing(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """H-SCL and UCL with their bands, one panel per Q, and the hardness at which they cross.

    Args:
        run: The run.
    """
    rows = limit_rows(run.losses)
    rows = rows[rows["loss"].isin(["ucl", "scl", "hscl"])]
    if loss_at(rows, "hscl").empty or loss_at(rows, "ucl").empty:
        return None
    figure, panels = q_panels(rows)
    axis = HardnessAxis.of(rows)
    for ax, (q, at_q) in zip(panels, rows.groupby("q", sort=False), strict=True):
        crossing_on(ax, axis, at_q, run.manifest.get("crossing", []), float(str(q)))
    handles, labels = legend_entries(panels)
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    crossings = {float(item["q"]): item["beta"] for item in run.manifest.get("crossing", [])}
    return figure, rows.assign(crossing_beta=rows["q"].map(crossings).astype(float))


def crossing_on(
    ax: Axes, axis: HardnessAxis, rows: pd.DataFrame, crossing: Sequence[Mapping[str, Any]], q: float
) -> None:
    """H-SCL and UCL of one Q and where they cross, without a legend.

    Args:
        ax: Where.
        axis: The axis that holds the rows.
        rows: Of losses.csv, of one Q.
        crossing: Of the manifest.
        q: The Q.
    """
    axis.draw(ax)
    draw_plain(ax, axis, rows, "ucl", loss_style("ucl"))
    draw_hard(ax, axis, rows, "hscl", loss_style("hscl"), mark_start=True)
    ax.margins(y=0.12)
    ax.set_ylabel("loss (nats)")
    _mark_crossing(ax, axis, crossing, q)


def _mark_crossing(ax: Axes, axis: HardnessAxis, crossing: Sequence[Mapping[str, Any]], q: float) -> None:
    """A line at the crossing where it is on the scale; words where it lies beyond, or does not exist."""
    item = next((item for item in crossing if float(item["q"]) == q), None)
    if item is None:
        return
    beta = item["beta"]
    if beta is None:
        said = "no crossing"
    elif beta > axis.betas[-1]:
        said = f"crossing at β = {beta:.3g} (off scale)"
    else:
        said = f"β = {beta:.3g}"
        x = axis.position("exp", beta)
        ax.axvline(x, color=NEUTRAL, linewidth=0.8, linestyle=":")
        right = x < 0.6
        ax.annotate(
            said, (x, 0.02), xycoords=("data", "axes fraction"), xytext=(3 if right else -3, 0),
            textcoords="offset points", ha="left" if right else "right", va="bottom", fontsize="small", color=NEUTRAL,
        )  # fmt: skip
        return
    ax.set_title(f"{ax.get_title()}  {said}".strip(), fontsize="small", color=NEUTRAL)
