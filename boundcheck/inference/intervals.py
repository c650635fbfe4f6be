"""An estimate with its uncertainty, and the intervals and p-values read from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy.special import betaincinv, stdtr, stdtrit

# Above, so few instances carry the variance that no quantile makes up for it.
HEAVY_INFLUENCE = 0.5
NORMAL = 1e9  # degrees of freedom at which Student's t is the normal distribution


@dataclass(frozen=True)
class Estimate:
    """A population quantity estimated from a sample of instances.

    Attributes:
        value: bias-corrected; the interval is centred on it.
        plugin: the same functional of the finite data set.
        se: standard error of `value`; 0 when the data set itself is the population.
        top_share: share of se^2 that the most influential instance carries, see `HEAVY_INFLUENCE`; 0 without one.
        replicates: values that the standard error is the spread of, where it comes from a few of them; inf otherwise.
    """

    value: float
    plugin: float
    se: float
    top_share: float = 0.0
    replicates: float = math.inf

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard error: as many as instances would be that carry as much as the heaviest.

        Where influences have heavy tails the heaviest instances of the population tend to be missing from the sample,
        and normal intervals cover too little (results/validation). The spread of few values has one less than those.
        """
        return min(1 / self.top_share if self.top_share > 0 else NORMAL, self.replicates - 1)

    @property
    def heavy(self) -> bool:
        """Whether so few instances carry the variance that no interval covers what it says."""
        return self.top_share > HEAVY_INFLUENCE

    def interval(self, confidence: float) -> tuple[float, float]:
        """Two-sided interval by Student's t, see `freedom`; docs/theory.md, eq. (56)."""
        half = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.se
        return self.value - half, self.value + half

    def p_value(self) -> float:
        """One-sided p-value of value <= 0: small where the quantity is above zero; NaN where nothing is at chance."""
        return float(stdtr(self.freedom, -self.value / self.se)) if self.se > 0 else math.nan


@dataclass(frozen=True)
class Share:
    """A share of anchors against pools of the size at hand, as leave-one-out accuracy is.

    Attributes:
        value: the share.
        se: standard error over samples of instances; 0 when all anchors agree or the data are the population.
        n: instances.
        exhaustive: the data set itself is the population.
        anchor_se: the part of `se` that is due to which anchors were seen, the rest being due to their pools; None
            where it is all of it.
        top_share: of se^2, see `Estimate`.
        rest: what it may yet change by as pools grow; the interval holds both ends (docs/theory.md, eq. (103)).
    """

    value: float
    se: float
    n: int
    exhaustive: bool = False
    anchor_se: float | None = None
    top_share: float = 0.0
    rest: float = 0.0

    def with_pools(self, se: float, top_share: float) -> Share:
        """With what anchors owe to their pools, which are samples as well, in the standard error."""
        return replace(
            self, se=se, top_share=top_share, anchor_se=self.se if self.anchor_se is None else self.anchor_se
        )

    def interval(self, confidence: float) -> tuple[float, float]:
        """Korn and Graubard's interval (1998) over anchors, with Student's over their pools; both ends of its bias.

        docs/theory.md, eq. (59) and eq. (103).
        The first is Clopper-Pearson's at the sample size that the standard error implies. Where every anchor agrees
        that is zero; the size then is that of n independent instances. What an instance moves as a candidate is no
        binomial: counted in the size, it made intervals near 0 and 1 too wide (results/validation/shares.csv).
        """
        if math.isnan(self.value) or self.exhaustive:
            return self.value, self.value
        p, tail = self.value, (1 - confidence) / 2
        own = self.se if self.anchor_se is None else self.anchor_se
        size = min(self.n, p * (1 - p) / own**2) if own > 0 and 0 < p < 1 else float(self.n)
        met, unmet = p * size, (1 - p) * size
        low = float(betaincinv(met, unmet + 1, tail)) if met > 0 else 0.0
        high = float(betaincinv(met + 1, unmet, 1 - tail)) if unmet > 0 else 1.0
        # Rounding must not put the share outside its own interval.
        low, high = min(p, low), max(p, high)
        if self.se > own:
            freedom = min(1 / self.top_share, NORMAL) if self.top_share > 0 else NORMAL
            reach = float(stdtrit(freedom, 1 - tail)) * math.sqrt(self.se**2 - own**2)
            low, high = p - math.hypot(p - low, reach), p + math.hypot(high - p, reach)
        return max(0.0, low + min(self.rest, 0.0)), min(1.0, high + max(self.rest, 0.0))
