"""Losses at finite k, as exact as the limit: how many negatives are infinite?

docs/theory.md, eq. (14):

    L^(k) = E log(1 + (Q / k) sum_{i <= k} e^{t_ai - t_ap}),    negatives i.i.d. with weights w_b eta(t_ab),

averaged over positives p (the log inside) and anchors, by quadrature: no draw is made.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.anchor_losses import weighted_mean
from boundcheck.estimators.class_of_two import leaving_together
from boundcheck.estimators.dyadic import dyadic_gaps, least_k
from boundcheck.estimators.exact import exact_losses, pair_plan
from boundcheck.estimators.quadrature import Grid, Positives, grid_for, hit_share, losses_at, slope_at
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.hardening import denominator, numerator, tilted_term
from boundcheck.inference.influence import instance_influence, standard_error, top_share
from boundcheck.inference.intervals import Estimate
from boundcheck.losses import LossKey, Tilt
from boundcheck.options import POSITIVE, check, whole
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.laplace.pools import STEP, PoolInfluenceOf, PoolTransforms, PoolTransformsOf
from boundcheck.pairwise.passes import Task, in_parallel, run_one
from boundcheck.pairwise.plan import PairPlan
from boundcheck.spec import Execution, Variant

MOST_K = 10**12  # where every loss has long been its limit
DEFAULT_KS = (1, 10, 100, 1000, 10_000, 100_000)
FAR = 100
EPSILONS = (0.1, 0.01, 0.001)  # nats


@dataclass(frozen=True)
class FiniteLosses:
    """Losses at finite k beside their limit, over the same anchors.

    Attributes:
        limit: the limit's table.
        tables: k -> the losses at k, with the limit's log-sums and margins; per-anchor losses are those of the data's
            own pools.
        far: (n, f) influences of the losses at a hundred times the largest k, which stand for the limit's in gaps: they
            are first-order as those at k are, while the limit's own hold the whole effect of leaving an instance out.
        second_order: makes `predicted` when it is asked for.
        dyadic: makes the gaps at k = 1, 2, 4, ... likewise, see `dyadic_gaps`.
    """

    limit: LossTable
    tables: Mapping[int, LossTable]
    far: Tensor | None
    second_order: Callable[[], Tensor]
    dyadic: Callable[[], tuple[list[int], Tensor]]

    @property
    def ks(self) -> tuple[int, ...]:
        """Numbers of negatives, in the order asked for."""
        return tuple(self.tables)

    @property
    def predicted(self) -> Tensor:
        """(f,) the second-order prediction of k (L - L^(k)), docs/theory.md, eq. (17).

        Half the mean over anchors and positives of (s cv)^2, with s the slope of the loss in rho and cv the coefficient
        of variation of e^t in the pool.
        """
        return self.second_order()

    def gap(self, key: LossKey, k: int) -> Estimate:
        """Limit minus loss at k, nats, paired.

        Approximate where instances are few: of H-UCL it is too low, and its 95 % interval covered 75 to 90 % of 50
        digits (results/validation/intervals.csv); 90 % or more from 200 on.
        """
        f, table = self.limit.keys.index(key), self.tables[k]
        limit, finite = self.limit.loss(key), table.loss(key)
        value, plugin = limit.value - finite.value, limit.plugin - finite.plugin
        if self.far is None or table.influence is None:
            return Estimate(value, plugin, math.nan)
        influence = self.far[:, f] - table.influence[:, f]
        return Estimate(value, plugin, standard_error(influence), top_share(influence))

    def k_epsilon(self, key: LossKey, epsilon: float) -> float:
        """Least k at which the averaged loss lies within epsilon nats of its limit, over the data's own pools.

        Looked for among all k up to the largest asked for; inf where that does not reach epsilon. From the losses at
        1, 2, 4, ..., good to a per cent in between, see `dyadic`.
        """
        check("epsilon", epsilon, POSITIVE, "the usual is 0.01 nats")
        ks, gaps = self.dyadic()
        k = least_k(ks, gaps[self.limit.keys.index(key)], epsilon)
        return k if k <= max(self.ks) else math.inf

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """One row per loss and k, nats: estimate with its interval, gap to the limit, second-order prediction."""
        rows = []
        for f, key in enumerate(self.limit.keys):
            for k in self.ks:
                finite, gap = self.tables[k].loss(key), self.gap(key, k)
                low, high = finite.interval(confidence)
                gap_low, gap_high = gap.interval(confidence)
                rows.append(
                    dict(
                        loss=key.loss.id,
                        hardening=key.hardening.family,
                        beta=np.nan if key.hardening.beta is None else key.hardening.beta,
                        q=key.q,
                        k=k,
                        estimate=finite.value,
                        plugin=finite.plugin,
                        se=finite.se,
                        ci_low=low,
                        ci_high=high,
                        gap=gap.value,
                        gap_low=gap_low,
                        gap_high=gap_high,
                        gap_plugin=gap.plugin,
                        gap_predicted=float(self.predicted[f]) / k,
                        n_anchors=self.limit.anchors_used(key),
                    )
                )
        return pd.DataFrame(rows)

    def k_epsilon_frame(self, epsilons: Sequence[float] = EPSILONS) -> pd.DataFrame:
        """One row per loss and epsilon (nats): the number of negatives that is as good as infinitely many."""
        return pd.DataFrame(
            [
                dict(
                    loss=key.loss.id,
                    hardening=key.hardening.family,
                    beta=np.nan if key.hardening.beta is None else key.hardening.beta,
                    q=key.q,
                    epsilon=epsilon,
                    k_epsilon=self.k_epsilon(key, epsilon),
                )
                for key in self.limit.keys
                for epsilon in epsilons
            ]
        )

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format="{:.4f}".format, na_rep=""))


def finite_losses(
    emb: EmbeddingSet,
    variant: Variant,
    ks: Sequence[int] = DEFAULT_KS,
    execution: Execution | None = None,
    *,
    anchors: Tensor | None = None,
    intervals: bool = True,
    plan: PairPlan | None = None,
) -> FiniteLosses:
    """The losses of a variant at several k.

    Args:
        emb: embeddings and labels.
        variant: of the losses.
        ks: numbers of negatives, each at least 1.
        execution: device, precision, progress.
        anchors: original anchor indices to average over; None means all. Memory grows with
            anchors x losses x k x nodes.
        intervals: False leaves influences out.
        plan: the pairs, where there is a plan already.

    Raises:
        InputError: a k is below 1, or none is given; logits too large for a grid.
    """
    ks = tuple(dict.fromkeys(ks))
    if not ks:
        raise InputError("negatives: expected at least one number, received none; the usual are 10, 100, 1000")
    for k in ks:
        check("negatives", k, whole(1, MOST_K))
    execution, variant = execution or Execution(), variant.on(emb)
    plan = plan or pair_plan(emb, variant, execution)
    if anchors is not None:
        plan = plan.of(anchors)
    return run_one(plan, _finite_losses(emb, variant, ks, plan, intervals), execution.progress)


def _finite_losses(
    emb: EmbeddingSet, variant: Variant, ks: tuple[int, ...], plan: PairPlan, intervals: bool
) -> Task[FiniteLosses]:
    start, before = time.perf_counter(), plan.tally.pairs
    limit = yield from exact_losses(emb, variant, plan, intervals)
    every = (*ks, FAR * max(ks)) if intervals else ks
    q = [1.0 if math.isinf(q) else q for q in variant.q]
    grid = grid_for(limit, max(every), min(q), 1 / max(q))
    positives = Positives(limit, grid)
    points = [(q, k) for q in variant.q if not math.isinf(q) for k in every]
    transforms, *found = yield from in_parallel(
        _transforms(limit, grid), *(positives.transform(k / q) for q, k in points)
    )
    at = dict(zip(points, found, strict=True))
    columns = [
        [losses_at(limit, key, transforms.of(key.tilt), at.get((key.q, k)), k, grid) for k in every]
        for key in limit.keys
    ]
    value = torch.stack([torch.stack(column, 1) for column in columns], 1)
    influence = None
    if intervals:
        influence = yield from _influence(limit, transforms, positives, at, value, every)
    curvature, one_positive = _curvature_bias(limit), _leaving(limit, limit.losses.value)[0]
    cost = Cost(plan.tally.pairs - before, time.perf_counter() - start)
    tables = {
        k: replace(
            limit,
            k=k,
            losses=replace(limit.losses, value=value[:, :, j]),
            correction=limit.correction - curvature / k - one_positive + _leaving(limit, value[:, :, j])[0],
            influence=None if influence is None else influence[:, :, j],
            cost=cost,
        )
        for j, k in enumerate(ks)
    }
    far = None if influence is None else influence[:, :, -1]
    second_order = cache(lambda: run_one(plan, _second_order(limit)))
    dyadic = cache(lambda: run_one(plan, dyadic_gaps(transforms, positives, max(ks))))
    return FiniteLosses(limit, tables, far, second_order, dyadic)


def _transforms(limit: LossTable, grid: Grid) -> Task[PoolTransforms]:
    found: PoolTransforms = yield PoolTransformsOf(
        table=limit.table, hardenings=limit.variant.hardenings, log_u=grid.log_u, nodes=grid.nodes
    )
    return found


def _leaving(limit: LossTable, value: Tensor) -> tuple[Tensor, Tensor]:
    """Corrections (f,) and influences (n, f) of anchors that leave with their only positive; none without intervals."""
    if limit.influence is None:
        return torch.zeros(len(limit.keys), dtype=torch.float64), torch.zeros(())
    return leaving_together(limit.emb, limit.variant, limit.table.anchors, value, limit.losses.weight)


def _curvature_bias(limit: LossTable) -> Tensor:
    """(f,) minus the part of the limit's bias that comes from the curvature of the loss in the mean of e^t, nats.

    k draws from a sample of m vary by 1/k + 1/m - 1/(km): at k the sample's part is (1 - 1/k) times the limit's; what
    the tilt's own normalisation adds to the bias is the same at every k.
    """
    losses, variance = limit.losses, limit.rho_variance
    if not variance:
        return torch.zeros(len(limit.keys), dtype=torch.float64)
    square = losses.slope - losses.curvature  # mean over positives of sigmoid^2
    bias = torch.stack([square[:, f] * variance[key.tilt] / 2 for f, key in enumerate(limit.keys)], 1)
    return weighted_mean(bias, losses.weight)


def _influence(
    limit: LossTable,
    transforms: PoolTransforms,
    positives: Positives,
    at: Mapping[tuple[float, int], Tensor],
    value: Tensor,
    ks: Sequence[int],
) -> Task[Tensor]:
    """(n, f, k) influences as anchor, as negative, as positive."""
    emb, variant, keys = limit.emb, limit.variant, limit.keys
    weight = limit.losses.weight
    others = torch.zeros(emb.n, len(keys), len(ks), dtype=torch.float64)
    if variant.self_pairs == "exclude":
        slope = torch.stack(
            [
                slope_at(transforms.of(key.tilt), at.get((key.q, k)), k) * weight[:, [f]]
                for f, key in enumerate(keys)
                for k in ks
            ],
            1,
        ).nan_to_num(0.0)
        columns = {q: [f for f, key in enumerate(keys) if key.q == q] for q, _ in at}
        hits = {
            (q, k): torch.stack(
                [-STEP * hit_share(transforms.of(keys[f].tilt), k) * weight[:, [f]] for f in columns[q]], 1
            ).nan_to_num(0.0)
            for q, k in at
        }
        of_pools, *of_positives = yield from in_parallel(
            _pool_influence(transforms, tuple(key.tilt for key in keys for _ in ks), slope, positives.grid),
            *(positives.influence(k / q, transform, hits[q, k]) for (q, k), transform in at.items()),
        )
        others = of_pools.view(others.shape)
        for (q, k), of_positive in zip(at, of_positives, strict=True):
            others[:, columns[q], ks.index(k)] += of_positive
        others += torch.stack([_leaving(limit, value[:, :, j])[1] for j in range(len(ks))], 2)
    unsampled = 1 - len(limit.table.anchors) / (emb.n * emb.v) if variant.self_pairs == "include" else 1.0
    stratified = variant.stratified and variant.self_pairs == "exclude"
    out, y = torch.empty_like(others), torch.from_numpy(emb.y)
    for f in range(len(keys)):
        for j in range(len(ks)):
            out[:, f, j] = instance_influence(
                value[:, f, j], weight[:, f], limit.table.anchors, others[:, f, j], y, emb.v, stratified
            )
    return math.sqrt(unsampled) * out


def _pool_influence(transforms: PoolTransforms, tilts: tuple[Tilt, ...], slope: Tensor, grid: Grid) -> Task[Tensor]:
    found: Tensor = yield PoolInfluenceOf(
        table=transforms.table,
        hardenings=transforms.hardenings,
        log_u=grid.log_u,
        nodes=grid.nodes,
        transforms=transforms,
        tilts=tilts,
        slope=slope,
    )
    return found


def _second_order(limit: LossTable) -> Task[Tensor]:
    """(f,) limit of k (L - L^(k)) as k grows, see `FiniteLosses.predicted`."""
    terms = [(denominator(h), numerator(h), tilted_term(h, 2.0)) for h in limit.variant.hardenings]
    table: CumulantTable = yield LogSumsOf(tuple(dict.fromkeys(term for of_one in terms for term in of_one)))
    slopes = limit.losses.slope - limit.losses.curvature  # mean over positives of sigmoid^2
    out = []
    for f, key in enumerate(limit.keys):
        pool, h = key.tilt.pool, key.hardening
        low, middle, high = (table.log_sum(pool, tilted_term(h, power)) for power in (0.0, 1.0, 2.0))
        spread = slopes[:, [f]] * torch.expm1(high + low - 2 * middle)[:, None] / 2
        out.append(weighted_mean(spread, limit.losses.weight[:, [f]]))
    return torch.cat(out)
