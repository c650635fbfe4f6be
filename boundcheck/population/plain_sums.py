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
    powers = all(term.eta is None for term in terms)
    return powers and max(term.gamma for term in terms) * plan.reach <= LARGEST[plan.dtype]


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
    def __init__(self, plan: PairPlan, terms: tuple[LogTerm, ...]) -> None:
        self.plan, self.terms = plan, terms
        self.powers = Powers(chain(terms, plan.dtype))
        self.sums = torch.zeros(2, len(terms), plan.n_anchors, dtype=torch.float64, device=plan.device)
        self.largest = torch.full((2, plan.n_anchors), -torch.inf, dtype=plan.dtype, device=plan.device)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        for tile in tiles:
            sides = [(anchors, tile.candidates, 1), (tile.candidates, anchors, 0)][: 1 + tile.mirrored]
            for part in tile.parts:
                t = part.keep_finite(tile.t, -torch.inf)
                for rows, _, axis in sides:
                    top = self.largest[part.group, rows.at]
                    torch.maximum(top, t.amax(axis), out=top)
            partial = [[tile.t.new_empty(len(self.terms), len(rows)) for rows, _, _ in sides] for _ in tile.parts]
            for term, values in self.powers(tile.t):
                if term not in self.terms:
                    continue
                k = self.terms.index(term)
                for part, out in zip(tile.parts, partial, strict=True):
                    kept = part.keep_finite(values, 0.0)
                    for (_, others, axis), sums in zip(sides, out, strict=True):
                        self._sum(kept, others, axis, sums[k])
            for part, out in zip(tile.parts, partial, strict=True):
                for (rows, _, _), sums in zip(sides, out, strict=True):
                    self.sums[part.group, :, rows.at] += sums

    def _sum(self, values: Tensor, others: Chunk, axis: int, out: Tensor) -> None:
        if self.plan.weighted:
            torch.mv(values if axis else values.T, others.weight, out=out)
        else:
            torch.sum(values, axis, out=out)
