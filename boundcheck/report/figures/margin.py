"""Histogram of the per-anchor margin of Assumption 1, one strip per hardening."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.hardening import hardening_label
from boundcheck.report.figures._pointing import say_over
from boundcheck.report.format import number, percent
from boundcheck.report.style import COLUMN, FAILS, HOLDS, paper
from boundcheck.report.words import plural
from boundcheck.runs import Run, hardening_key, records

_BINS = 60


@paper()
def draw_margin(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """Counts of anchors by margin in nats; a bin edge lies at zero, and the colour changes there.

    Args:
        run: The run.
    """
    margins = {key: values for key, values in margins_of(run.anchors).items() if len(values)}
    if not margins:
        return None
    edges = margin_edges(np.concatenate(list(margins.values())))
    shares: dict[str, float] = {hardening_key(r.hardening, r.beta): r.share_holding for r in records(run.assumption)}
    figure = Figure(figsize=(COLUMN, 0.6 + 0.45 * max(len(margins), 2)), layout="constrained")
    strips = figure.subplots(len(margins), 1, sharex=True, squeeze=False)[:, 0]
    tables = []
    for ax, (key, values) in zip(strips, margins.items(), strict=True):
        table = margin_on(ax, values, edges)
        label = hardening_label(*_parse(key))
        say_bins(ax, table, f"{label}: %s with a margin of %s to %s nats")
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.grid(False)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize="small")
        share = percent(shares.get(key, np.nan))
        ax.text(1.01, 0.5, share, transform=ax.transAxes, va="center", fontsize="small", color=HOLDS)
        tables.append(table.assign(hardening=key)[["hardening", *table.columns]])
    for ax in strips[:-1]:
        ax.tick_params(bottom=False)
    strips[0].text(1.01, 0.95, "≥ 0:", transform=strips[0].transAxes, va="center", fontsize="small", color=HOLDS)
    strips[-1].set_xlabel("margin of Assumption 1 (nats)")
    return figure, pd.concat(tables, ignore_index=True)


def margin_on(ax: Axes, values: np.ndarray, edges: np.ndarray) -> pd.DataFrame:
    """Counts of one hardening's margins; the colour changes at zero.

    Args:
        ax: Where.
        values: (a,) finite margins, nats.
        edges: Of the bins, see `margin_edges`.

    Returns:
        The bins.
    """
    counts, _ = np.histogram(values, edges)
    # One outline for each colour: a bar for each bin takes ten times as long to draw.
    for bins, colour in ((edges[:-1] < 0, FAILS), (edges[:-1] >= 0, HOLDS)):
        ax.stairs(np.where(bins, counts, 0), edges, fill=True, color=colour, linewidth=0)
    ax.axvline(0, color="0.2", linewidth=0.8)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "anchors": counts})


def say_bins(ax: Axes, table: pd.DataFrame, said: str, place: Callable[[float], float] = float) -> None:
    """What shows on pointing at the bars of a histogram.

    Args:
        ax: Where.
        table: The bins: low, high, anchors.
        said: The words, with places for anchors, low and high.
        place: Of an edge on the axis.
    """
    full = list(records(table[table["anchors"] > 0]))
    boxes = [((place(bar.low), 0.0), (place(bar.high), float(bar.anchors))) for bar in full]
    words = [said % (plural(int(bar.anchors), "anchor"), number(bar.low), number(bar.high)) for bar in full]
    say_over(ax, boxes, words)


def margins_of(anchors: pd.DataFrame) -> dict[str, np.ndarray]:
    """Finite margins by hardening key, in the order of the columns."""
    columns = {name: re.fullmatch(r"margin\[(.+)\]", str(name)) for name in anchors.columns}
    finite = {match[1]: anchors[name].to_numpy(float) for name, match in columns.items() if match}
    return {key: values[np.isfinite(values)] for key, values in finite.items()}


def _parse(key: str) -> tuple[str, float]:
    """A hardening key back as (hardening, beta)."""
    return ("exp", float(key.removeprefix("exp:"))) if key.startswith("exp:") else (key, np.nan)


def margin_edges(values: np.ndarray) -> np.ndarray:
    """Equal bins over all values, with an edge at zero."""
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    width = (high - low) / _BINS or 1.0
    return width * np.arange(np.floor(low / width), np.floor(high / width) + 2)
