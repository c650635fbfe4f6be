"""The class-distance normalised variance bounds few-shot error: Markov's inequality for the square of three lengths.

docs/theory.md, eq. (99).
"""

from __future__ import annotations

import numpy as np

from boundcheck.bounds.base import FewShotBound, Terms
from boundcheck.bounds.moments import ClassMoments, per_distance


def _terms(moments: ClassMoments, m: float) -> Terms:
    """An error needs 2 |x - mu_i| + |mu^_i - mu_i| + |mu^_j - mu_j| >= d, by the triangle inequality.

    Its left side has the root mean square 2 sqrt(v_i) + sqrt(v_i / m) + sqrt(v_j / m) or less (Minkowski).
    """
    own = np.broadcast_to(np.sqrt(moments.variance)[:, None], moments.distance2.shape)
    means = (own + own.T) / np.sqrt(m)
    return {
        "spread of the class": per_distance(4 * np.square(own), moments.distance2),
        "noise of the means": per_distance(4 * own * means + np.square(means), moments.distance2),
    }


cdnv = FewShotBound(
    id="cdnv",
    title="Class-distance normalised variance, by Markov",
    statement=r"\frac{1}{d_{ij}^2}\left(2\sqrt{v_i} + \sqrt{v_i/m} + \sqrt{v_j/m}\right)^2",
    source="after Galanti, Gyorgy, Hutter 2022 (arXiv 2112.15121), who bound the error by the CDNV; derived here by the"
    " triangle inequality and Minkowski's. The paper's constant was not at hand",
    terms=_terms,
)
