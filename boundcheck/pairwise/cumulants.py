"""The cumulant table: for every anchor, group of candidates and term, one log-sum over all pairs.

    L_P(f; a) = log sum_{b in P(a)} w_b f(t_ab),      f(t) = eta(t) e^{gamma t}

With exponential hardening these are the cumulant generating functions K_P(gamma; a) = L_P(gamma) - L_P(0) of the
logits, and every loss is a difference of two of them (theory section 2). One pass over the pairs fills the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck._types import AnchorIndex, LogSums, PerAnchorAndGroup
from boundcheck.hardening import Hardening, LogTerm, denominator, numerator
from boundcheck.pairwise.cuda.choice import is_fusible, usable_recipe
from boundcheck.pairwise.cuda.sums import fused_sums
from boundcheck.pairwise.plain_sums import compiled, in_range, plain_sums
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.ring.sharing import shared
from boundcheck.pairwise.running_sums import running_sums
from boundcheck.pairwise.tiles import Progress

POOLS = ("same", "diff", "all")


@dataclass(frozen=True)
class CumulantTable:
    """Log-sums over the same-class and other-class candidates of every anchor.

    Attributes:
        terms: the summands f.
        log_sums: (a, 2, g) float64, groups in the order (same, diff); -inf where a group is empty or f vanishes.
        largest: (a, 2) float64, the largest logit of each group; -inf where the group is empty.
        anchors: (a,) original anchor index (instance * v + view) of each row.
    """

    terms: tuple[LogTerm, ...]
    log_sums: LogSums
    largest: PerAnchorAndGroup
    anchors: AnchorIndex

    def log_sum(self, pool: str, term: LogTerm) -> Tensor:
        """L_P(f; a) in nats, (a,)."""
        both = self.log_sums[:, :, self.terms.index(term)]
        if pool == "all":
            return torch.logaddexp(both[:, 0], both[:, 1])
        return both[:, POOLS.index(pool)]

    def rho(self, pool: str, hardening: Hardening) -> Tensor:
        """rho_P(a; eta), the log tilted mean of e^t (theory section 2), (a,); NaN where the tilted pool is empty."""
        return self.log_sum(pool, numerator(hardening)) - self.log_sum(pool, denominator(hardening))

    def margin(self, hardening: Hardening) -> Tensor:
        """m(a; eta) = rho_same - rho_diff in nats (Jiang 2022, Assumption 1 is m >= 0), (a,); NaN where undefined."""
        return self.rho("same", hardening) - self.rho("diff", hardening)

    def largest_logit(self, pool: str) -> Tensor:
        """max_{b in P} t_ab, (a,): the limit of rho as the tilt grows."""
        if pool == "all":
            return self.largest.amax(1)
        return self.largest[:, POOLS.index(pool)]


def terms_for(hardenings: Sequence[Hardening]) -> tuple[LogTerm, ...]:
    """The distinct terms that the losses under these hardenings need."""
    return tuple(dict.fromkeys(term for h in hardenings for term in (denominator(h), numerator(h))))


def pooled(one: CumulantTable, two: CumulantTable) -> CumulantTable:
    """The same anchors over the candidates of both tables."""
    log_sums = torch.logaddexp(one.log_sums, two.log_sums)
    return CumulantTable(one.terms, log_sums, torch.maximum(one.largest, two.largest), one.anchors)


def stacked(one: CumulantTable, two: CumulantTable) -> CumulantTable:
    """The anchors of both tables."""
    anchors, order = torch.cat([one.anchors, two.anchors]).sort()
    log_sums, largest = torch.cat([one.log_sums, two.log_sums]), torch.cat([one.largest, two.largest])
    return CumulantTable(one.terms, log_sums[order], largest[order], anchors)


@shared(pooled, stacked)
def cumulant_table(plan: PairPlan, terms: Sequence[LogTerm], progress: Progress | None = None) -> CumulantTable:
    """One pass over all pairs: fill the table; memory O(n + tile).

    Args:
        plan: the pairs.
        terms: the summands; any number of them share the pass.
        progress: called as anchors are finished.
    """
    terms = tuple(terms)
    recipe = usable_recipe(plan, terms) if is_fusible(plan, terms) else None
    if recipe is not None:
        log_sums, largest = fused_sums(plan, terms, progress, recipe)
    else:
        sums = plain_sums if compiled(plan) and in_range(plan, terms) else running_sums
        log_sums, largest = sums(plan, terms, progress)
    anchors = torch.cat([chunk.anchor for chunk in plan.anchors])
    order = anchors.argsort()
    return CumulantTable(terms, log_sums[order].cpu(), largest[order].cpu(), anchors[order].cpu())
