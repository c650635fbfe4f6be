"""Everything that a verification reads from the pairs, by as few passes as its parts depend on each other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import anchor_losses, design_shift
from boundcheck.estimators.closed import closed, population_worst_case
from boundcheck.estimators.critical_beta import crossings, worst_case_losses
from boundcheck.estimators.exact import assemble, leave_one_out
from boundcheck.estimators.populations import Population
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.hardening import Exponential, terms_for
from boundcheck.losses import LossKey
from boundcheck.pairwise.critical import critical_betas
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.passes import Task, in_parallel
from boundcheck.pairwise.plan import PairPlan
from boundcheck.spec import Variant


@dataclass(frozen=True)
class Measured:
    """Losses with what claims and reports read beside them.

    Attributes:
        losses: the table.
        worst_case: key of an untilted loss -> (a,) per-anchor loss in the limit beta -> inf.
        crossing: Q -> the beta at which averaged H-SCL meets UCL, inf where it does not; absent where not looked for.
        critical_beta: (a,) see `critical_betas`; NaN where not looked for.
    """

    losses: LossTable
    worst_case: Mapping[LossKey, Tensor]
    crossing: Mapping[float, float]
    critical_beta: Tensor


def measure(emb: EmbeddingSet, variant: Variant, plan: PairPlan, *, critical: bool = True) -> Task[Measured]:
    """The losses with intervals, the worst case and, if asked for, what is critical.

    The log-sums come first, then the class positives, then leaving out together with the critical betas: three passes,
    two where positives are augmentations, and a few over the anchors whose critical beta takes more steps.

    Args:
        emb: the embeddings.
        variant: of the losses, its positives known.
        plan: the pairs.
        critical: whether to look for the critical betas and the crossing.
    """
    start, before = time.perf_counter(), plan.tally.pairs
    table: CumulantTable = yield LogSumsOf(terms_for(variant.hardenings))
    losses, worst, shift = yield from in_parallel(
        anchor_losses(emb, variant, table),
        worst_case_losses(emb, variant, table),
        design_shift(emb, variant, table, variant.keys),
    )
    effects, (betas, crossing) = yield from in_parallel(
        leave_one_out(emb, variant, table, losses),
        _critical(assemble(emb, variant, table, losses, None, False, Cost(0, 0.0)), worst, plan, critical),
    )
    cost = Cost(plan.tally.pairs - before, time.perf_counter() - start)
    return Measured(assemble(emb, variant, table, losses, effects, True, cost, shift=shift), worst, crossing, betas)


def measure_critical(measured: Measured, plan: PairPlan) -> Task[Measured]:
    """The same with what is critical."""
    betas, crossing = yield from _critical(measured.losses, measured.worst_case, plan, True)
    return replace(measured, crossing=crossing, critical_beta=betas)


def _critical(
    losses: LossTable, worst_case: Mapping[LossKey, Tensor], plan: PairPlan, wanted: bool
) -> Task[tuple[Tensor, dict[float, float]]]:
    if not wanted:
        return torch.full((len(losses.table.anchors),), torch.nan, dtype=torch.float64), {}
    betas = [h.beta for h in losses.variant.tilts if isinstance(h, Exponential)]
    critical, crossing = yield from in_parallel(
        critical_betas(plan, losses.table, betas), crossings(losses, worst_case)
    )
    return critical, crossing


def measure_population(population: Population, variant: Variant, anchors: int | None, seed: int) -> Measured:
    """Of a known population, in closed form; it has neither pairs nor nearest neighbours."""
    losses = closed(population, variant, anchors=anchors, seed=seed)
    nothing = torch.full((len(losses.table.anchors),), torch.nan, dtype=torch.float64)
    return Measured(losses, population_worst_case(losses), {}, nothing)
