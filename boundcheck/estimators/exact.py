"""The exact estimator: every ordered pair, two passes (log-sums, then leave-one-out effects)."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import torch
from torch import Tensor

from boundcheck._device import resolve_device
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.anchor_losses import (
    AnchorLosses,
    anchor_losses,
    design_shift,
    instance_weights,
)
from boundcheck.estimators.averages import functionals, reach_of, reaching, share_influence
from boundcheck.estimators.class_of_two import leaving_together
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.estimators.shares import MarginSummary, share_of
from boundcheck.hardening import Hardening, terms_for
from boundcheck.inference.influence import (
    instance_influence,
    standard_error,
    top_share,
)
from boundcheck.losses import Tilt
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.jackknife.leave_out import LeaveOneOut, LeaveOneOutOf
from boundcheck.pairwise.passes import Task, in_parallel, run_one
from boundcheck.pairwise.plan import PairPlan, Tally, choose_dtype, plan_pairs
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.pairwise.ring.sharing import sharded_plan
from boundcheck.pools import DIFF
from boundcheck.spec import Execution, Variant

SMALL_REACH = 0.25  # nats
# Logits times powers that are still numbers of the precision, with room for sums of them.
LARGEST_REACH = {torch.float32: 1e36, torch.float64: 1e300}


def exact(
    emb: EmbeddingSet,
    variant: Variant,
    execution: Execution | None = None,
    *,
    intervals: bool = True,
    anchors: Tensor | None = None,
    plan: PairPlan | None = None,
) -> LossTable:
    """All losses of the variant at every hardening and Q, over all pairs.

    Args:
        emb: embeddings and labels.
        variant: of the losses.
        execution: device, precision, progress.
        intervals: False gives plug-in point estimates from one pass, without bias correction or standard errors.
        anchors: original anchor indices to average over; None means all.
        plan: the pairs, where there is a plan already.

    Returns:
        The table. With self_pairs="include" the data set is the population: standard errors and corrections are zero.
    """
    execution, variant = execution or Execution(), variant.on(emb)
    plan = plan or pair_plan(emb, variant, execution)
    if anchors is not None:
        plan = plan.of(anchors)
    return run_one(plan, exact_losses(emb, variant, plan, intervals), execution.progress)


def exact_losses(emb: EmbeddingSet, variant: Variant, plan: PairPlan, intervals: bool = True) -> Task[LossTable]:
    """`exact` as a task."""
    start, before = time.perf_counter(), plan.tally.pairs
    table = yield LogSumsOf(terms_for(variant.hardenings))
    losses, shift = yield from in_parallel(
        anchor_losses(emb, variant, table, derivatives=intervals),
        design_shift(emb, variant, table, variant.keys if intervals else ()),
    )
    effects = (yield from leave_one_out(emb, variant, table, losses)) if intervals else None
    cost = Cost(plan.tally.pairs - before, time.perf_counter() - start)
    return assemble(emb, variant, table, losses, effects, intervals, cost, shift=shift)


def leave_one_out(
    emb: EmbeddingSet, variant: Variant, table: CumulantTable, losses: AnchorLosses
) -> Task[LeaveOneOut | None]:
    """What leaving instances out does to the losses and the shares; None where the data are the population."""
    if variant.self_pairs == "include":
        return None
    effects: LeaveOneOut = yield LeaveOneOutOf(table, tuple(functionals(emb, variant, table, losses)))
    return effects


def pair_plan(
    emb: EmbeddingSet, variant: Variant, execution: Execution | None = None, tally: Tally | None = None
) -> PairPlan:
    """The pairs of an embedding set under a variant.

    Raises:
        InputError: logits times the hardest tilt leave the range of the precision; the device is not there.
    """
    execution = execution or Execution()
    emb = with_groups(emb, variant)
    ring = emb.ring if isinstance(emb, ShardedEmbeddings) else None
    largest_norm = emb.largest_norm if ring is None else ring.largest_norm
    steepest = max(term.steepness for term in terms_for(variant.hardenings))
    reach = steepest * largest_norm * largest_norm / variant.temperature
    precision = execution.precision
    if precision == "auto" and reach < SMALL_REACH:
        precision = "float64"  # what tells anchors apart is then as small as float32 rounds
    dtype = choose_dtype(precision, reach)
    if not reach <= LARGEST_REACH[dtype]:
        raise InputError(
            f"temperature, betas: the largest logit times the hardest tilt must be at most {LARGEST_REACH[dtype]:g} in "
            f"{str(dtype).removeprefix('torch.')}, received {reach:.3g} (norms up to {largest_norm:.3g}, temperature "
            f"{variant.temperature:g}); normalise the embeddings, raise the temperature or lower the betas"
        )
    y = torch.from_numpy(emb.y)
    weights = instance_weights(y, variant.class_prior)
    if ring is not None:
        return sharded_plan(
            ring,
            None,
            tally,
            temperature=variant.temperature,
            weights=weights,
            self_pairs=variant.self_pairs,
            partition=variant.partition,
            precision=precision,
        )
    return plan_pairs(
        torch.from_numpy(emb.z),
        y,
        temperature=variant.temperature,
        groups=None if emb.groups is None else torch.from_numpy(emb.groups),
        weights=weights,
        self_pairs=variant.self_pairs,
        partition=variant.partition,
        precision=precision,
        largest_norm=largest_norm,
        device=resolve_device(execution.device),
        tally=tally,
    )


def with_groups(emb: EmbeddingSet, variant: Variant) -> EmbeddingSet:
    """The embeddings with the super-classes that the pools of a variant go by: their own, or those of the embeddings.

    Raises:
        InputError: two pools go by different ones, or the embeddings are sharded without those of a pool.
    """
    needed = dict.fromkeys(loss.pool.groups for loss in variant.losses if loss.pool.needs_groups)
    if len(needed) > 1:
        raise InputError("losses: pools must agree on the super-classes (groups), received two different; use one")
    brought = next(iter(needed), None)
    if brought is None:
        return emb
    if isinstance(emb, ShardedEmbeddings):
        raise InputError("losses: a pool's own groups do not reach other ranks; make them the groups of the embeddings")
    return emb.with_groups(list(brought))


def assemble(
    emb: EmbeddingSet,
    variant: Variant,
    table: CumulantTable,
    losses: AnchorLosses,
    effects: LeaveOneOut | None,
    intervals: bool,
    cost: Cost,
    estimator: str = "exact",
    k: int | None = None,
    shift: Tensor | None = None,
) -> LossTable:
    """Put the results of the passes together: corrections, influences, Assumption 1."""
    columns = len(losses.keys)
    correction = torch.zeros(columns, dtype=torch.float64)
    influence = None
    if intervals and effects is None:
        influence = _sampling_influence(emb, table, losses, k)
    if effects is not None:
        together, partners = leaving_together(emb, variant, table.anchors, losses.value, losses.weight)
        influence = _influence(emb, variant, table, losses, effects.influence[:, :columns] + partners)
        if k is None:
            # Row sums are minus the bias of each anchor's weighted loss; weights sum to n v.
            correction = effects.row_sum[:, :columns].sum(0) / losses.weight.sum(0)
        correction = correction + together
    shift = torch.zeros_like(correction) if shift is None or not intervals else shift
    correction = correction + shift
    spread, effective = ({}, {}) if effects is None else (effects.spread, effects.effective)
    draft = LossTable(
        *(emb, variant, estimator, k, table, losses, correction, influence, {}, cost),
        rho_variance=spread,
        effective=effective,
        shift=shift,
    )
    weight = draft.weight
    margins = {}
    for index, h in enumerate(variant.hardenings):
        margin = table.margin(h)
        margin = torch.where(torch.isfinite(margin), margin, torch.nan)
        share = share_of(margin, weight, table.anchors, emb.v, draft.exhaustive, draft.rounding)
        ess = scores = None
        if effects is not None:
            ess = effects.ess[Tilt(DIFF, h)]
            others = effects.influence[:, columns + 2 * index] + effects.influence[:, columns + 2 * index + 1]
            scores = share_influence(emb, variant, table.anchors, margin, others, draft.rounding)
            share = share.with_pools(standard_error(scores), top_share(scores))
        margins[h] = MarginSummary(h, margin, share, ess, scores)
    reached = {}
    if effects is not None:
        others = effects.influence[:, columns + 2 * len(variant.hardenings) :]
        reached = _reached(emb, variant, table, losses, others, draft.rounding)
    return replace(draft, margins=margins, reached=reached)


def _reached(
    emb: EmbeddingSet, variant: Variant, table: CumulantTable, losses: AnchorLosses, others: Tensor, rounding: float
) -> dict[Hardening, Tensor]:
    """Tilt -> (n,) influences on the share of anchors that it lifts to UCL, from those as candidates (n, 2 tilts)."""
    return {
        h: share_influence(
            emb, variant, table.anchors, reach_of(table, h), others[:, 2 * i : 2 * i + 2].sum(1), rounding
        )
        for i, h in enumerate(reaching(losses.keys))
    }


def _sampling_influence(emb: EmbeddingSet, table: CumulantTable, losses: AnchorLosses, k: int | None) -> Tensor:
    """Influences where the data are the population: only sampled anchors, or their draws, leave anything to chance."""
    none = torch.zeros(emb.n, dtype=torch.float64)
    y = torch.from_numpy(emb.y)
    # Drawn negatives scatter at every anchor; without them the anchors of a full run are all there are.
    unsampled = 1 - len(table.anchors) / (emb.n * emb.v) if k is None else 1.0
    columns = [
        instance_influence(losses.value[:, f], losses.weight[:, f], table.anchors, none, y, emb.v, False)
        for f in range(len(losses.keys))
    ]
    return math.sqrt(unsampled) * torch.stack(columns, 1)


def _influence(
    emb: EmbeddingSet, variant: Variant, table: CumulantTable, losses: AnchorLosses, others: Tensor
) -> Tensor:
    y, out = torch.from_numpy(emb.y), others.new_empty(emb.n, len(losses.keys))
    for f in range(len(losses.keys)):
        of_others = others[:, f] + losses.positive_influence[:, f]
        value, weight = losses.value[:, f], losses.weight[:, f]
        out[:, f] = instance_influence(value, weight, table.anchors, of_others, y, emb.v, variant.stratified)
    return out
