"""The cumulant table: for every anchor, part of the candidates and term, one log-sum over all pairs.

    L_P(f; a) = log sum_{b in P(a)} w_b f(t_ab),      f(t) = eta(t) e^{gamma t}        (docs/theory.md, eq. (10))

With exponential hardening these are the cumulant generating functions K_P(gamma; a) = L_P(gamma) - L_P(0) of the
logits, and every loss is a difference of two of them. One pass over the pairs fills the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from boundcheck._types import AnchorIndex, LogSums, PerAnchorAndPart
from boundcheck.hardening import Hardening, LogTerm, denominator, numerator
from boundcheck.pairwise.cuda.choice import is_fusible, usable_recipe
from boundcheck.pairwise.cuda.sums import fused_sums
from boundcheck.pairwise.passes import Kernel, Request
from boundcheck.pairwise.plain_sums import PlainSums, in_range
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.running_sums import RunningSums
from boundcheck.pools import DIFF, SAME, Partition, Pool, parts_of
from boundcheck.spec import Progress

# Nats. Log-sums are promised to 1e-5 and a margin is made of four: what is allowed where no table says more.
TOLERANCE = 4e-5


@dataclass(frozen=True)
class CumulantTable:
    """Log-sums over each part of the candidates of every anchor.

    Attributes:
        terms: the summands f.
        log_sums: (a, parts, g) float64; -inf where a part is empty or f vanishes.
        largest: (a, parts) float64, the largest logit of each part; -inf where it is empty.
        anchors: (a,) original anchor index (instance * v + view) of each row.
        partition: what the parts are.
        rounding: nats, what a difference of two log-sums may be off by.
    """

    terms: tuple[LogTerm, ...]
    log_sums: LogSums
    largest: PerAnchorAndPart
    anchors: AnchorIndex
    partition: Partition
    rounding: float = TOLERANCE

    def log_sum(self, pool: Pool, term: LogTerm) -> Tensor:
        """L_P(f; a) in nats, (a,)."""
        column = self.log_sums[:, :, self.terms.index(term)]
        return reduce(torch.logaddexp, (column[:, part] for part in parts_of(pool, self.partition)))

    def rho(self, pool: Pool, hardening: Hardening) -> Tensor:
        """rho_P(a; eta), the log tilted mean of e^t, (a,); NaN where the tilted pool is empty."""
        return self.log_sum(pool, numerator(hardening)) - self.log_sum(pool, denominator(hardening))

    def margin(self, hardening: Hardening) -> Tensor:
        """m(a; eta) = rho_same - rho_diff in nats (Jiang 2022, Assumption 1 is m >= 0), (a,); NaN where undefined."""
        return self.rho(SAME, hardening) - self.rho(DIFF, hardening)

    def reweighted(self, log_weight: Tensor) -> CumulantTable:
        """The table with the candidates of each part multiplied by weights, given as logs (a, parts)."""
        return replace(self, log_sums=self.log_sums + log_weight[:, :, None])

    def largest_logit(self, pool: Pool) -> Tensor:
        """max_{b in P} t_ab, (a,): the limit of rho as the tilt grows."""
        return self.largest[:, parts_of(pool, self.partition)].amax(1)


@dataclass(frozen=True)
class LogSumsOf(Request[CumulantTable]):
    """Asks for the table of some terms; any number of them share the pass.

    Attributes:
        terms: the summands.
        anchors: see `Request`.
    """

    terms: tuple[LogTerm, ...]
    anchors: Tensor | None = None

    def dtype(self, plan: PairPlan) -> torch.dtype:
        """By the steepest term."""
        return plan.dtype(max(term.steepness for term in self.terms))

    def mirrors(self, plan: PairPlan) -> bool:
        """Plain sums do; running maxima belong to one side."""
        return in_range(plan, self.terms, self.dtype(plan))

    def beside_tiles(self, plan: PairPlan, progress: Progress | None) -> CumulantTable | None:
        """By the fused kernel of a GPU, where a recipe keeps the promise."""
        dtype = self.dtype(plan)
        if not is_fusible(plan, self.terms, dtype):
            return None
        recipe = usable_recipe(plan, self.terms, dtype)
        return None if recipe is None else self._table(plan, *fused_sums(plan, self.terms, dtype, recipe, progress))

    def kernel(self, plan: PairPlan) -> Kernel:
        """Plain sums where powers stay in range and loops can be compiled, else running maxima."""
        kind = PlainSums if self.mirrors(plan) else RunningSums
        return kind(plan, self.terms, self.dtype(plan))

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> CumulantTable:
        """The table, anchors in ascending order."""
        return self._table(plan, *type(kernels[0]).together(kernels))

    def _table(self, plan: PairPlan, log_sums: Tensor, largest: Tensor) -> CumulantTable:
        anchors = torch.cat([chunk.anchor for chunk in plan.anchors])
        order = anchors.argsort()
        sums, tops, own = (values[order].cpu() for values in (log_sums, largest, anchors))
        steepest = max(term.steepness for term in self.terms)
        return CumulantTable(self.terms, sums, tops, own, plan.partition, plan.rounding(steepest))

    def over_candidates(self, one: CumulantTable, two: CumulantTable) -> CumulantTable:
        """Sums add up, largest logits compete."""
        log_sums = torch.logaddexp(one.log_sums, two.log_sums)
        largest = torch.maximum(one.largest, two.largest)
        return replace(one, log_sums=log_sums, largest=largest, rounding=max(one.rounding, two.rounding))

    def over_anchors(self, one: CumulantTable, two: CumulantTable) -> CumulantTable:
        """The anchors of both, in ascending order."""
        anchors, order = torch.cat([one.anchors, two.anchors]).sort()
        log_sums, largest = torch.cat([one.log_sums, two.log_sums]), torch.cat([one.largest, two.largest])
        rounding = max(one.rounding, two.rounding)
        return CumulantTable(one.terms, log_sums[order], largest[order], anchors, one.partition, rounding)
