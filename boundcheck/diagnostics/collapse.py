"""Neural collapse: how close each class is to a point, and the class means to a simplex.

With mu_c the class means, mu_G their mean (each class counts once), M the rows mu_c - mu_G, Sigma_W the mean
within-class covariance and Sigma_B = M^T M / C. There is no classifier: where a statement speaks of one, it is the
least-squares classifier of centred features to one-hot labels, which needs no training.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from boundcheck.bounds.moments import class_moments
from boundcheck.diagnostics.base import Diagnostic, is_point

PAPYAN = "Papyan, Han, Donoho 2020 (arXiv 2008.08186)"

COLLAPSE = (
    Diagnostic(
        "cdnv", "Class-distance normalised variance", "0: classes are points",
        "Galanti, Gyorgy, Hutter 2022 (arXiv 2112.15121): mean over pairs of (v_i + v_j) / (2 d_ij^2)", 0.0,
        form="ratio",
    ),
    Diagnostic(
        "directional_cdnv", "Variance along the line between two means", "0: none; four times it bounds the error",
        "arXiv 2603.03530: mean over ordered pairs of Var(<x, u_ij>) / d_ij^2", 0.0, form="ratio",
        per_class=10,
    ),
    Diagnostic(
        "nc1", "Variability within classes against between", "0: classes are points",
        f"{PAPYAN}, NC1: tr(Sigma_W Sigma_B^+) / C", 0.0, form="ratio", per_dimension=10,
    ),
    Diagnostic(
        "nc2_norms", "Spread of the lengths of class means", "0: equal lengths",
        f"{PAPYAN}, NC2: std over mean of |mu_c - mu_G|", 0.0, form="kink",
    ),
    Diagnostic(
        "nc2_angles", "Distance of the cosines between class means from the simplex'", "0: a simplex",
        f"{PAPYAN}, NC2: mean over pairs of |cos + 1/(C - 1)|", 0.0, 2.0, "kink", per_class=10,
    ),
    Diagnostic(
        "etf_distance", "Distance of the class means' Gram matrix from a simplex'", "0: an equiangular tight frame",
        "Zhu et al. 2021 (arXiv 2105.02375): |G/|G| - (I - J/C)/sqrt(C - 1)|, Frobenius, G = M M^T", 0.0, 2.0,
        "kink", per_class=10,
    ),
    Diagnostic(
        "nc3", "Distance of the least-squares classifier from the class means", "0: self-dual",
        f"{PAPYAN}, NC3: |W/|W| - M/|M||, Frobenius", 0.0, 2.0, "kink", 10,
    ),
    Diagnostic(
        "nc4", "Share at which it disagrees with the nearest class mean", "0: the same decisions",
        f"{PAPYAN}, NC4", 0.0, 1.0, "share", 10,
    ),
)  # fmt: skip

NC5 = Diagnostic(
    "nc5", "Mean |cosine| of class means with the mean of data from outside", "0: orthogonal",
    "Ben Ammar et al. 2024 (arXiv 2310.06823), NC5", 0.0, 1.0, "kink",
)  # fmt: skip


def collapse(x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"]) -> Float[np.ndarray, " 8"]:
    """The values of `COLLAPSE`, in that order; NaN where all features are one point, infinite where two means are.

    Args:
        x: (n, d) features.
        y: (n,) class codes, every class with an instance.
    """
    if is_point(x):
        return np.full(len(COLLAPSE), np.nan)
    moments = class_moments(x, y)
    c, off = moments.c, ~np.eye(moments.c, dtype=bool)
    m = moments.mean - moments.mean.mean(0)
    gram = m @ m.T
    centred = x - moments.mean[y]
    within = (centred / np.bincount(y)[y, None]).T @ centred / c
    lengths = np.sqrt(np.diag(gram))
    cosines = _ratio(gram, np.outer(lengths, lengths))[off]
    simplex = (np.eye(c) - 1 / c) / np.sqrt(c - 1)
    w, decided = _least_squares(x, y, c)
    nearest = np.square(moments.mean).sum(1) - 2 * x @ moments.mean.T
    return np.array(
        [
            moments.cdnv[off].mean() / 2,
            moments.directional_cdnv[off].mean(),
            np.trace(within @ np.linalg.pinv(m.T @ m / c, rcond=1e-10, hermitian=True)) / c,
            _ratio(lengths.std(), lengths.mean()),
            np.abs(cosines + 1 / (c - 1)).mean(),
            np.linalg.norm(_ratio(gram, np.linalg.norm(gram)) - simplex),
            np.linalg.norm(_ratio(w, np.linalg.norm(w)) - _ratio(m, np.linalg.norm(m))),
            np.mean(decided != nearest.argmin(1)),
        ]
    )


def _ratio(values: np.ndarray | np.floating, scale: np.ndarray | np.floating) -> np.ndarray:
    """NaN where the scale is 0: means that all lie at their own mean have no direction."""
    out = np.full(np.shape(values), np.nan)
    np.divide(values, scale, out=out, where=np.asarray(scale) > 0)
    return out


def _least_squares(x: np.ndarray, y: np.ndarray, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (c, d) of the least-squares classifier with an intercept, and its decisions (n,)."""
    centred, labels = x - x.mean(0), np.eye(c)[y]
    w = np.linalg.lstsq(centred.T @ centred, centred.T @ (labels - labels.mean(0)), rcond=1e-10)[0].T
    return w, (centred @ w.T + labels.mean(0)).argmax(1)


def nc5(x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], outside: Float[np.ndarray, "m d"]) -> float:
    """Mean over classes of |cos(mu_c, mean of the data from outside)|.

    Args:
        x: (n, d) features.
        y: (n,) class codes.
        outside: (m, d) features of data of none of the classes, by the same encoder.
    """
    means = np.stack([x[y == c].mean(0) for c in range(y.max() + 1)])
    other = outside.mean(0)
    return float(np.abs(means @ other / (np.linalg.norm(means, axis=1) * np.linalg.norm(other))).mean())
