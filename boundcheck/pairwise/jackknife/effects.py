"""The second pass: row and column sums of leave-one-out effects, to second order in the shares of the instances.

With x = alpha and y = b, delta = x - y + (x^2 - y^2) / 2 and delta^2 = (x - y)^2, but for the heavy shares. All are
sums over pairs of x, y, x^2, xy and y^2 times factors of the anchor. Shares are formed within their own group of
candidates (same or diff); those in the pool of all are smaller by a ratio that is a factor of the anchor too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from boundcheck.pairwise.jackknife.heavy import MOST_WAITING, HeavyShares
from boundcheck.pairwise.jackknife.stage import Stage
from boundcheck.pairwise.plan import Chunk
from boundcheck.pairwise.powers import chain, relative_terms, steps
from boundcheck.pairwise.tiles import DIFF, SAME, Part, Tile

MOST_LOST = 1e-4  # relative error of an effect by its roundings, far below its statistical error


class Effects:
    """Sums over the tiles of one worker, of any terms, anywhere: relative to the largest logit of each row.

    Attributes:
        squares: (2, hardenings, 3, rows) sums of x^2, xy and y^2 within each group, float64.
        columns: (functionals, n) sums over anchors of e_x(a), in the order of the plan.
        heavy: what the heavy shares add to both.
    """

    def __init__(self, stage: Stage, least: Tensor) -> None:
        plan = stage.plan
        self.stage, self.least = stage, least
        self.squares = least.new_zeros(2, len(stage.hardenings), 3, plan.n_anchors, dtype=torch.float64)
        self.columns = least.new_zeros(len(stage.functionals), len(plan.order), dtype=torch.float64)
        self.heavy = HeavyShares(stage, self.columns)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        """Add the tiles of one row of the plan."""
        for tile in tiles:
            for part in tile.parts:
                self.add(anchors, tile, part)
        self.heavy.settle(MOST_WAITING)

    def add(self, anchors: Chunk, tile: Tile, part: Part) -> None:
        """Add one group of a tile."""
        stage, group, at = self.stage, part.group, anchors.at
        candidates = slice(tile.candidates.start, tile.candidates.stop)
        order = chain(stage.terms, stage.plan.dtype, MOST_LOST)
        values = dict(relative_terms(tile.t, stage.top[group, at], order, part, stage.plan.temperature))
        shares = {  # (a, instances)
            term: values[term].view(len(anchors), stage.plan.v, -1).sum(1)
            * stage.scale[group, k, at, None]
            * stage.weight[candidates]
            for k, term in enumerate(stage.terms)
        }
        for h, (n, d, first, last) in enumerate(stage.pairs(group)):
            x, y = shares[stage.terms[n]], shares[stage.terms[d]]
            products = torch.stack([x, y, x * x, x * y, y * y])  # (5, a, instances)
            self.squares[group, h, :, at] += products[2:].sum(2)
            effects = torch.einsum("cpa,pam->cm", stage.factors[group][first:last, :, at], products)
            self.columns[stage.wanted[group][first:last], candidates] += effects
        views = part.keep_finite(tile.t, -torch.inf).view(len(anchors), stage.plan.v, -1)
        row, instance = (views.amax(1) >= self.least[group, at, None]).nonzero().unbind(1)
        self.heavy.collect(group, row + at.start, instance + candidates.start, views[row, :, instance])


class CompiledEffects(Effects):
    """The same of powers of e^t that stay in range, on a CPU; a mirrored tile serves both its sides."""

    def __init__(self, stage: Stage, least: Tensor) -> None:
        from boundcheck.pairwise import loops  # compiles: only where a pass is made

        super().__init__(stage, least)
        plan = stage.plan
        self.effect_sums, self.reached = loops.effect_sums, loops.reached
        self.steps = steps(stage.terms, chain(stage.terms, plan.dtype, MOST_LOST), plan.dtype)
        self.pairs, self.wanted = (
            [np.array(of(g), np.int64) for g in (SAME, DIFF)] for of in (stage.pairs, stage.wanted.__getitem__)
        )
        largest_tile = max(map(len, plan.anchors)) * max(map(len, plan.candidates))
        self.found = np.empty((2, largest_tile, 2), np.int64)

    def add(self, anchors: Chunk, tile: Tile, part: Part) -> None:
        """Add one group of a tile."""
        stage, group, candidates, v = self.stage, part.group, tile.candidates, self.stage.plan.v
        t, drop = tile.t.numpy(), part.mask(tile.t).numpy()
        where = anchors.at.start, candidates.at.start, v, tile.mirrored
        self.effect_sums(
            t,
            drop,
            self.steps,
            *where,
            stage.weight.numpy(),
            stage.scale[group].numpy(),
            self.pairs[group],
            stage.factors[group].numpy(),
            self.wanted[group],
            self.squares[group].numpy(),
            self.columns.numpy(),
        )
        many, mirrored_many = self.reached(t, drop, *where, self.least[group].numpy(), self.found)
        row, instance = torch.from_numpy(self.found[0, :many].T)
        views = tile.t.view(len(anchors), v, -1)[row, :, instance]
        self.heavy.collect(group, row + anchors.at.start, instance + candidates.start, views)
        instance, column = torch.from_numpy(self.found[1, :mirrored_many].T)
        if mirrored_many:
            views = tile.t.view(v, -1, len(candidates))[:, instance, column].T
            self.heavy.collect(group, column + candidates.at.start, instance + anchors.start, views)
