"""Measured error and every bound against the number of shots."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

LINES = {
    "cdnv": ("#999999", ":", "CDNV (Markov)"),
    "ball": ("#cc79a7", "-.", "ball"),
    "directional_markov": ("#e69f00", "--", "directional (Markov)"),
    "directional": ("#56b4e9", "-", "directional (Chebyshev)"),
    "second_moments": ("#0064a4", "-", "second moments (Cantelli)"),
}
MEASURED = "#000000"


def draw_downstream(ax: Axes, bounds: pd.DataFrame, measured: pd.DataFrame, classes: int) -> None:
    """One panel: error on a log scale, bounds from 1 on hollow and in the grey, where they say nothing.

    Args:
        ax: where.
        bounds: `Downstream.bounds`.
        measured: `Downstream.measured`.
        classes: C, for the line at chance.
    """
    finite = sorted(set(bounds.shots[np.isfinite(bounds.shots)]))
    at_infinity = finite[-1] * 4
    ax.set(xscale="log", yscale="log", ylim=(2e-3, 60), xlabel="instances of each class, m")
    ax.axhspan(1, 60, color="0.93", lw=0)
    ax.axhline(1 - 1 / classes, color="0.6", lw=0.7, ls=(0, (1, 2)))
    for name, (colour, dash, label) in LINES.items():
        rows = bounds[bounds.bound == name].sort_values("shots")
        x = rows.shots.replace(math.inf, at_infinity)
        ax.plot(x, rows.value, dash, color=colour, label=label)
        ax.fill_between(x, rows.ci_low.clip(lower=1e-4), rows.ci_high, color=colour, alpha=0.2, lw=0)
        for vacuous, fill in ((True, "white"), (False, colour)):
            some = (rows.value >= 1) == vacuous
            ax.plot(x[some], rows.value[some], "o", ms=3, mfc=fill, mec=colour)
    means = measured[measured.classifier == "nearest class mean"]
    probe = measured[measured.classifier == "linear probe"]
    for rows, marker, label in ((means, "s-", "measured, nearest mean"), (probe, "^", "measured, linear probe")):
        x = rows.shots.replace(math.inf, at_infinity)
        errors = np.stack([rows.error - rows.ci_low, rows.ci_high - rows.error])
        ax.errorbar(x, rows.error, errors, fmt=marker, color=MEASURED, ms=3.5, lw=1.4, capsize=1.5, label=label)
    ticks = [m for i, m in enumerate(finite) if i % 2 == 0]
    ax.set_xticks([*ticks, at_infinity], [*(f"{m:g}" for m in ticks), "∞"])
    ax.minorticks_off()
