"""The record every estimator yields: losses with their uncertainty, margins, shares, effective sample sizes, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.embeddings.duplicates import Duplicates
from boundcheck.errors import InputError
from boundcheck.estimators.anchor_losses import AnchorLosses, instance_weights, weighted_mean
from boundcheck.estimators.loss_frames import assumption_frame, losses_frame
from boundcheck.estimators.reliability import Doubt, Null, combination, doubt
from boundcheck.estimators.shares import MarginSummary
from boundcheck.hardening import Hardening
from boundcheck.inference.anytime import anytime_error
from boundcheck.inference.influence import instance_influence, standard_error, top_share
from boundcheck.inference.intervals import Estimate
from boundcheck.losses import Loss, LossKey, Tilt
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.spec import Variant


@dataclass(frozen=True)
class Cost:
    """What an estimate took: ordered pairs looked at (all passes), seconds."""

    pairs: int
    seconds: float

    @property
    def ns_per_pair(self) -> float:
        """Nanoseconds for one look at one ordered pair."""
        return self.seconds / max(self.pairs, 1) * 1e9


class LossNotComputed(InputError):
    """A loss was asked for that the variant leaves out."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(f"losses: {loss.title} is not among those computed")


@dataclass(frozen=True)
class LossTable:
    """The losses of one embedding set, from any estimator.

    Attributes:
        emb: the embeddings.
        variant: of the losses.
        estimator: "exact", "montecarlo" or "closed"; "dense" and "literal" in a search for counterexamples.
        k: number of negatives, None for the limit.
        table: the log-sums, one row per anchor.
        losses: per-anchor plug-in losses.
        correction: (f,) added to the plug-in means: minus their estimated bias.
        influence: (n, f) centred influences of the corrected means; None without intervals.
        margins: Assumption 1 at each hardening, the constant first.
        cost: pairs and seconds.
        reason: why "auto" chose the estimator; empty where it was asked for.
        anytime: confidence of intervals that hold at every number of anchors at once, see `inference.anytime`; None
            for intervals at a number of anchors fixed beforehand.
        rho_variance: tilt -> (a,) variance of rho over pools of this size; empty without a bias correction.
        effective: tilt -> (a,) effective number of instances that rho rests on, in its numerator or denominator,
            whichever is less; empty without intervals.
        shift: (f,) what of the correction is due to known class sizes, see `design_shift`.
        by_parts: (f,) means corrected by disjoint parts of the instances, see `convergence`; None where they were not
            looked at.
        pieces: how many parts.
        reached: tilt -> (n,) influences on the share of anchors at which rho_diff(eta) >= rho_all(1); empty without.
        null: the gap between the losses over all and over other classes when labels are permuted, at a hardening and Q,
            see `permutation`.
        duplicates: clusters of near-duplicates; None where there are none, or none were looked for.
        dropped: (f,) plug-in means without all but one of each cluster.
        clusters: (n,) what standard errors take for one draw; None where that is the instance.
        anchor_weight: (a,) mean one, where anchors are stratified; None weighs them by the class prior.
        population: the data are taken as all there is, whatever the variant, as a search for counterexamples does.
    """

    emb: EmbeddingSet
    variant: Variant
    estimator: str
    k: int | None
    table: CumulantTable
    losses: AnchorLosses
    correction: Tensor
    influence: Tensor | None
    margins: Mapping[Hardening, MarginSummary]
    cost: Cost
    reason: str = ""
    anytime: float | None = None
    rho_variance: Mapping[Tilt, Tensor] = field(default_factory=dict)
    effective: Mapping[Tilt, Tensor] = field(default_factory=dict)
    shift: Tensor | float = 0.0
    by_parts: Tensor | None = None
    reached: Mapping[Hardening, Tensor] = field(default_factory=dict)
    null: Mapping[tuple[Hardening, float], Null] = field(default_factory=dict)
    duplicates: Duplicates | None = None
    dropped: Tensor | None = None
    clusters: Tensor | None = None
    pieces: int = 1
    anchor_weight: Tensor | None = None
    population: bool = False

    @property
    def keys(self) -> tuple[LossKey, ...]:
        """The losses, in reporting order."""
        return self.losses.keys

    @property
    def exhaustive(self) -> bool:
        """The data set itself is the population (self_pairs="include") and seen whole: nothing is left to chance."""
        every_anchor = len(self.table.anchors) == self.emb.n * self.emb.v
        return self.population or (self.variant.self_pairs == "include" and every_anchor and self.k is None)

    @property
    def rounding(self) -> float:
        """Nats, what a margin or a difference of two losses may be off by: ties count as met."""
        return 2 * self.table.rounding

    def per_anchor(self, key: LossKey) -> Tensor:
        """(a,) plug-in losses of one key, nats."""
        return self.losses.value[:, self._place(key)]

    def _place(self, key: LossKey) -> int:
        """The column of a loss."""
        try:
            return self.keys.index(key)
        except ValueError:
            raise LossNotComputed(key.loss) from None

    def loss(self, key: LossKey) -> Estimate:
        """One averaged loss, nats."""
        return self.combine({key: 1.0})

    def gap(self, high: LossKey, low: LossKey) -> Estimate:
        """high - low, paired: from the influences of the difference."""
        weights = {high: 1.0}
        weights[low] = weights.get(low, 0.0) - 1.0  # a loss less itself is zero
        return self.combine(weights)

    def signs(self, keys: tuple[LossKey, ...]) -> Tensor:
        """(f,) the weights of one loss, or of the second less the first."""
        return combination(keys, self.keys)

    def contrast(self, keys: tuple[LossKey, ...]) -> Estimate:
        """One loss, or the second less the first."""
        return self.loss(keys[0]) if len(keys) == 1 else self.gap(keys[1], keys[0])

    def doubt(self, keys: tuple[LossKey, ...]) -> Doubt | None:
        """What stands against relying on a loss, or on the second less the first."""
        if keys not in self._doubts:
            self._doubts[keys] = doubt(self, keys)
        return self._doubts[keys]

    @cached_property
    def _doubts(self) -> dict[tuple[LossKey, ...], Doubt | None]:
        """What was found already: claims, tables and remedies ask for the same."""
        return {}

    @cached_property
    def _combined(self) -> dict[frozenset[tuple[LossKey, float]], Estimate]:
        """What was combined already, for the same reason."""
        return {}

    def combine(self, weights: Mapping[LossKey, float]) -> Estimate:
        """A linear combination of losses with its standard error."""
        key = frozenset(weights.items())
        if key not in self._combined:
            self._combined[key] = self._combine(weights)
        return self._combined[key]

    def _combine(self, weights: Mapping[LossKey, float]) -> Estimate:
        w, used = self._columns(weights)
        plugin = float((w[used] * self.losses.mean[used]).sum())
        value = plugin + float((w[used] * self.correction[used]).sum())
        if self.influence is None:
            return Estimate(value, plugin, float("nan"))
        se, heaviest = self.spread(self.influence[:, used] @ w[used])
        if self.anytime is not None:
            m, total = len(self.table.anchors), self.emb.n * self.emb.v
            se = anytime_error(se, self.sampling_error(weights), m, total, self.anytime)
        return Estimate(value, plugin, se, heaviest)

    def less(self, key: LossKey, value: float, influence: Tensor) -> Estimate:
        """One averaged loss less another statistic of the same sample, paired.

        Args:
            key: the loss, over all anchors.
            value: of the statistic, nats.
            influence: (n,) of the statistic, scaled as `instance_influence` scales them.
        """
        estimate = self.loss(key)
        plain = replace(estimate, value=estimate.value - value, plugin=estimate.plugin - value)
        if self.influence is None or self.exhaustive:
            return plain
        se, heaviest = self.spread(self.influence[:, self._place(key)] - influence)
        return replace(plain, se=se, top_share=heaviest)

    def spread(self, influence: Tensor) -> tuple[float, float]:
        """Standard error of an average and the share of it squared that the heaviest draw carries.

        Args:
            influence: (n,) of the instances; clusters of them are one draw, and their influences add up.
        """
        if self.clusters is not None:
            draws = int(self.clusters.max()) + 1
            summed = influence.new_zeros(draws).index_add_(0, self.clusters, influence)
            influence = summed * (draws / len(influence))
        return standard_error(influence), top_share(influence)

    def most_influential(self, key: LossKey) -> str:
        """Id of the instance that carries most of the variance of a loss."""
        assert self.influence is not None, "without intervals there are no influences"
        return str(self.emb.ids[int(self.influence[:, self._place(key)].abs().argmax())])

    def average(self, value: Tensor) -> Estimate:
        """The weighted mean over anchors of (a,) numbers, where the data are the population: all that is left to chance
        is which anchors were sampled."""
        assert self.variant.self_pairs == "include", "pools that are samples need influences"
        mean = float(weighted_mean(value[:, None], self.weight[:, None]))
        if self.exhaustive and self.emb.n > 1:
            return Estimate(mean, mean, 0.0)
        others = torch.zeros(self.emb.n, dtype=torch.float64)
        scale = self.emb.n * self.emb.v / len(value)
        y = torch.from_numpy(self.emb.y)
        influence = instance_influence(value, scale * self.weight, self.table.anchors, others, y, self.emb.v, False)
        m, total = len(value), self.emb.n * self.emb.v
        se = (1 - m / total) ** 0.5 * standard_error(influence)
        if self.anytime is not None:
            se = anytime_error(se, se, m, total, self.anytime)
        return Estimate(mean, mean, se)

    def sampling_error(self, weights: Mapping[LossKey, float]) -> float:
        """Standard error of a linear combination about the data set's own value: what sampling its anchors leaves.

        Anchors (not instances) are sampled without replacement, hence the finite-population correction; 0 with all.
        """
        w, used = self._columns(weights)
        m = len(self.table.anchors)
        weight = self.losses.weight[:, used]
        scatter = torch.where(weight > 0, self.losses.value[:, used] - self.losses.mean[used], 0.0)
        own = (scatter * weight / weight.mean(0)) @ w[used]
        unsampled = 1 - m / (self.emb.n * self.emb.v)
        return float((unsampled * own.square().sum() / (m * (m - 1))).sqrt())

    def _columns(self, weights: Mapping[LossKey, float]) -> tuple[Tensor, Tensor]:
        """The weights (f,) of all keys, and which are not zero."""
        w = torch.zeros(len(self.keys), dtype=torch.float64)
        for key, weight in weights.items():
            w[self._place(key)] += weight
        return w, w != 0

    def anchors_used(self, key: LossKey) -> int:
        """Anchors at which the loss is defined."""
        return int((self.losses.weight[:, self._place(key)] > 0).sum())

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """One row per loss with the columns of losses.csv; nats; `beta` and `k` are NaN where they do not apply."""
        return losses_frame(self, confidence)

    def assumption_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """One row per hardening with the columns of assumption.csv; the exponential family's end, beta = inf, last.

        Closed forms have no such end.
        """
        return assumption_frame(self, confidence)

    @cached_property
    def weight(self) -> Tensor:
        """(a,) anchor weights of the class prior, mean one over anchors."""
        if self.anchor_weight is not None:
            return self.anchor_weight
        w = instance_weights(torch.from_numpy(self.emb.y), self.variant.class_prior)[self.table.anchors // self.emb.v]
        return w * (len(w) / w.sum())

    def __repr__(self) -> str:
        sampled = f"{len(self.table.anchors):,} anchors of {self.emb.n:,} instances in {self.emb.v} views"
        columns = ["loss", "hardening", "beta", "q", "estimate", "se", "reliable"]
        return f"LossTable ({self.estimator}, {sampled}; nats)\n{self.to_frame()[columns].to_string(index=False)}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format="{:.4f}".format, na_rep=""))
