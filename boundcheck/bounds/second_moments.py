"""All that the second moments of the gap say: Cantelli's inequality with its exact mean and variance."""

from __future__ import annotations

import math

import numpy as np

from boundcheck.bounds.base import FewShotBound, Terms
from boundcheck.bounds.moments import ClassMoments


def gap_moments(moments: ClassMoments, m: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Mean (c, c) of X = |x - mu^_j|^2 - |x - mu^_i|^2, x of class i, and its exact variance as a sum of parts.

    With x = mu_i + e and a, b the errors of the two means, the parts -2 <e, D>; 2 <e, a>; -2 <e, b>; 2 <D, b> + |b|^2;
    -|a|^2 of X are pairwise uncorrelated, since e, a and b are independent and centred. With t_ij =
    tr(Sigma_i Sigma_j), E|b|^4 = (theta + (m - 1)(v^2 + 2 t_jj)) / m^3; E <D, b> |b|^2 is 1/m^2 of one instance's.
    """
    ahead = {"variance towards the other class": 4 * moments.along}
    if math.isinf(m):  # nothing else is left
        return moments.distance2, ahead | {"noise of the means": np.zeros_like(moments.along)}
    v, t = moments.variance, moments.overlap
    own = np.diag(t)
    mean = moments.distance2 + (v[None] - v[:, None]) / m
    spread = (moments.fourth - np.square(v)) / m**3 + 2 * (1 - 1 / m) * own / m**2  # Var |a|^2
    return mean, ahead | {
        "noise of the means": 4 * (t + own[:, None] + moments.across) / m
        + 4 * moments.skew / m**2
        + spread[:, None]
        + spread[None],
    }


def _terms(moments: ClassMoments, m: float) -> Terms:
    """P(X <= 0) <= Var X / (Var X + (E X)^2) where E X > 0 (Cantelli), each part by its share of the variance.

    A pair whose expected gap is not positive is bounded by 1.
    """
    mean, parts = gap_moments(moments, m)
    variance = np.sum(list(parts.values()), axis=0)
    total = np.where(mean > 0, variance + np.square(mean), np.maximum(variance, np.finfo(float).tiny))
    scaled = {name: part / np.maximum(total, np.finfo(float).tiny) for name, part in parts.items()}
    nothing = (mean <= 0) & (variance <= 0)  # both classes one and the same point: always a tie
    scaled["noise of the means"] = np.where(nothing, 1.0, scaled["noise of the means"])
    return scaled


second_moments = FewShotBound(
    id="second_moments",
    title="Exact second moments, by Cantelli",
    statement=r"\frac{\operatorname{Var} X_{ij}}{\operatorname{Var} X_{ij} + (\operatorname{E} X_{ij})^2},\quad"
    r" X_{ij} = |x - \hat\mu_j|^2 - |x - \hat\mu_i|^2",
    source="derived here: the variance that Theorem 4.1 of arXiv 2603.03530 bounds is computed, and Cantelli's"
    " inequality replaces Chebyshev's; never above that theorem",
    terms=_terms,
)
