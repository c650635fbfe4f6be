"""The losses against hardness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.figures._axis import HardnessAxis
from boundcheck.report.figures._hollow import draw_marks, legend_entries
from boundcheck.report.figures._panels import draw_curve, limit_rows, loss_at, q_panels, say_marks
from boundcheck.report.figures._pointing import in_words
from boundcheck.report.style import loss_style, losses_in, paper
from boundcheck.runs import Run, is_reliable, records

_HARD = {"hucl": "ucl", "hscl": "scl"}  # eta = 1 turns a hard loss into its plain one: the curve starts there


@paper()
def draw_losses(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """Each loss with its confidence band, one panel per Q; UCL and SCL as horizontal lines.

    Args:
        run: The run.
    """
    rows = limit_rows(run.losses)
    if rows.empty:
        return None
    figure, panels = q_panels(rows)
    axis = HardnessAxis.of(rows)
    for ax, (_, at_q) in zip(panels, rows.groupby("q", sort=False), strict=True):
        losses_on(ax, axis, at_q)
    handles, labels = legend_entries(panels)
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 3), columnspacing=1.2)
    return figure, rows


def losses_on(ax: Axes, axis: HardnessAxis, rows: pd.DataFrame) -> None:
    """The losses of one Q, without a legend.

    Args:
        ax: Where.
        axis: The axis that holds the rows.
        rows: Of losses.csv, of one Q.
    """
    axis.draw(ax)
    ids = losses_in(rows["loss"])
    for loss in ids:
        own = rows[rows["loss"] == loss]
        draw = draw_plain if (own["hardening"] == "constant").all() else draw_hard
        draw(ax, axis, rows, loss, style=loss_style(loss, ids))
    ax.set_ylabel("loss (nats)")


def draw_plain(ax: Axes, axis: HardnessAxis, rows: pd.DataFrame, loss: str, style: Mapping[str, Any]) -> None:
    """A loss without hardening: a horizontal line from eta = 1 on, and its band."""
    row = loss_at(rows, loss).head(1)
    if row.empty:
        return
    colour, ends = style["color"], [axis.position("constant", 0.0), ax.get_xlim()[1]]
    value, low, high = (float(row[name].iloc[0]) for name in ("estimate", "ci_low", "ci_high"))
    ax.plot(ends, [value, value], markevery=[0], **style)
    ax.fill_between(ends, low, high, color=colour, alpha=0.2, linewidth=0)
    draw_marks(ax, ends[:1], [value], is_reliable(row), color=colour, marker=style["marker"])
    said = in_words(records(row), ("estimate", "ci_low", "ci_high"))
    say_marks(ax, ends[:1], row, "estimate", style["label"], said)


def draw_hard(
    ax: Axes, axis: HardnessAxis, rows: pd.DataFrame, loss: str, style: Mapping[str, Any], mark_start: bool = False
) -> None:
    """A hard loss: a curve from its plain loss upwards, whose own mark stands at the start unless `mark_start`."""
    hard = loss_at(rows, loss)
    if hard.empty:
        return
    plain = loss_at(rows, _HARD.get(loss, "")).head(1)
    curve = pd.concat([plain, hard] if len(plain) else [hard]).drop_duplicates(["hardening", "beta"])
    skip = 0 if mark_start else len(curve) - len(hard)
    draw_curve(ax, axis, curve, "estimate", ("ci_low", "ci_high"), skip, None, **style)
