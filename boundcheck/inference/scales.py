"""Intervals of jackknifed statistics whose bias or skewness the plain one does not suit: ratios and kinks.

docs/theory.md, eq. (97) and eq. (98); what they cover beside the plain one is in results/validation/intervals.csv.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from boundcheck.inference.intervals import Estimate

MOST_FACTOR = 2.0
"""A correction by more is that of an expansion which does not converge: it has no interval."""

MOST_LOG_SE = 0.4
"""Beyond it the logarithm is no more linear in the data, and its denominator may be zero in the population. Chosen on
the sets of results/validation/intervals.csv, which has what the intervals cover that are left."""


class Shown(NamedTuple):
    """An estimate with its plug-in, standard error and interval; NaN where there is no interval."""

    estimate: float
    plugin: float
    se: float
    low: float
    high: float


def of_ratio(log: Estimate, confidence: float) -> Shown:
    """A positive ratio, from the jackknife of its logarithm: skewness and a bias in proportion leave with the log.

    Args:
        log: of the logarithm.
        confidence: of the interval.
    """
    plugin = math.exp(log.plugin)
    settled = abs(log.value - log.plugin) <= math.log(MOST_FACTOR) and log.se <= MOST_LOG_SE  # not where one is NaN
    if not (settled and math.isfinite(log.value)):
        return Shown(plugin, plugin, math.nan, math.nan, math.nan)
    low, high = (_exp(end) for end in log.interval(confidence))
    value = math.exp(log.value)
    return Shown(value, plugin, value * log.se, low, high)


def of_kink(estimate: Estimate, confidence: float) -> Shown:
    """A norm, or a mean of absolute values: near zero its bias falls as n^(-1/2), of which the jackknife takes half.

    The bias is then between none and twice the correction, and the interval holds both ends.
    """
    plain, mirrored = estimate.plugin, 2 * estimate.value - estimate.plugin
    half = estimate.interval(confidence)[1] - estimate.value
    return Shown(estimate.value, plain, estimate.se, min(plain, mirrored) - half, max(plain, mirrored) + half)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
