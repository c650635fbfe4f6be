"""How alike two encoders are on the same instances."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from boundcheck.diagnostics.base import Diagnostic

RSA_INSTANCES = 2000  # pairs of them are correlated

BETWEEN = (
    Diagnostic(
        "cka", "Linear centred kernel alignment of the two encoders", "1: the same up to rotation and scale",
        "Kornblith, Norouzi, Lee, Hinton 2019 (arXiv 1905.00414)", 0.0, 1.0,
    ),
    Diagnostic(
        "rsa", "Correlation of their matrices of cosine distances", "1: the same distances up to scale",
        "Kriegeskorte, Mur, Bandettini 2008: Pearson correlation over the pairs of at most 2,000 instances", -1.0, 1.0,
    ),
)  # fmt: skip


def cka(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n e"]) -> float:
    """|A^T B|^2 / (|A^T A| |B^T B|), Frobenius, columns centred; NaN where one of them is a point."""
    a, b = a - a.mean(0), b - b.mean(0)
    scale = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.square(a.T @ b).sum() / scale) if scale > 0 else float("nan")


def rsa(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n e"]) -> float:
    """Pearson correlation of the cosines of all pairs of different instances; rows must not be zero."""
    above = np.triu_indices(len(a), 1)
    first, second = (_cosines(x)[above] for x in (a, b))
    return float(np.corrcoef(first, second)[0, 1]) if first.std() > 0 and second.std() > 0 else float("nan")


def _cosines(x: np.ndarray) -> np.ndarray:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines: np.ndarray = unit @ unit.T
    return cosines
