"""A mean over training seeds, and the difference of two: what seeds leave to chance, and what instances do.

Each of S encoders is one draw of its method's training; all are judged on a sample of instances. With theta_s the
estimate of encoder s and bar theta their mean, the two sources of error are

    seeds:      se^2 = sum_s (theta_s - bar theta)^2 / (S (S - 1)),    S - 1 degrees of freedom;
    instances:  se^2 from the influences of the instances on bar theta (docs/theory.md, eq. (55) to (57)), with their
                degrees of freedom.

Seeds and instances are crossed: the variance of bar theta is s_seeds^2 / S + s_instances^2 + s_both^2 / S, with s_both
that part of an instance's influence which differs from seed to seed. The first part estimates the first and the last
term, the second part the last two. Their sum therefore counts s_both^2 / S twice and is, on average, no less than the
variance: an interval of both parts may be too wide, never too narrow on that account. Degrees of freedom of sums are
Welch and Satterthwaite's (Satterthwaite, Biometrics Bulletin 2 (1946)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from boundcheck.inference.intervals import NORMAL, Estimate


@dataclass(frozen=True)
class Part:
    """A standard error, nats, with its degrees of freedom."""

    se: float
    freedom: float = NORMAL

    def about(self, value: float) -> Estimate:
        """The value with this error: its interval and p-value."""
        return Estimate(value, value, self.se, replicates=self.freedom + 1)


def together(parts: Sequence[Part]) -> Part:
    """The root of the sum of squares of independent errors, with Satterthwaite's degrees of freedom."""
    variances = np.array([part.se**2 for part in parts])
    total = float(variances.sum())
    if not total > 0:
        return Part(math.sqrt(total), NORMAL)
    spread = sum(v**2 / part.freedom for v, part in zip(variances.tolist(), parts, strict=True))
    return Part(math.sqrt(total), min(total**2 / spread, NORMAL))


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
    instances: Part
    training: Part | None

    @property
    def total(self) -> Part:
        """Both errors; that over instances alone where nothing is known of seeds."""
        return self.instances if self.training is None else together([self.training, self.instances])


def mean_of_seeds(values: Sequence[float], instances: Part) -> SeedMean:
    """The mean over seeds.

    Args:
        values: the estimate of each seed, nats.
        instances: error of their mean over samples of instances.
    """
    count, value = len(values), float(np.mean(values))
    if count == 1:
        return SeedMean(value, 1, math.nan, instances, None)
    spread = float(np.std(values, ddof=1))
    return SeedMean(value, count, spread, instances, Part(spread / math.sqrt(count), count - 1))


def difference(one: SeedMean, other: SeedMean, paired: Part | None = None) -> SeedMean:
    """one - other, trained apart.

    Args:
        one, other: of two methods.
        paired: error of the difference over samples of instances, where both saw the same; None takes their samples
            as independent.
    """
    instances = together([one.instances, other.instances]) if paired is None else paired
    training = None
    if one.training is not None and other.training is not None:
        training = together([one.training, other.training])
    return SeedMean(one.value - other.value, min(one.seeds, other.seeds), math.nan, instances, training)
