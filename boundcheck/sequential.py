"""Sampling anchors until the claims are decided: growing samples, anytime-valid intervals, a budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from boundcheck.claims import Claim, judge_all
from boundcheck.claims.evidence import gather
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.measured import Measured, measure
from boundcheck.estimators.montecarlo import sampled_anchors
from boundcheck.options import check, whole
from boundcheck.pairwise.passes import run_one
from boundcheck.pairwise.plan import PairPlan
from boundcheck.spec import Execution, Variant

FIRST = 500  # anchors: the confidence sequence is asymptotic in them


@dataclass(frozen=True)
class Stopping:
    """When the sampling stopped and why.

    Attributes:
        looks: (anchors, verdicts still undecided) at each look.
        reason: one line.
    """

    looks: tuple[tuple[int, int], ...]
    reason: str


def until_decided(
    emb: EmbeddingSet,
    variant: Variant,
    claims: Sequence[Claim],
    execution: Execution,
    plan: PairPlan,
    *,
    confidence: float = 0.95,
    max_anchors: int | None = None,
) -> tuple[Measured, PairPlan, Stopping]:
    """Twice as many anchors until every theorem and scenario is decided, or the budget is spent.

    Args:
        emb: embeddings and labels.
        variant: of the losses, its positives known.
        claims: what is to be decided; exact claims do not count, as they hold anchor by anchor.
        execution: seed of the anchors (each sample contains the one before), progress.
        plan: all pairs.
        confidence: of each verdict, whenever the sampling stops.
        max_anchors: the budget; None means all there are.

    Returns:
        What was measured last, its intervals anytime-valid (those of shares are not), its pairs, and the stopping.

    Raises:
        InputError: a budget below two anchors.
    """
    total = emb.n * emb.v
    budget = total if max_anchors is None else min(max_anchors, total)
    check("max_anchors", budget, whole(2), "leave it out for all")
    looks: list[tuple[int, int]] = []
    m = min(FIRST, budget)
    while True:
        some = plan.of(sampled_anchors(emb, m, execution.seed))
        measured = run_one(some, measure(emb, variant, some, critical=False), execution.progress)
        losses = replace(measured.losses, estimator="montecarlo", anytime=confidence)
        measured = replace(measured, losses=losses)
        looks.append((m, _undecided(measured, claims, confidence, execution, some)))
        if looks[-1][1] == 0 or m == budget:
            break
        m = min(2 * m, budget)
    left = looks[-1][1]
    decided = "every theorem and scenario verdict is decided"
    if left:
        decided = "one verdict is undecided" if left == 1 else f"{left} verdicts are undecided"
    spent = (
        "" if left == 0 else "; all anchors are in" if m == total else f"; the budget of {budget:,} anchors is spent"
    )
    reason = f"stopped at {m:,} of {total:,} anchors (look {len(looks)}): {decided}{spent}"
    measured = replace(measured, losses=replace(losses, reason=reason))
    return measured, some, Stopping(tuple(looks), reason)


def _undecided(
    measured: Measured, claims: Sequence[Claim], confidence: float, execution: Execution, plan: PairPlan
) -> int:
    evidence = gather(measured, execution, plan)
    counted = [claim for claim in claims if claim.kind != "exact"]
    # Without a p-value nothing was tested: too few effective instances, which more anchors do not change.
    judgements = judge_all(counted, evidence, confidence)
    return sum(j.verdict == "undecided" and not math.isnan(j.p_value) for j in judgements)
