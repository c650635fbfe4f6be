"""What would decide what is undecided: design calculations from the estimates at hand."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from boundcheck.estimators.records import LossTable
from boundcheck.inference.intervals import Estimate

POWER = 0.8  # of the study that is proposed
MOST = 1000.0  # times the instances at hand: beyond, the gap is as good as zero


def to_decide(gap: Estimate, n: int, confidence: float, share: float = 1.0) -> str:
    """How many instances would decide a gap of the size seen.

    The standard error falls with the square root of n; the test must leave out zero at the confidence, or at a share
    of what is left to err in a family, with power 80 %.

    Args:
        gap: the estimate.
        n: instances behind it.
        confidence: of the interval.
        share: of 1 - confidence that this test may spend.
    """
    needed = float(ndtri(1 - share * (1 - confidence) / 2) + ndtri(POWER))
    factor = (needed * gap.se / abs(gap.value)) ** 2 if gap.value else float("inf")
    if factor > MOST:
        return f"the gap is too near 0 to be decided by {MOST:g} times as many instances"
    return f"about {_rounded(n * max(factor, 1.2)):,} instances, if the gap stays as it is"


def finer(losses: LossTable) -> str:
    """What would make rounding errors smaller: the precision of products, and of the embeddings as they came."""
    if losses.emb.z.dtype == np.float64:
        return "precision float64"
    return "embeddings in float64 and precision float64: these came in float32"


def _rounded(count: float) -> int:
    """To two digits."""
    return int(float(f"{count:.1e}"))
