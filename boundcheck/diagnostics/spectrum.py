"""Dimensional collapse: how many directions carry the features."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from boundcheck.diagnostics.base import Diagnostic, is_point

RANKME_EPSILON = 1e-7  # the papers' own constants
LIDAR_DELTA, LIDAR_EPSILON = 1e-4, 1e-8
RELATIVE_ZERO = 1e-10  # eigenvalues below this share of the largest are rounding

SPECTRUM = (
    Diagnostic(
        "effective_rank", "Effective rank of the centred features", "1: a line; d: all directions alike",
        "Roy, Vetterli 2007 (EUSIPCO): exp of the entropy of the normalised singular values", 1.0, per_dimension=3,
    ),
    Diagnostic(
        "rankme", "RankMe", "1: a point or a line through 0; d: all directions alike",
        "Garrido, Balestriero, Najman, LeCun 2023 (arXiv 2210.02885): not centred, epsilon 1e-7", 1.0, per_dimension=3,
    ),
    Diagnostic(
        "alpha_req", "Decay exponent of the covariance spectrum", "0: flat; near 1: balanced; large: few directions",
        "Agrawal, Mondal, Ghosh, Richards 2022 (alpha-ReQ): minus the slope of log eigenvalue on log rank, all"
        " eigenvalues", form="kink", per_dimension=10,
    ),
)  # fmt: skip

LIDAR = Diagnostic(
    "lidar", "LiDAR", "1: one direction tells instances apart; d: all do",
    "Thilak et al. 2024 (arXiv 2312.04000): effective rank of the linear discriminants of instances, delta 1e-4,"
    " epsilon 1e-8", 1.0, per_dimension=3,
)  # fmt: skip


def effective_rank(values: Float[np.ndarray, " k"], epsilon: float = 0.0) -> float:
    """exp of the entropy of values / sum + epsilon; values >= 0."""
    p = values / values.sum() + epsilon
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def spectrum(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " 3"]:
    """The values of `SPECTRUM`, in that order, of (n, d) features; NaN for those of centred ones at a point."""
    plain = effective_rank(np.sqrt(_eigenvalues(x.T @ x)), RANKME_EPSILON)
    if is_point(x):
        return np.array([np.nan, plain, np.nan])
    centred = x - x.mean(0)
    eigenvalues = _eigenvalues(centred.T @ centred / len(x))
    real = eigenvalues[eigenvalues > RELATIVE_ZERO * eigenvalues[0]]
    decay = -np.polyfit(np.log(np.arange(1, len(real) + 1)), np.log(real), 1)[0] if len(real) > 1 else np.nan
    return np.array([effective_rank(np.sqrt(eigenvalues)), plain, decay])


def lidar(z: Float[np.ndarray, "n v d"]) -> float:
    """Effective rank of Sigma_w^(-1/2) Sigma_b Sigma_w^(-1/2), with instances for classes and views for samples.

    Args:
        z: (n, v, d) with v >= 2; Sigma_w is the mean covariance of views (v - 1 in the denominator) plus delta I,
            Sigma_b that of the instances' means (n - 1).

    Returns:
        At least 1; NaN where the means are one point.
    """
    n, v, d = z.shape
    means = z.mean(1)
    if is_point(means):
        return float("nan")
    centred = means - means.mean(0)
    spread = (z - means[:, None]).reshape(n * v, d)
    within = spread.T @ spread / (n * (v - 1)) + LIDAR_DELTA * np.eye(d)
    values, vectors = np.linalg.eigh(within)
    root = vectors / np.sqrt(values)  # whitens, up to a rotation that leaves eigenvalues alone
    return effective_rank(_eigenvalues(root.T @ (centred.T @ centred / (n - 1)) @ root), LIDAR_EPSILON)


def _eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """In descending order, without the negative ones that are rounding."""
    values: np.ndarray = np.linalg.eigvalsh(matrix)[::-1].clip(0.0)
    return values
