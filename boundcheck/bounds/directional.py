"""Directional variance bounds few-shot error: Chebyshev's inequality with the variance across the line left to 1/m."""

from __future__ import annotations

import math

import numpy as np

from boundcheck.bounds.base import FewShotBound, Terms
from boundcheck.bounds.moments import ClassMoments, per_distance


def _terms(moments: ClassMoments, m: float) -> Terms:
    """With X = |x - mu^_j|^2 - |x - mu^_i|^2, an error is X <= 0 and E X = d^2 (1 + (v_j - v_i) / (m d^2)).

    Chebyshev gives Var X / (E X)^2 where E X > 0. Writing x = mu_i + e, mu^_i = mu_i + a, mu^_j = mu_j + b,
    X - E X = -2 <e, D> + [2 <e, a> - 2 <e, b>] + 2 <D, b> + [|b|^2 - |a|^2], less its mean. The first is uncorrelated
    with the others and gives 4 V~; the standard deviations of the rest, over d^2, are at most sqrt(E1) + sqrt(E2) +
    sqrt(E3), as 4 V^2 / m + 4 V / m <= (sqrt(E1) + sqrt(E2))^2.
    """
    ahead = 4 * moments.directional_cdnv
    if math.isinf(m):  # nothing else is left
        return {"variance towards the other class": ahead, "noise of the means": np.zeros_like(ahead)}
    v = moments.cdnv
    fourth = per_distance(moments.fourth[:, None] + moments.fourth[None], np.square(moments.distance2))
    shift = per_distance((moments.variance[None] - moments.variance[:, None]) / m, moments.distance2)
    with np.errstate(invalid="ignore"):  # classes that share their mean
        first, second = 4 * (np.square(v) + v / 4) / m, v / m
        third = (fourth / m + 2 * (1 - 1 / m) * np.square(v)) / m**2
        noise = np.square(np.sqrt(first) + np.sqrt(second) + np.sqrt(third))
        denominator = np.where(1 + shift > 0, np.square(1 + shift), 0.0)
    return {
        "variance towards the other class": _ratio(ahead, denominator),
        "noise of the means": _ratio(noise, denominator),
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Infinite where the expected gap is not positive, and so nothing is said."""
    valid = np.isfinite(numerator) & (denominator > 0)
    out = np.full(numerator.shape, np.inf)
    np.divide(numerator, denominator, out=out, where=valid)
    return out


directional = FewShotBound(
    id="directional",
    title="Directional variance, by Chebyshev",
    statement=r"\frac{4\tilde V_{ij} + (\sqrt{E_1} + \sqrt{E_2} + \sqrt{E_3})^2}"
    r"{\left(1 + (v_j - v_i)/(m d_{ij}^2)\right)^2},\quad E_1 = \tfrac{4}{m}(V^2 + \tfrac{V}{4}),\;"
    r" E_2 = \tfrac{V}{m},\; E_3 = \tfrac{\Theta + 2(m - 1)V^2}{m^3}",
    source="arXiv 2603.03530, Theorem 4.1, with V = (v_i + v_j) / d^2 and Theta = (theta_i + theta_j) / d^4; derived"
    " again, which needs E X > 0 in place of the paper's m >= 10",
    terms=_terms,
)
