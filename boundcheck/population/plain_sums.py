"""Plain sums of e^{gamma t}, where no logit is so large that they leave the range of their precision.

Without maxima of each row a tile's exponentials serve both its sides: every unordered pair is visited once. Row sums
belong to the anchors, column sums to the candidates. Sums within a tile are in the precision of the tile, sums across
tiles in float64.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.population.plan import Chunk, PairPlan
from boundcheck.population.powers import Powers, chain
from boundcheck.population.tiles import Progress, Tile, visit

# Largest |gamma t| at which e^{gamma t} and the sum of a tile of them are normal numbers.
LARGEST = {torch.float32: 78.0, torch.float64: 680.0}


def in_range(plan: PairPlan, terms: tuple[LogTerm, ...]) -> bool:
    """Whether every term is a power of e^t that stays in range."""
    return all(term.eta is None for term in terms) and _reach(plan, terms) <= LARGEST[plan.dtype]


def _reach(plan: PairPlan, terms: tuple[LogTerm, ...]) -> float:
    return max(term.gamma for term in terms) * plan.reach


def plain_sums(plan: PairPlan, terms: tuple[LogTerm, ...], progress: Progress | None) -> tuple[Tensor, Tensor]:
    """Log-sums of every anchor and group, rows as the plan visits them.

    Returns:
        (a, 2, g) log-sums and (a, 2) largest logits, float64.
    """
    kernels = visit(plan, lambda: _PlainSums(plan, terms), mirrored=True, progress=progress)
    sums = torch.stack([kernel.sums for kernel in kernels]).sum(0)
    largest = torch.stack([kernel.largest for kernel in kernels]).amax(0)
    return sums.log().permute(2, 0, 1).contiguous(), largest.T.to(torch.float64).contiguous()


class _PlainSums:
    """Sums of every power, and the largest logit, of all rows of the plan."""

    def __init__(self, plan: PairPlan, terms: tuple[LogTerm, ...]) -> None:
        self.weighted, self.count = plan.weighted, len(terms)
        self.dtype = torch.float32 if plan.mixed and _reach(plan, terms) <= LARGEST[torch.float32] else plan.dtype
        self.powers = Powers(terms, chain(terms, self.dtype))
        self.sums = torch.zeros(2, len(terms), plan.n_anchors, dtype=torch.float64, device=plan.device)
        self.largest = torch.full((2, plan.n_anchors), -torch.inf, dtype=plan.dtype, device=plan.device)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        for tile in tiles:
            sides, logits = tile.sides(anchors), tile.t.to(self.dtype)
            partial = [[logits.new_empty(self.count, side.rows) for side in sides] for _ in tile.parts]
            for part in tile.parts:
                t = part.keep_finite(tile.t, -torch.inf)
                for side in sides:
                    top = self.largest[part.group, side.anchors.at]
                    torch.maximum(top, side.face(t).amax(1), out=top)
            for k, values in self.powers(logits):
                for part, of_sides in zip(tile.parts, partial, strict=True):
                    kept = part.keep_finite(values, 0.0)
                    for side, sums in zip(sides, of_sides, strict=True):
                        self._add_up(side.face(kept), side.candidates.weight.to(self.dtype), sums[k])
            for part, of_sides in zip(tile.parts, partial, strict=True):
                for side, sums in zip(sides, of_sides, strict=True):
                    self.sums[part.group, :, side.anchors.at] += sums

    def _add_up(self, values: Tensor, weight: Tensor, out: Tensor) -> None:
        if self.weighted:
            torch.mv(values, weight, out=out)
        else:
            torch.sum(values, 1, out=out)
