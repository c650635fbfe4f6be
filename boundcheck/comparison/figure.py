"""Figures of a comparison: the gap by method and the differences over hardness; the gap by class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.comparison.words import GAP, at_place, class_place, label, quantity_label
from boundcheck.hardening import hardening_label
from boundcheck.report.figures._axis import HardnessAxis
from boundcheck.report.style import COLUMN, LOSS_COLOUR, LOSS_MARKER, NEUTRAL, PAGE, paper
from boundcheck.runs import records

_COLOURS = ("#4d4d4d", "#0064a4", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
_MARKERS = "osD^v<"
_MOST_CLASSES = 40  # of which a page's height is legible; all are in the table


@paper()
def draw_comparison(frame: pd.DataFrame, members: pd.DataFrame) -> tuple[Figure, pd.DataFrame] | None:
    """The gap of each method with its seeds as small points, and beside it what each method changes in every quantity.

    Args:
        frame: of a comparison; the first Q is shown.
        members: of the same, for the seeds.
    """
    rows = frame[(frame["class"] == "") & (frame["q"] == frame["q"].iloc[0])]
    gaps = rows[(rows["against"] == "") & rows["quantity"].isin(["ucl - scl", GAP])]
    changes = rows[rows["against"] != ""]
    if gaps.empty and changes.empty:
        return None
    axis = HardnessAxis.of(rows)
    others = list(dict.fromkeys(changes["method"]))
    panels = ([None] if len(gaps) else []) + others
    figure = Figure(figsize=(COLUMN * max(len(panels), 1), 2.8), layout="constrained")
    axes = np.ravel(figure.subplots(1, len(panels), squeeze=False))
    for ax, panel in zip(axes, panels, strict=True):
        axis.draw(ax)
        ax.axhline(0, color="0.5", linewidth=0.8)
        if panel is None:
            _draw_gaps(ax, axis, gaps, members[(members["class"] == "") & (members["q"] == rows["q"].iloc[0])])
        else:
            _draw_changes(ax, axis, changes[changes["method"] == panel])
    return figure, rows


def _draw_gaps(ax: Axes, axis: HardnessAxis, gaps: pd.DataFrame, members: pd.DataFrame) -> None:
    methods = list(dict.fromkeys(gaps["method"]))
    for number, method in enumerate(methods):
        own = gaps[gaps["method"] == method]
        colour, shift = _COLOURS[number % len(_COLOURS)], _shift(number, len(methods))
        _points(ax, axis, own, shift, colour, _MARKERS[number % len(_MARKERS)], method)
        each = members[(members["method"] == method) & members["quantity"].isin(["ucl - scl", GAP])]
        if each["encoder"].nunique() > 1:
            x = np.array(axis.positions(each)) + shift
            ax.plot(x, each["estimate"], ".", color=colour, markersize=2, alpha=0.6)
    ax.set_ylabel(f"{quantity_label(GAP)} (nats)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _draw_changes(ax: Axes, axis: HardnessAxis, changes: pd.DataFrame) -> None:
    """At eta = 1 a hard loss is its plain one, and a gap between hard losses that between plain ones."""
    slots = {"ucl": 0, "hucl": 0, "scl": 1, "hscl": 1, "ucl - scl": 2, GAP: 2}
    names = [
        name
        for name in dict.fromkeys(changes["quantity"])
        if name != "ucl - scl" or GAP not in set(changes["quantity"])
    ]
    for name in names:
        own = changes[changes["quantity"].isin(["ucl - scl", GAP] if name == GAP else [name])]
        colour, marker = LOSS_COLOUR.get(name, NEUTRAL), LOSS_MARKER.get(name, "x")
        _points(ax, axis, own, _shift(slots.get(name, 3), 3), colour, marker, quantity_label(name))
    ax.set_ylabel(f"{label(next(records(changes)))} (nats)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=0.8, handletextpad=0.2)


def _points(
    ax: Axes, axis: HardnessAxis, rows: pd.DataFrame, shift: float, colour: str, marker: str, name: str
) -> None:
    """Estimates with intervals, hollow where they are not to be relied on."""
    x = np.array(axis.positions(rows)) + shift
    style: dict[str, Any] = {"color": colour, "linestyle": "", "capsize": 1.5, "elinewidth": 0.9}
    middle = rows["estimate"]
    ax.errorbar(x, middle, yerr=[middle - rows["ci_low"], rows["ci_high"] - middle], **style)
    sure = rows["reliable"].to_numpy(bool)
    ax.plot(x[sure], middle[sure], marker, color=colour)
    ax.plot(x[~sure], middle[~sure], marker, markerfacecolor="white", color=colour)
    ax.plot([], [], marker, color=colour, label=name)


def _shift(number: int, count: int) -> float:
    """Side by side, so that intervals at one hardness do not cover each other."""
    return 0.014 * (number - (count - 1) / 2)


@paper()
def draw_classes(frame: pd.DataFrame) -> tuple[Figure, pd.DataFrame] | None:
    """The gap of every class by method, and the differences, at one hardness; None where there are no classes.

    Args:
        frame: of a comparison.
    """
    place = class_place(frame)
    if place is None:
        return None
    rows = at_place(frame, place)
    first = rows[(rows["method"] == rows["method"].iloc[0]) & (rows["against"] == "")]
    order = list(first.sort_values("estimate")["class"])[-_MOST_CLASSES:]
    kept = rows[rows["class"].isin(order)]
    means, changes = kept[kept["against"] == ""], kept[kept["against"] != ""]
    panels = [means] + ([changes] if len(changes) else [])
    height = 0.9 + 0.2 * len(order)
    figure = Figure(figsize=(PAGE if len(panels) == 2 else COLUMN, height), layout="constrained")
    axes = np.ravel(figure.subplots(1, len(panels), sharey=True, squeeze=False))
    what = f"{quantity_label(GAP)} at {hardening_label(*place[:2])} (nats)"
    for ax, part in zip(axes, panels, strict=True):
        names = list(dict.fromkeys(label(row) for row in records(part)))
        methods = list(dict.fromkeys(frame["method"]))
        for number, name in enumerate(names):
            own = part[[label(row) == name for row in records(part)]]
            at = methods.index(own["method"].iloc[0])
            y = np.array([order.index(of) for of in own["class"]]) + 0.18 * (number - (len(names) - 1) / 2)
            _rows(ax, own, y, _COLOURS[at % len(_COLOURS)], _MARKERS[at % len(_MARKERS)], name)
        ax.axvline(0, color="0.5", linewidth=0.8)
        ax.set_yticks(range(len(order)), order)
        ax.grid(False, axis="y")
        ax.set_xlabel(what if part is means else f"difference of {what}")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure, rows


def _rows(ax: Axes, rows: pd.DataFrame, y: np.ndarray, colour: str, marker: str, name: str) -> None:
    middle = rows["estimate"]
    ends = [middle - rows["ci_low"], rows["ci_high"] - middle]
    ax.errorbar(middle, y, xerr=ends, color=colour, linestyle="", capsize=1.5, elinewidth=0.9)
    sure = rows["reliable"].to_numpy(bool)
    ax.plot(middle[sure], y[sure], marker, color=colour)
    ax.plot(middle[~sure], y[~sure], marker, markerfacecolor="white", color=colour)
    ax.plot([], [], marker, color=colour, label=name)
