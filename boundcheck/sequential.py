"""Sampling anchors until the claims are decided: growing samples, anytime-valid intervals, a budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from boundcheck.claims import Claim, judge
from boundcheck.claims.evidence import gather
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators import LossTable, run_estimator
from boundcheck.losses import LossSpec
from boundcheck.pairwise.tiles import Progress

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
    spec: LossSpec,
    claims: Sequence[Claim],
    *,
    confidence: float = 0.95,
    max_anchors: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
) -> tuple[LossTable, Stopping]:
    """Twice as many anchors until every theorem and scenario is decided, or the budget is spent.

    Args:
        emb: embeddings and labels.
        spec: the losses.
        claims: what is to be decided; exact claims do not count, as they hold anchor by anchor.
        confidence: of each verdict, whenever the sampling stops.
        max_anchors: the budget; None means all there are.
        seed: of the anchors; each sample contains the one before.
        device, precision, progress: see `estimate`.

    Returns:
        The last table, its intervals anytime-valid (those of shares are not), and the stopping.

    Raises:
        InputError: a budget below two anchors.
    """
    total = emb.n * emb.v
    budget = total if max_anchors is None else min(max_anchors, total)
    if budget < 2:
        raise InputError(f"max_anchors: must be at least 2, received {max_anchors}")
    looks: list[tuple[int, int]] = []
    m = min(FIRST, budget)
    while True:
        losses = run_estimator(
            emb,
            spec,
            estimator="montecarlo",
            anchors=m,
            seed=seed,
            device=device,
            precision=precision,
            progress=progress,
        )
        losses = replace(losses, anytime=confidence)
        looks.append((m, _undecided(losses, claims, confidence, device, precision)))
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
    return replace(losses, reason=reason), Stopping(tuple(looks), reason)


def _undecided(losses: LossTable, claims: Sequence[Claim], confidence: float, device: str, precision: str) -> int:
    evidence = gather(losses, device=device, precision=precision, crossing=False)
    counted = [claim for claim in claims if claim.kind != "exact"]
    # Without a p-value nothing was tested: too few effective negatives, which more anchors do not change.
    return sum(
        j.verdict == "undecided" and not math.isnan(j.p_value)
        for claim in counted
        for j in judge(claim, evidence, confidence)
    )
