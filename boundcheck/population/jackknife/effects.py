"""The second visit: row and column sums of leave-one-out effects, to second order in the shares of the instances.

With x = alpha and y = b, delta = x - y + (x^2 - y^2) / 2 and delta^2 = (x - y)^2, but for the heavy shares. All are
sums over pairs of x, y, x^2, xy and y^2 times factors of the anchor. Shares are formed within their own group of
candidates (same or diff); those in the pool of all are smaller by a ratio that is a factor of the anchor too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from boundcheck.population.jackknife.heavy import MOST_WAITING, HeavyShares
from boundcheck.population.jackknife.stage import Stage
from boundcheck.population.plan import Chunk
from boundcheck.population.powers import chain, relative_terms, steps
from boundcheck.population.tiles import DIFF, SAME, Part, Side, Tile

# (t, part, side) -> (hardenings, 3, a) sums of squares, (columns, instances) effects, (a,) largest logits
SumsOf: TypeAlias = Callable[[Tensor, Part, Side], tuple[Tensor, Tensor, Tensor]]

MOST_LOST = 1e-4  # relative error of an effect by its roundings, far below its statistical error


class Effects:
    """Sums over the tiles of one worker.

    Attributes:
        squares: (2, hardenings, 3, rows) sums of x^2, xy and y^2 within each group, float64.
        columns: (functionals, n) sums over anchors of e_x(a), in the order of the plan.
        heavy: what the heavy shares add to both.
    """

    def __init__(self, stage: Stage, least: Tensor) -> None:
        plan = stage.plan
        self.stage = stage
        self.squares = least.new_zeros(2, len(stage.hardenings), 3, plan.n_anchors, dtype=torch.float64)
        self.columns = least.new_zeros(len(stage.functionals), len(plan.order), dtype=torch.float64)
        self.heavy = HeavyShares(stage, least, self.columns)
        self.sums_of = compiled_sums(stage) if stage.plain else partial(relative_sums, stage)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        """Add the tiles of one row of the plan."""
        for tile in tiles:
            for side in tile.sides(anchors):
                where = slice(side.candidates.start, side.candidates.stop)
                t = side.face(tile.t).contiguous()
                for part in tile.parts:
                    part = side.part(part)
                    squares, effects, largest = self.sums_of(t, part, side)
                    self.squares[part.group, :, :, side.anchors.at] += squares
                    self.columns[self.stage.wanted[part.group], where] += effects
                    self.heavy.collect(t, largest, part, side)
        self.heavy.settle(MOST_WAITING)


def compiled_sums(stage: Stage) -> SumsOf:
    """Of powers of e^t that stay in range, on a CPU."""
    from boundcheck.population.loops import effect_sums  # compiles: only where pairs are visited

    order = steps(stage.terms, chain(stage.terms, stage.plan.dtype, MOST_LOST), stage.plan.dtype)
    scale, factors = stage.scale.numpy(), [of_group.numpy() for of_group in stage.factors]
    pairs = [np.array(stage.pairs(group), np.int64) for group in (SAME, DIFF)]

    def sums_of(t: Tensor, part: Part, side: Side) -> tuple[Tensor, Tensor, Tensor]:
        at, weight = side.anchors.at, side.candidates.weight[: side.candidates.stop - side.candidates.start].numpy()
        group = part.group
        sums = effect_sums(
            t.numpy(), part.mask(t).numpy(), order, weight, scale[group, at], pairs[group], factors[group][at]
        )
        squares, effects, largest = map(torch.from_numpy, sums)
        return squares, effects, largest

    return sums_of


def relative_sums(stage: Stage, t: Tensor, part: Part, side: Side) -> tuple[Tensor, Tensor, Tensor]:
    """Of any terms, anywhere: relative to the largest logit of each row."""
    group, at, v = part.group, side.anchors.at, stage.plan.v
    order = chain(stage.terms, stage.plan.dtype, MOST_LOST)
    values = dict(relative_terms(t, stage.top[group, at], order, part, stage.plan.temperature))
    shares = {  # (a, instances)
        term: values[term].view(len(t), v, -1).sum(1)
        * stage.scale[group, at, k, None]
        * side.candidates.weight[: side.candidates.stop - side.candidates.start]
        for k, term in enumerate(stage.terms)
    }
    squares, effects = [], []
    for n, d, first, last in stage.pairs(group):
        x, y = shares[stage.terms[n]], shares[stage.terms[d]]
        products = torch.stack([x, y, x * x, x * y, y * y])  # (5, a, instances)
        squares.append(products[2:].sum(2))
        effects.append(torch.einsum("acp,pam->cm", stage.factors[group][at, first:last], products))
    return torch.stack(squares), torch.cat(effects), part.keep_finite(t, -torch.inf).amax(1)
