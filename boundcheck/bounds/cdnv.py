"""The class-distance normalised variance bounds few-shot error: three applications of Markov's inequality."""

from __future__ import annotations

import numpy as np

from boundcheck.bounds.base import FewShotBound, Terms
from boundcheck.bounds.moments import ClassMoments, per_distance


def _terms(moments: ClassMoments, m: float) -> Terms:
    """An error needs 2 |x - mu_i| + |mu^_i - mu_i| + |mu^_j - mu_j| >= d, hence one of the three lengths >= d / 4."""
    v = moments.variance
    own = np.broadcast_to(v[:, None], moments.distance2.shape)
    return {
        "spread of the class": 16 * per_distance(own.copy(), moments.distance2),
        "noise of the means": 16 * per_distance((v[:, None] + v[None]) / m, moments.distance2),
    }


cdnv = FewShotBound(
    id="cdnv",
    title="Class-distance normalised variance, by Markov",
    statement=r"\frac{16}{d_{ij}^2}\left(v_i + \frac{v_i + v_j}{m}\right)",
    source="after Galanti, Gyorgy, Hutter 2022 (arXiv 2112.15121), who bound the error by the CDNV; derived here by the"
    " triangle inequality. The paper's constant was not at hand; 16 is not the best: Minkowski's inequality gives"
    " (2 sqrt(v_i) + sqrt(v_i / m) + sqrt(v_j / m))^2 / d^2, at most 6/16 of it",
    terms=_terms,
)
