"""What leaving out needs to know beforehand: shares' scales and the factors of its sums, from the first pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from boundcheck.hardening import Hardening, LogTerm, denominator, numerator
from boundcheck.losses import Tilt
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.jackknife.functionals import Functional
from boundcheck.pairwise.plain_sums import compiled
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.powers import peak
from boundcheck.pools import Pool, parts_of

# Largest |gamma t| at which e^{gamma t} over its sum can be formed in one product.
LARGEST = {torch.float32: 64.0, torch.float64: 680.0}


@dataclass(frozen=True)
class Stage:
    """What all kernels of a pass share. Rows are in the order of the plan."""

    plan: PairPlan
    table: CumulantTable
    functionals: tuple[Functional, ...]
    dtype: torch.dtype  # of logits, shares and factors
    plain: bool  # powers of e^t stay in range: compiled loops take them, and a tile serves both its sides

    @cached_property
    def tilts(self) -> tuple[Tilt, ...]:
        """Distinct tilts."""
        return tuple(dict.fromkeys(f.tilt for f in self.functionals))

    @cached_property
    def hardenings(self) -> tuple[Hardening, ...]:
        """Distinct hardenings."""
        return tuple(dict.fromkeys(tilt.hardening for tilt in self.tilts))

    @cached_property
    def terms(self) -> tuple[LogTerm, ...]:
        """Distinct terms."""
        return tuple(dict.fromkeys(term for h in self.hardenings for term in (numerator(h), denominator(h))))

    @cached_property
    def row_of(self) -> Tensor:
        """(rows,) of the table."""
        return torch.searchsorted(self.table.anchors, self.anchors.cpu())

    @cached_property
    def anchors(self) -> Tensor:
        """(rows,) original anchor index."""
        return torch.cat([chunk.anchor for chunk in self.plan.anchors])

    @cached_property
    def weight(self) -> Tensor:
        """(n,) weight of each instance as a candidate, in the order of the plan."""
        weights = torch.cat([chunk.weight[: chunk.stop - chunk.start] for chunk in self.plan.candidates])
        return weights.to(self.dtype)

    def parts_of(self, pool: Pool) -> tuple[int, ...]:
        """The parts of the candidates that a pool is made of."""
        return parts_of(pool, self.plan.partition)

    def log_sum(self, pool: Pool, term: LogTerm) -> Tensor:
        """(rows,) float64."""
        return self.table.log_sum(pool, term)[self.row_of].to(self.plan.device)

    def part_sum(self, part: int, term: LogTerm) -> Tensor:
        """(rows,) float64, over one part."""
        return self.table.log_sums[self.row_of, part, self.table.terms.index(term)].to(self.plan.device)

    def ratio(self, part: int, pool: Pool, term: LogTerm) -> Tensor:
        """(rows,) what a share of the part's sum is multiplied with to be one of the pool's."""
        own, whole = self.part_sum(part, term), self.log_sum(pool, term)
        return torch.where(own == -torch.inf, 0.0, (own - whole).exp())

    def columns(self, part: int, hardening: Hardening) -> list[int]:
        """The functionals of a hardening whose pools hold the part."""
        return [
            i
            for i, f in enumerate(self.functionals)
            if f.tilt.hardening == hardening and part in self.parts_of(f.tilt.pool)
        ]

    @cached_property
    def top(self) -> Tensor:
        """(parts, rows) largest logit of each part, 0 where it is empty."""
        top = self.table.largest[self.row_of].T.to(self.plan.device, self.dtype)
        return torch.where(top == -torch.inf, 0.0, top)

    @cached_property
    def scale(self) -> Tensor:
        """(parts, terms, rows): turns a tile's terms into shares of their part; zero where it is empty."""
        out = []
        for part in range(self.plan.parts):
            for term in self.terms:
                log_sum = self.part_sum(part, term)
                reference = 0.0 if self.plain else peak(term, self.top[part], self.plan.temperature)
                out.append(torch.where(log_sum == -torch.inf, 0.0, (reference - log_sum).exp()))
        return torch.stack(out).view(self.plan.parts, len(self.terms), -1).to(self.dtype)

    @cached_property
    def wanted(self) -> list[list[int]]:
        """Of each part: the functionals whose pools hold it, one hardening after the other."""
        return [[i for h in self.hardenings for i in self.columns(part, h)] for part in range(self.plan.parts)]

    def pairs(self, part: int) -> list[tuple[int, int, int, int]]:
        """Of each hardening: the terms of x and y, and where its columns begin and end in `wanted`."""
        ends = [0, *accumulate(len(self.columns(part, h)) for h in self.hardenings)]
        return [
            (self.terms.index(numerator(h)), self.terms.index(denominator(h)), *ends_of)
            for h, ends_of in zip(self.hardenings, pairwise(ends), strict=True)
        ]

    @cached_property
    def factors(self) -> list[Tensor]:
        """Of each part: (columns, 5, rows) factors of x, y, x^2, xy and y^2 in the effects on those functionals."""
        return [self._factors(part) for part in range(self.plan.parts)]

    def _factors(self, part: int) -> Tensor:
        out = torch.zeros(len(self.wanted[part]), 5, len(self.row_of), dtype=torch.float64)
        for k, i in enumerate(self.wanted[part]):
            f = self.functionals[i]
            x, y = (self.ratio(part, f.tilt.pool, term(f.tilt.hardening)).cpu() for term in (numerator, denominator))
            slope, half = f.slope[self.row_of.cpu()], f.curvature[self.row_of.cpu()] / 2
            out[k] = torch.stack(
                [slope * x, -slope * y, (slope / 2 - half) * x * x, 2 * half * x * y, -(slope / 2 + half) * y * y]
            )
        return out.to(self.plan.device, self.dtype)


def set_stage(plan: PairPlan, table: CumulantTable, functionals: Sequence[Functional]) -> Stage:
    """Choose the precision and the path: second-order effects need less precision than log-sums."""
    terms = [term(f.tilt.hardening) for f in functionals for term in (numerator, denominator)]
    steepest = max(term.gamma for term in terms)
    reach, dtype = steepest * plan.reach, plan.dtype(steepest)
    if plan.precision == "auto" and reach <= LARGEST[torch.float32]:
        dtype = torch.float32
    plain = compiled(plan) and all(term.eta is None for term in terms) and reach <= LARGEST[dtype]
    return Stage(plan, table, tuple(functionals), dtype, plain)
