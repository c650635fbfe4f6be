"""How close positives are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from boundcheck.diagnostics.base import Diagnostic

WANG = "Wang, Isola 2020 (arXiv 2005.10242), alpha = 2: mean of |z - z+|^2"

VIEW_ALIGNMENT = Diagnostic("alignment", "Distance of two views of an instance", "0: the same point", WANG, 0.0, 4.0)
CLASS_ALIGNMENT = Diagnostic(
    "class_alignment", "Distance of two instances of a class", "0: classes are points", f"{WANG}, class positives",
    0.0, 4.0,
)  # fmt: skip


def alignment(z: Float[np.ndarray, "n v d"]) -> float:
    """Mean squared distance of two different views, v >= 2: twice their variance with v - 1 in the denominator."""
    return float(2 * np.square(z - z.mean(1, keepdims=True)).sum(2).mean() * z.shape[1] / (z.shape[1] - 1))


def class_alignment(x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"]) -> float:
    """Mean over instances of the mean squared distance to the others of their class; NaN where all are alone."""
    counts = np.bincount(y)
    total, used = 0.0, 0
    for c in np.flatnonzero(counts > 1):
        mine = x[y == c]
        total += 2 * np.square(mine - mine.mean(0)).sum() * counts[c] / (counts[c] - 1)
        used += counts[c]
    return float(total / used) if used else float("nan")
