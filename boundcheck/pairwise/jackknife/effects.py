"""The second pass: row and column sums of leave-one-out effects, to second order in the shares of the instances.

With x = alpha and y = b, delta = x - y + (x^2 - y^2) / 2 and delta^2 = (x - y)^2, but for the heavy shares. All are
sums over pairs of x, y, x^2, xy and y^2 times factors of the anchor. Shares are formed within their own part of the
candidates; those in the pool of all are smaller by a ratio that is a factor of the anchor too.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.jackknife.heavy import MOST_WAITING, HeavyShares
from boundcheck.pairwise.jackknife.stage import Stage
from boundcheck.pairwise.passes import Kernel
from boundcheck.pairwise.powers import chain, relative_terms, steps
from boundcheck.pairwise.tiles import Part, Tile

MOST_LOST = 1e-4  # relative error of an effect by its roundings, far below its statistical error


class Effects(Kernel):
    """Sums over the tiles of one worker, of any terms, anywhere: relative to the largest logit of each row.

    Attributes:
        squares: (parts, hardenings, 3, rows) sums of x^2, xy and y^2 within each part, float64.
        columns: (functionals, n) sums over anchors of e_x(a), in the order of the plan.
        heavy: what the heavy shares add to both.
    """

    def __init__(self, stage: Stage, least: Tensor) -> None:
        plan = stage.plan
        self.stage, self.least = stage, least
        self.squares = least.new_zeros(plan.parts, len(stage.hardenings), 3, plan.n_anchors, dtype=torch.float64)
        self.columns = least.new_zeros(len(stage.functionals), len(plan.order), dtype=torch.float64)
        self.heavy = HeavyShares(stage, self.columns)

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add a tile."""
        t = tile.logits(self.stage.dtype)
        for part in tile.parts:
            self.add_part(anchors, tile, part, t)

    def end(self, anchors: Chunk) -> None:
        """Settle what waits, if it is much."""
        self.heavy.settle(MOST_WAITING)

    def add_part(self, anchors: Chunk, tile: Tile, part: Part, t: Tensor) -> None:
        """Add one part of a tile."""
        stage, place, at = self.stage, part.place, anchors.at
        candidates = slice(tile.candidates.start, tile.candidates.stop)
        order = chain(stage.terms, stage.dtype, MOST_LOST)
        values = dict(relative_terms(t, stage.top[place, at], order, part, stage.plan.temperature))
        shares = {  # (a, instances)
            term: values[term].view(len(anchors), stage.plan.v, -1).sum(1)
            * stage.scale[place, k, at, None]
            * stage.weight[candidates]
            for k, term in enumerate(stage.terms)
        }
        for h, (n, d, first, last) in enumerate(stage.pairs(place)):
            x, y = shares[stage.terms[n]], shares[stage.terms[d]]
            products = torch.stack([x, y, x * x, x * y, y * y])  # (5, a, instances)
            self.squares[place, h, :, at] += products[2:].sum(2)
            effects = torch.einsum("cpa,pam->cm", stage.factors[place][first:last, :, at], products)
            self.columns[stage.wanted[place][first:last], candidates] += effects
        views = part.keep_finite(t, -torch.inf).view(len(anchors), stage.plan.v, -1)
        row, instance = (views.amax(1) >= self.least[place, at, None]).nonzero().unbind(1)
        self.heavy.collect(place, row + at.start, instance + candidates.start, views[row, :, instance])


class CompiledEffects(Effects):
    """The same of powers of e^t that stay in range, on a CPU; a mirrored tile serves both its sides."""

    def __init__(self, stage: Stage, least: Tensor) -> None:
        from boundcheck.pairwise import loops  # compiles: only where a pass is made

        super().__init__(stage, least)
        plan = stage.plan
        self.effect_sums, self.reached = loops.effect_sums, loops.reached
        self.steps = steps(stage.terms, chain(stage.terms, stage.dtype, MOST_LOST), stage.dtype)
        self.pairs, self.wanted = (
            [np.array(of(g), np.int64) for g in range(plan.parts)] for of in (stage.pairs, stage.wanted.__getitem__)
        )
        largest_tile = max(map(len, plan.anchors)) * max(map(len, plan.candidates))
        self.found = np.empty((2, largest_tile, 2), np.int64)

    def add_part(self, anchors: Chunk, tile: Tile, part: Part, t: Tensor) -> None:
        """Add one part of a tile."""
        stage, place, candidates, v = self.stage, part.place, tile.candidates, self.stage.plan.v
        logits, drop = t.numpy(), part.mask(t).numpy()
        where = anchors.at.start, candidates.at.start, v, tile.mirrored
        self.effect_sums(
            logits,
            drop,
            self.steps,
            *where,
            stage.weight.numpy(),
            stage.scale[place].numpy(),
            self.pairs[place],
            stage.factors[place].numpy(),
            self.wanted[place],
            self.squares[place].numpy(),
            self.columns.numpy(),
        )
        many, mirrored_many = self.reached(logits, drop, *where, self.least[place].numpy(), self.found)
        row, instance = torch.from_numpy(self.found[0, :many].T)
        views = t.view(len(anchors), v, -1)[row, :, instance]
        self.heavy.collect(place, row + anchors.at.start, instance + candidates.start, views)
        instance, column = torch.from_numpy(self.found[1, :mirrored_many].T)
        if mirrored_many:
            views = t.view(v, -1, len(candidates))[:, instance, column].T
            self.heavy.collect(place, column + candidates.at.start, instance + anchors.start, views)
