"""A mean over training seeds, and the difference of two: what seeds leave to chance, and what instances do.

Each of S encoders is one draw of its method's training; all are judged on a sample of instances. With theta_s the
estimate of encoder s and bar theta their mean, the two sources of error are

    seeds:      se^2 = sum_s (theta_s - bar theta)^2 / (S (S - 1)),    S - 1 degrees of freedom;
    instances:  se^2 from the influences of the instances on bar theta (docs/theory.md, eq. (55) to (57)), with their
                degrees of freedom.

Seeds and instances are crossed: the variance of bar theta is s_seeds^2 / S + s_instances^2 + s_both^2 / S, with s_both
that part of an instance's influence which differs from seed to seed. The first part estimates the first and the last
term, the second part the last two. Their sum therefore counts s_both^2 / S twice and is, on average, no less than the
variance: an interval of both parts may be too wide, never too narrow on that account.

Independent errors are joined by Banerjee's rule (Sankhya 22 (1960); docs/theory.md, eq. (94)): the squares of their own
intervals' half-widths add up. Of normal errors it covers at least what it says, however their variances compare;
Welch and Satterthwaite's degrees of freedom do not: 95 % intervals of two seeds then cover as little as 87 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from boundcheck.inference.intervals import NORMAL

LEAST_P = 1e-300  # below, a p-value is zero


@dataclass(frozen=True)
class Part:
    """A standard error, nats, with its degrees of freedom."""

    se: float
    freedom: float = NORMAL


@dataclass(frozen=True)
class Error:
    """Independent errors of one number."""

    parts: tuple[Part, ...]

    @property
    def se(self) -> float:
        """The root of the sum of squares, nats."""
        return math.sqrt(sum(part.se**2 for part in self.parts))

    def half(self, confidence: float) -> float:
        """Half the width of an interval, nats."""
        return self._reach(1 - confidence)

    def interval(self, value: float, confidence: float) -> tuple[float, float]:
        """Two-sided, about the value."""
        half = self.half(confidence)
        return value - half, value + half

    def p_value(self, value: float) -> float:
        """Two-sided, of a true value of zero: the largest p at which the interval of confidence 1 - p holds it; NaN
        where nothing is at chance."""
        if not self.se > 0:
            return math.nan
        own = [part for part in self.parts if part.se > 0]
        if len(own) == 1:
            return 2 * float(stdtr(own[0].freedom, -abs(value) / own[0].se))
        if self._reach(LEAST_P) < abs(value):
            return 0.0
        return math.exp(brentq(lambda x: self._reach(math.exp(x)) - abs(value), math.log(LEAST_P), 0.0))

    def _reach(self, p: float) -> float:
        """Half the width of the interval that errs with probability p."""
        return math.hypot(*(float(-stdtrit(part.freedom, p / 2)) * part.se for part in self.parts))


def together(errors: Sequence[Error]) -> Error:
    """Independent errors of a sum or a difference."""
    return Error(tuple(part for error in errors for part in error.parts))


@dataclass(frozen=True)
class SeedMean:
    """A mean over seeds, or the difference of two.

    Attributes:
        value: nats.
        seeds: how many; of a difference the fewer.
        spread: standard deviation over seeds; NaN of one seed and of a difference.
        instances: error over samples of instances, these encoders given.
        training: error over seeds, these instances given; None where there is one seed, which says nothing of others.
    """

    value: float
    seeds: int
    spread: float
    instances: Error
    training: Error | None

    @property
    def total(self) -> Error:
        """Both errors; that over instances alone where nothing is known of seeds."""
        return self.instances if self.training is None else together([self.training, self.instances])


def mean_of_seeds(values: Sequence[float], instances: Part) -> SeedMean:
    """The mean over seeds.

    Args:
        values: the estimate of each seed, nats.
        instances: error of their mean over samples of instances.
    """
    count, value, error = len(values), float(np.mean(values)), Error((instances,))
    if count == 1:
        return SeedMean(value, 1, math.nan, error, None)
    spread = float(np.std(values, ddof=1))
    return SeedMean(value, count, spread, error, Error((Part(spread / math.sqrt(count), count - 1),)))


def difference(one: SeedMean, other: SeedMean, paired: Part | None = None) -> SeedMean:
    """one - other, trained apart.

    Args:
        one, other: of two methods.
        paired: error of the difference over samples of instances, where both saw the same; None takes their samples
            as independent.
    """
    instances = together([one.instances, other.instances]) if paired is None else Error((paired,))
    training = None
    if one.training is not None and other.training is not None:
        training = together([one.training, other.training])
    return SeedMean(one.value - other.value, min(one.seeds, other.seeds), math.nan, instances, training)


def freedom_of(quantile: float, confidence: float) -> float:
    """The degrees of freedom, 1 to `NORMAL`, at which an interval of Student's t is so many standard errors to each
    side; the nearer of the two where none is."""
    tail = (1 + confidence) / 2
    if not quantile > stdtrit(NORMAL, tail):
        return NORMAL
    if quantile >= stdtrit(1.0, tail):
        return 1.0
    return math.exp(brentq(lambda x: stdtrit(math.exp(x), tail) - quantile, 0.0, math.log(NORMAL)))
