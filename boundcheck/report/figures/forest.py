"""All claims in one figure: the gap of each at every hardness with its interval, a line apiece."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from boundcheck.hardening import hardening_label
from boundcheck.report.figures.gap import draw_gaps
from boundcheck.report.style import NEUTRAL
from boundcheck.report.words import q_label
from boundcheck.runs import about_population, records

_BETWEEN = 0.6  # lines between two claims
_LINE = 0.95  # height of a line of a title


def forest_rows(claims: pd.DataFrame) -> pd.DataFrame:
    """The rows of claims.csv that are drawn: of statements that may fail, where they apply."""
    return about_population(claims).dropna(subset=["gap"])


def forest_height(rows: pd.DataFrame, titles: Mapping[str, str], wide: int) -> float:
    """How many lines the figure has; arguments as of `forest_on`."""
    blocks = list(rows.groupby("claim", sort=False))
    names = sum(_LINE * len(textwrap.wrap(titles.get(str(claim), str(claim)), wide)) for claim, _ in blocks)
    return len(rows) + names + _BETWEEN * len(blocks)


def forest_on(ax: Axes, rows: pd.DataFrame, titles: Mapping[str, str], wide: int) -> None:
    """Gaps from top to bottom in the order of the table, each claim's under its title.

    Args:
        ax: Where.
        rows: See `forest_rows`.
        titles: Of claims by id; an id without one stands for itself.
        wide: Characters in a line of a title.
    """
    several = rows["q"].nunique() > 1
    ticks: dict[float, str] = {}
    ordered, y = [], 0.0
    for claim, block in rows.groupby("claim", sort=False):
        lines = textwrap.wrap(titles.get(str(claim), str(claim)), wide)
        beside, behind = ax.get_yaxis_transform(), {"facecolor": ax.get_facecolor(), "linewidth": 0, "pad": 0.8}
        title = ax.text(0.01, y - 0.5, "\n".join(lines), transform=beside, va="top", fontsize="small", bbox=behind)
        title.set_fontstyle("italic")
        y += _LINE * len(lines)
        for row in records(block):
            said = hardening_label(row.hardening, row.beta) if row.hardening else ""
            ticks[y] = ", ".join(part for part in (said, f"Q = {q_label(row.q)}" if several else "") if part)
            y += 1
        ordered.append(block)
        y += _BETWEEN
        ax.axhline(y - 0.5 - _BETWEEN / 2, color="0.85", linewidth=0.6, zorder=0)
    table = pd.concat(ordered)
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    draw_gaps(ax, table, list(ticks), vertical=False)
    ax.set_yticks(list(ticks), list(ticks.values()), fontsize="small")
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    ax.set_ylim(y - 0.5 - _BETWEEN / 2, -0.7)
    ax.set_xlabel("gap in the claimed direction (nats)")
