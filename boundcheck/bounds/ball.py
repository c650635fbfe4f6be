"""How many instances lie in a ball about their class mean: the skeleton of the bounds by concentration."""

from __future__ import annotations

import math

import numpy as np

from boundcheck.bounds.base import FewShotBound, Terms
from boundcheck.bounds.moments import ClassMoments

SHARES = np.linspace(0.0, 1.0, 101)  # of the distance between two means, left to the noise of theirs


def _terms(moments: ClassMoments, m: float) -> Terms:
    """An error needs 2 |e| + |a| + |b| >= d: for any s, 2 |e| >= d - s or |a| + |b| >= s.

    The first has the probability that the data show; the second at most (sqrt(v_i / m) + sqrt(v_j / m))^2 / s^2, by
    Markov. The best s of each pair is taken.
    """
    c, d = moments.c, np.sqrt(moments.distance2)
    deviation = np.sqrt(moments.variance / m)
    noise2 = np.square(deviation[:, None] + deviation[None])
    outside, noise = np.ones((c, c)), np.zeros((c, c))
    for i, radii in enumerate(moments.radii):
        for j in range(c):
            s = SHARES * d[i, j]
            beyond = 1 - np.searchsorted(radii, (d[i, j] - s) / 2 * (1 - 1e-12), side="left") / len(radii)
            means = np.divide(noise2[i, j], np.square(s), out=np.full(len(s), math.inf), where=s > 0)
            means[0] = 0.0 if noise2[i, j] == 0 else math.inf
            best = int(np.argmin(beyond + means))
            if beyond[best] + means[best] < 1:
                outside[i, j], noise[i, j] = beyond[best], means[best]
    return {"outside the ball": outside, "noise of the means": noise}


ball = FewShotBound(
    id="ball",
    title="Share of instances outside a ball about their mean",
    statement=r"\min_s \operatorname{P}(|x - \mu_i| \geq (d_{ij} - s)/2)"
    r" + \left(\sqrt{v_i/m} + \sqrt{v_j/m}\right)^2 / s^2",
    source="derived here; what remains of Huang, Yi, Zhao, Jiang 2023 (arXiv 2111.00743) when the (sigma, delta)"
    " concentration, which needs distances of augmented inputs, is read off the features themselves",
    terms=_terms,
    steps=True,
)
