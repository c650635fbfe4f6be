"""Directional variance by Chebyshev, the noise of the means by Markov: the bound that the directional one improves."""

from __future__ import annotations

import math

import numpy as np

from boundcheck.bounds.base import FewShotBound, Terms
from boundcheck.bounds.moments import ClassMoments


def least_a(m: float) -> float:
    """The bound says something for a beyond 4 + 4 sqrt(2) / m, and the paper asks for a >= 5."""
    return max(5.0, 4 + 4 * math.sqrt(2) / m)


def at(moments: ClassMoments, m: float, a: float) -> Terms:
    """The bound at one a.

    Half of X / d^2 is 1/2 - <e, u>/d + R, and R >= -(|a|^2 / 2 + |e| |a| + |e| |b|) / d^2 - |b| / d for the errors a
    and b of the two means. With delta = (2 + 2 sqrt(2) / m) / a, an error needs <e, u>/d >= 1/2 - delta (Chebyshev) or
    -R >= delta (Markov). E |a|^2 = v_i / m, E |e| |b| <= sqrt(v_i v_j / m), and so on: over a pair and its reverse the
    mean of E(-R) is at most (sqrt(V) + V) / sqrt(m) + V / (4 m).
    """
    v = moments.cdnv
    apart = np.isfinite(v)
    known = np.where(apart, v, 0.0)
    slack = 0.5 - 2 / a - 2**1.5 / (a * m)
    chebyshev = moments.directional_cdnv / slack**2 if slack > 0 else np.full(v.shape, np.inf)
    noise = a / 4 * (2 / math.sqrt(m) * (np.sqrt(known) + known) + known / m)
    return {
        "variance towards the other class": chebyshev,
        "noise of the means": np.where(apart, noise, np.inf),
    }


def _terms(moments: ClassMoments, m: float) -> Terms:
    """At the a that makes the sum over all pairs least; one a for all, as the averaging over i and j is used."""
    off = ~np.eye(moments.c, dtype=bool)
    choices = least_a(m) * np.geomspace(1.001, 1e4, 400)
    totals = [sum(float(term[off].sum()) for term in at(moments, m, a).values()) for a in choices]
    return at(moments, m, float(choices[int(np.argmin(totals))]))


directional_markov = FewShotBound(
    id="directional_markov",
    title="Directional variance, by Markov",
    statement=r"\min_{a} \left(\tfrac12 - \tfrac2a - \tfrac{2^{3/2}}{am}\right)^{-2} \tilde V_{ij}"
    r" + \tfrac a4 \left(\tfrac{2}{\sqrt m}(\sqrt{V_{ij}} + V_{ij}) + \tfrac{V_{ij}}{m}\right)",
    source="arXiv 2506.04411 as given in the code of arXiv 2603.03530, V = (v_i + v_j) / d^2; derived again: it holds"
    " summed over all ordered pairs, for a > 4 + 4 sqrt(2) / m (a >= 5 alone does not do below m = 6)",
    terms=_terms,
)
