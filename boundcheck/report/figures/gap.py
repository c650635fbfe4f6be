"""The gap of a claim against hardness: how far the inequality is from being broken."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from boundcheck.report.figures._axis import HardnessAxis
from boundcheck.report.figures._hollow import draw_marks, has_hollow, hollow_mark
from boundcheck.report.style import FAILS, HOLDS, NEUTRAL
from boundcheck.runs import is_reliable, records
from boundcheck.verdicts import is_met, is_unmet

# Gaps that are a difference of two losses.
DIFFERENCE = {
    "hscl_le_hucl": "H-UCL − H-SCL",
    "scl_le_ucl": "UCL − SCL",
    "hscl_ge_ucl": "H-SCL − UCL",
    "hucl_ge_ucl": "H-UCL − UCL",
    "hscl_ge_scl": "H-SCL − SCL",
}
AT_ETA_1 = {"hscl_le_hucl": "scl_le_ucl"}  # the same gap at eta = 1 is another claim's


def gap_rows(claims: pd.DataFrame, claim: str) -> pd.DataFrame:
    """The rows of claims.csv that are drawn: the claim's, and those of the same gap at eta = 1."""
    return claims[claims["claim"].isin([claim, AT_ETA_1.get(claim, claim)])].dropna(subset=["gap"])


def gap_on(ax: Axes, rows: pd.DataFrame, claim: str) -> None:
    """Gaps with their intervals; above zero the inequality holds.

    Args:
        ax: Where.
        rows: See `gap_rows`, of one Q.
        claim: Whose gap it is.
    """
    axis = HardnessAxis.of(rows)
    axis.draw(ax)
    ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    draw_gaps(ax, rows, axis.positions(rows), vertical=True)
    ax.margins(y=0.1)
    ax.set_ylabel(f"{DIFFERENCE.get(claim, 'gap')} (nats)")


def draw_gaps(ax: Axes, rows: pd.DataFrame, places: list[float], vertical: bool) -> None:
    """A mark and an interval for each row: colour and shape say the verdict, hollow that it is not to be relied on.

    Args:
        ax: Where.
        rows: Of claims.csv.
        places: Of each row, on the axis that is not the gap's.
        vertical: Whether the gap's axis is the vertical one.
    """
    reliable = is_reliable(rows)
    for i, row in enumerate(records(rows)):
        colour, marker = mark_of(row.verdict)
        ends = [row.ci_low, row.ci_high]
        place = [places[i], places[i]]
        ax.plot(*((place, ends) if vertical else (ends, place)), color=colour, linewidth=1.2, solid_capstyle="butt")
        x, y = (places[i], row.gap) if vertical else (row.gap, places[i])
        draw_marks(ax, [x], [y], reliable[i : i + 1], color=colour, marker=marker)


def verdict_marks(ax: Axes, rows: pd.DataFrame) -> list[Line2D]:
    """A legend's marks: the verdicts that occur, those of one mark together, and what a hollow one means."""
    words: dict[tuple[str, str], list[str]] = {}
    for verdict in dict.fromkeys(rows["verdict"]):
        words.setdefault(mark_of(verdict), []).append(verdict)
    marks = [(colour, marker, ", ".join(said)) for (colour, marker), said in words.items()]
    handles = [Line2D([], [], color=c, marker=m, linestyle="", label=said) for c, m, said in marks]
    return [*handles, hollow_mark()] if has_hollow(ax) else handles


def mark_of(verdict: str) -> tuple[str, str]:
    """Colour and marker of a verdict."""
    if is_met(verdict):
        return HOLDS, "o"
    if is_unmet(verdict):
        return FAILS, "X"
    return NEUTRAL, "s"
