"""One panel per Q, for figures that show losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.hardening import hardening_label
from boundcheck.report.figures._axis import HardnessAxis
from boundcheck.report.figures._hollow import draw_marks
from boundcheck.report.figures._pointing import in_words, say_at
from boundcheck.report.style import COLUMN, PAGE
from boundcheck.report.words import q_label
from boundcheck.runs import is_reliable, records


def limit_rows(losses: pd.DataFrame) -> pd.DataFrame:
    """The rows of the large-negative limit; of the largest k when the run has finite k only. NaN rows are left out."""
    rows = losses.dropna(subset=["estimate", "q"])
    at_limit = rows["k"].isna()
    return rows[at_limit] if at_limit.any() else rows[rows["k"] == rows["k"].max()]


def loss_at(rows: pd.DataFrame, loss: str) -> pd.DataFrame:
    """The rows of one loss, one per hardening."""
    return rows[rows["loss"] == loss].drop_duplicates(["hardening", "beta"])


def draw_curve(
    ax: Axes,
    axis: HardnessAxis,
    rows: pd.DataFrame,
    column: str,
    band: tuple[str, str],
    skip: int = 0,
    shown: Callable[..., str] | None = None,
    **style: Any,
) -> None:
    """One quantity over hardness: a curve with a band on the scale, points with intervals beside it.

    Marks of rows that are not to be relied on are hollow.

    Args:
        ax: Where.
        axis: The axis that holds the rows.
        rows: One row per hardening.
        column: The quantity.
        band: Columns of the interval's ends.
        skip: Points at the start of the curve that have no mark.
        shown: Value and ends of the interval in words, for pointing at a mark; without it, in nats.
        style: Colour, marker, linestyle and label.
    """
    on_scale = axis.on_scale(rows)
    line, aside = rows[on_scale].sort_values("beta", na_position="first"), rows[~on_scale]
    if len(line) == 1:
        line, aside = line.head(0), rows
    ax.plot(axis.positions(line), line[column], markevery=slice(skip, None), **style)
    ax.fill_between(axis.positions(line), line[band[0]], line[band[1]], color=style["color"], alpha=0.2, linewidth=0)
    half_widths = [aside[column] - aside[band[0]], aside[band[1]] - aside[column]]
    bars: dict[str, Any] = {"color": style["color"], "linestyle": "", "capsize": 2}
    ax.errorbar(axis.positions(aside), aside[column], yerr=half_widths, **bars)
    mark = {"color": style["color"], "marker": style["marker"]}
    for part in (line.iloc[skip:], aside):
        draw_marks(ax, axis.positions(part), part[column].tolist(), is_reliable(part), **mark)
        said = in_words(records(part), (column, *band), shown)
        say_marks(ax, axis.positions(part), part, column, str(style.get("label", "")), said)


def say_marks(ax: Axes, places: list[float], rows: pd.DataFrame, column: str, name: str, values: list[str]) -> None:
    """What shows on pointing at the marks of rows: of what, at which hardening, the value, whether it is unreliable."""
    of = [", ".join(part for part in (name, hardening_label(r.hardening, r.beta)) if part) for r in records(rows)]
    doubt = ["" if sure else ", not to be relied on" for sure in is_reliable(rows)]
    words = [f"{what}: {value}{unsure}" for what, value, unsure in zip(of, values, doubt, strict=True)]
    say_at(ax, places, rows[column].tolist(), words)


def q_panels(rows: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    """A figure with one panel for each Q in the order of the table; a column wide for one Q, else a page."""
    qs = list(dict.fromkeys(rows["q"]))
    columns = min(len(qs), 3)
    lines = math.ceil(len(qs) / columns)
    width = COLUMN if columns == 1 else PAGE
    figure = Figure(figsize=(width, 0.4 + 2.2 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    panels: list[Axes] = list(np.ravel(axes))
    for spare in panels[len(qs) :]:
        spare.remove()
    for i, (ax, q) in enumerate(zip(panels, qs, strict=False)):
        if i % columns == 0:
            ax.set_ylabel("loss (nats)")
        if len(qs) > 1:
            ax.set_title(f"Q = {q_label(q)}")
    return figure, panels[: len(qs)]
