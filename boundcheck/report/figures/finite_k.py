"""How fast the losses reach their limit in the number of negatives."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from boundcheck.hardening import hardening_label
from boundcheck.report.figures._pointing import in_words, say_at
from boundcheck.report.format import number
from boundcheck.report.style import PAGE, loss_name, loss_style, losses_in, paper
from boundcheck.report.words import q_label
from boundcheck.runs import Run, records

_POOLS = (("ucl", "hucl"), ("scl", "hscl"))
_MARKERS = "os^Dv<>pPhX*"
_LEAST = 5e-6  # nats: below, a gap is the quadrature's error


@paper()
def draw_finite_k(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """Limit less loss over k, log-log: a row per Q; panels for the pool of all negatives, for other classes, and for
    each loss of one's own.

    Args:
        run: The run.
    """
    rows = run.finite_k
    if rows.empty:
        return None
    qs, ids = list(dict.fromkeys(rows["q"])), losses_in(rows["loss"])
    pools = [*_POOLS, *((loss, loss) for loss in ids if not any(loss in pool for pool in _POOLS))]
    lines = math.ceil(len(pools) / 2)
    figure = Figure(figsize=(PAGE, 0.3 + 2.4 * lines * len(qs)), layout="constrained")
    panels = figure.subplots(lines * len(qs), 2, sharex=True, sharey=True, squeeze=False)
    for i, q in enumerate(qs):
        of_q = list(panels[i * lines : (i + 1) * lines].flat)
        for ax in of_q[len(pools) :]:
            ax.remove()
        for ax, losses in zip(of_q, pools, strict=False):
            finite_k_on(ax, rows[(rows["q"] == q) & rows["loss"].isin(losses)], loss_style(losses[1], ids)["color"])
            ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.28), ncols=2)  # below: it would hide points
            if len(qs) > 1:
                ax.set_title(f"Q = {q_label(q)}")
    for ax in panels[:, 1]:
        ax.set_ylabel("")
    for column in panels.T:
        *upper, lowest = [ax for ax in column if ax.figure is not None]  # where the last was removed, the one above it
        lowest.tick_params(axis="x", labelbottom=True)
        for ax in upper:
            ax.set_xlabel("")
    return figure, rows


def finite_k_on(ax: Axes, rows: pd.DataFrame, darkest: str) -> None:
    """A curve for every hardening of one pool and one Q, from light to dark, each with a mark of its own; no legend.

    Args:
        ax: Where.
        rows: Of finite_k.csv: the plain and the hard loss of the pool.
        darkest: Colour of the steepest hardening; the others take tints of it.
    """
    curves = list(rows.groupby(["hardening", "beta"], sort=False, dropna=False))
    for i, ((hardening, _), curve) in enumerate(curves):
        depth = (i + 1) / len(curves)
        colour, marker = _lighter(darkest, depth), _MARKERS[i % len(_MARKERS)]
        name = loss_name(curve["loss"].iloc[0])
        limit = (curve["plugin"] + curve["gap_plugin"]).iloc[0]
        label = name if hardening == "constant" else f"{name}, {hardening_label(str(hardening), curve['beta'].iloc[0])}"
        seen = curve[curve["gap_plugin"] > _LEAST]
        ax.loglog(seen["k"], seen["gap_plugin"], marker, color=colour, label=label)
        below = in_words(records(seen), ("gap", "gap_low", "gap_high"))
        words = [f"{label}, k = {k:,}: {said} below the limit" for k, said in zip(seen["k"], below, strict=True)]
        say_at(ax, seen["k"].tolist(), seen["gap_plugin"].tolist(), words)
        batch = curve.assign(minibatch=limit - curve["minibatch"])
        batch = batch[batch["minibatch"] > np.maximum(_LEAST, 2 * batch["minibatch_se"])]
        ax.loglog(batch["k"], batch["minibatch"], "x", color=colour)
        words = [
            f"{label}, k = {row.k:,}: {number(row.minibatch, row.minibatch_se)} nats below the limit in mini-batches, "
            f"standard error {number(row.minibatch_se, row.minibatch_se)}"
            for row in records(batch)
        ]
        say_at(ax, batch["k"].tolist(), batch["minibatch"].tolist(), words)
        k = np.geomspace(curve["k"].min(), curve["k"].max(), 50)
        predicted = float(next(records(curve)).gap_predicted) * float(curve["k"].iloc[0]) / k
        ax.loglog(k[predicted > _LEAST], predicted[predicted > _LEAST], "--", color=colour, linewidth=0.8)
    ax.xaxis.set_minor_formatter(NullFormatter())  # within a decade its labels overlap
    ax.set_xlabel("negatives k")
    ax.set_ylabel("limit − loss (nats)")


def _lighter(colour: str, depth: float) -> tuple[float, float, float]:
    """A colour mixed with white; depth 1 is the colour itself, 0 a light tint of it."""
    red, green, blue = (1 - (0.35 + 0.65 * depth) * (1 - part) for part in to_rgb(colour))
    return red, green, blue
