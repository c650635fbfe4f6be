"""The second visit: row and column sums of leave-one-out effects, to second order in the shares of the instances.

With x = alpha and y = b, delta = x - y + (x^2 - y^2) / 2 and delta^2 = (x - y)^2, but for the heavy shares. All are
sums over pairs of x, y, x^2, xy and y^2 times factors of the anchor. Shares are formed within their own group of
candidates (same or diff); those in the pool of all are smaller by a ratio that is a factor of the anchor too.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from boundcheck.hardening import denominator, numerator
from boundcheck.population.heavy import MOST_WAITING, HeavyShares
from boundcheck.population.plan import Chunk
from boundcheck.population.powers import Powers, chain, relative_terms
from boundcheck.population.stage import Stage
from boundcheck.population.tiles import DIFF, SAME, Part, Side, Tile

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
        self.order = chain(stage.terms, plan.dtype, MOST_LOST)
        self.powers = Powers(stage.terms, self.order, keep=True) if stage.plain else None
        self.squares = least.new_zeros(2, len(stage.hardenings), 3, plan.n_anchors, dtype=torch.float64)
        self.columns = least.new_zeros(len(stage.functionals), plan.n, dtype=torch.float64)
        self.heavy = HeavyShares(stage, least, self.columns)
        self.pairs = [(stage.terms.index(numerator(h)), stage.terms.index(denominator(h))) for h in stage.hardenings]
        self.wanted = [[i for h in stage.hardenings for i in stage.columns(group, h)] for group in (SAME, DIFF)]
        self._storage = least.new_empty(0)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        """Add the tiles of one row of the plan."""
        for tile in tiles:
            powers = None if self.powers is None else self.powers.together(tile.t)
            for part in tile.parts:
                t = part.keep_finite(tile.t, -torch.inf)
                terms = self._relative(anchors, tile.t, part) if powers is None else part.keep_finite(powers, 0.0)
                for side in tile.sides(anchors):
                    self._add(part.group, terms, side)
                    self.heavy.collect(t, part.group, side)
        self.heavy.settle(MOST_WAITING)

    def _relative(self, anchors: Chunk, t: Tensor, part: Part) -> Tensor:
        top = self.stage.top[part.group, anchors.at]
        values = dict(relative_terms(t, top, self.order, part, self.stage.plan.temperature))
        return torch.stack([values[term] for term in self.stage.terms])

    def _add(self, group: int, terms: Tensor, side: Side) -> None:
        """The sums of one group's shares for one side of a tile, from its (terms, a, b) values."""
        where = slice(side.candidates.start, side.candidates.stop)
        shares, products = self._buffers(len(terms), side, where.stop - where.start)
        self._share(group, terms, side, shares)
        squares = shares.new_empty(len(self.pairs), 3, side.rows)
        effects = []
        all_factors = self.stage.factors[group][side.anchors.at.start]
        for h, ((n, d), (of_x, of_y, of_products)) in enumerate(zip(self.pairs, all_factors, strict=True)):
            x, y = shares[n], shares[d]
            for product, first, second in zip(products, (x, x, y), (x, y, y), strict=True):
                torch.mul(first, second, out=product)
            torch.sum(products, 2, out=squares[h])
            effect = of_products @ products.flatten(0, 1)
            effects.append(effect.addmm_(of_x, x).addmm_(of_y, y))
        self.squares[group, :, :, side.anchors.at] += squares
        self.columns[self.wanted[group], where] += torch.cat(effects)

    def _share(self, group: int, terms: Tensor, side: Side, out: Tensor) -> None:
        """Share of each instance in its group's sum, (terms, a, instances)."""
        v, m = self.stage.plan.v, out.shape[2]
        values = terms.transpose(1, 2) if side.turned else terms
        if v == 1:
            torch.mul(values, self.stage.scale[group, :, side.anchors.at, None], out=out)
        else:
            torch.add(values[:, :, :m], values[:, :, m : 2 * m], out=out)
            for view in range(2, v):
                out += values[:, :, view * m : (view + 1) * m]
            out *= self.stage.scale[group, :, side.anchors.at, None]
        if self.stage.plan.weighted:
            out *= side.candidates.weight[:m]

    def _buffers(self, terms: int, side: Side, m: int) -> tuple[Tensor, Tensor]:
        """(terms, a, m) and (3, a, m), in the memory order of the tile."""
        a = side.rows
        if self._storage.numel() < (terms + 3) * a * m:
            self._storage = self._storage.new_empty((terms + 3) * a * m)
        first, second = self._storage[: terms * a * m], self._storage[terms * a * m : (terms + 3) * a * m]
        if side.turned:
            return first.view(terms, m, a).transpose(1, 2), second.view(m, 3, a).permute(1, 2, 0)
        return first.view(terms, a, m), second.view(3, a, m)
