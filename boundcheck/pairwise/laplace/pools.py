"""The Laplace transform of e^t under tilted pools: what makes the loss at finite k as exact as its limit.

For negatives drawn i.i.d. from a pool tilted by eta, with phi(u) = E e^{-u e^t} (docs/theory.md, eq. (18)),

    E log(1 + c sum_{i <= k} e^{t_i}) = integral over x of (1 - phi(c e^x)^k) exp(-e^x) dx

(from log(1 + X) = integral of (1 - e^{-sX}) e^{-s} / s ds, the draws being independent, with s = e^x). The integrand is
analytic in the strip |Im x| < pi / 2, so the trapezoidal rule errs by about exp(-pi^2 / h): 1e-6 nats at h = log 2.
That step makes a table of D(u) = 1 - phi(u) at u_g = 2^g u_0 cheap: y_g = 1 - e^{-u_g e^t} obeys
y_{g+1} = y_g (2 - y_g), so a pair costs one exponential for 32 nodes. D is kept, not phi: phi^k needs its
relative precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from boundcheck.hardening import Hardening, LogTerm, denominator
from boundcheck.losses import Tilt
from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.passes import Kernel, Request
from boundcheck.pairwise.plain_sums import compiled
from boundcheck.pairwise.plan import PairPlan, by_instance
from boundcheck.pairwise.powers import chain, peak, relative_terms
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import Part, Tile
from boundcheck.pools import parts_of

STEP = 0.6931471805599453  # log 2
FRESH = 32  # nodes between exponentials


@dataclass(frozen=True)
class PoolTransforms:
    """D(u_g) = 1 - E e^{-u_g e^t} over the tilted pools of every anchor.

    Attributes:
        table: the log-sums of the same anchors.
        hardenings: the tilts.
        deficit: (a, parts, h, g) D under the tilted law of each part; NaN where that law is empty.
    """

    table: CumulantTable
    hardenings: tuple[Hardening, ...]
    deficit: Tensor

    def of(self, tilt: Tilt) -> Tensor:
        """(a, g) D over a tilted pool, which mixes its parts by their weights."""
        parts = parts_of(tilt.pool, self.table.partition)
        laws = self.deficit[:, parts, self.hardenings.index(tilt.hardening)]  # (a, parts, g)
        if len(parts) == 1:
            return laws[:, 0]
        term = self.table.terms.index(denominator(tilt.hardening))
        share = torch.softmax(self.table.log_sums[:, parts, term], 1)
        return (share[:, :, None] * laws.nan_to_num(0.0)).sum(1)


def doublings(t: Tensor, log_u: Tensor, nodes: int) -> Iterator[Tensor]:
    """1 - e^{-2^g u e^t} for g = 0, 1, ..., nodes - 1, in one buffer that the next step overwrites.

    Args:
        t: (a, b) logits.
        log_u: (a,) log u of the first node.
        nodes: how many.
    """
    y, rest = torch.empty_like(t), torch.empty_like(t)
    for node in range(nodes):
        if node % FRESH:
            y.mul_(torch.sub(2.0, y, out=rest))
        else:  # what has underflowed to zero would stay there
            _fresh(t, log_u, node, y)
        yield y


def _fresh(t: Tensor, log_u: Tensor, node: int, out: Tensor) -> Tensor:
    """1 - e^{-2^node u e^t}, straight from the logits."""
    return torch.add(t, log_u[:, None] + node * STEP, out=out).exp_().neg_().expm1_().neg_()


@dataclass(frozen=True, eq=False, kw_only=True)
class _OfPools(Request[Any]):
    """What both requests below know of the tilted pools.

    Attributes:
        table: log-sums that hold the denominators of the hardenings.
        hardenings: the tilts; all share the pass.
        log_u: (a,) log u_0 of every anchor of the table.
        nodes: of the grid u_0, 2 u_0, 4 u_0, ...
        anchors: see `Request`.
    """

    table: CumulantTable
    hardenings: tuple[Hardening, ...]
    log_u: Tensor
    nodes: int
    anchors: Tensor | None = None

    def dtype(self, plan: PairPlan) -> torch.dtype:
        """By the steepest tilt, and the e^t that is transformed."""
        return plan.dtype(max(1 + denominator(h).steepness for h in self.hardenings))

    def top(self, plan: PairPlan) -> Tensor:
        """(parts, a) largest logit of each part, 0 where it is empty."""
        top = self.table.largest.T
        return torch.where(top == -torch.inf, 0.0, top).to(self.dtype(plan))


class PoolTransformsOf(_OfPools):
    """Asks for the transforms, a `PoolTransforms`."""

    def kernel(self, plan: PairPlan) -> Kernel:
        """Sums over each part of the relative weights times y_g."""
        return _Deficits(plan, self)

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> PoolTransforms:
        """Sums over masses."""
        sums = from_rows(plan, self.table.anchors, torch.stack([kernel.out for kernel in kernels]).sum(0))
        top = self.top(plan)
        masses = []
        for part in range(plan.parts):
            of_part = []
            for h in self.hardenings:
                column = self.table.log_sums[:, part, self.table.terms.index(denominator(h))]
                of_part.append((column - peak(denominator(h), top[part], plan.temperature)).exp())
            masses.append(torch.stack(of_part, 1))
        mass = torch.stack(masses, 1)
        deficit = sums.permute(3, 0, 1, 2) / torch.where(mass > 0, mass, torch.nan)[..., None]
        return PoolTransforms(self.table, self.hardenings, deficit)

    def over_candidates(self, one: PoolTransforms, two: PoolTransforms) -> PoolTransforms:
        """Each is a sum over its own candidates, over the mass of all; what one does not hold counts as zero."""
        return PoolTransforms(one.table, one.hardenings, one.deficit + two.deficit)

    over_anchors = over_candidates


@dataclass(frozen=True, eq=False, kw_only=True)
class PoolInfluenceOf(_OfPools):
    """Asks for (n, f) influences of every instance, as a negative, on sums over anchors of functions of D.

    An instance x with share s of the tilted pool moves D(u_g) by s (y_g(x) - D(u_g)) to first order.

    Attributes:
        transforms: the pools'.
        tilts: the pool and tilt that each functional f is a function of.
        slope: (a, f, g) derivative of the anchor's summand with respect to D(u_g).
    """

    transforms: PoolTransforms
    tilts: tuple[Tilt, ...]
    slope: Tensor

    def kernel(self, plan: PairPlan) -> Kernel:
        """Column sums of the centred, weighted slopes."""
        return _Columns(plan, self, self._wanted(plan))

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> Tensor:
        """In original order."""
        return by_instance(plan, [kernel.columns for kernel in kernels])

    def _wanted(self, plan: PairPlan) -> list[tuple[int, LogTerm, list[int], Tensor, Tensor]]:
        """Of each part and hardening: the functionals it is in, their slopes and centres, by row."""
        out = []
        for part in range(plan.parts):
            for h in self.hardenings:
                columns = [
                    f
                    for f, tilt in enumerate(self.tilts)
                    if tilt.hardening == h and part in parts_of(tilt.pool, plan.partition)
                ]
                if not columns:
                    continue
                share = [self._share(part, self.tilts[f], plan) for f in columns]
                scaled = torch.stack([self.slope[:, f] * s[:, None] for f, s in zip(columns, share, strict=True)], 1)
                centre = torch.stack(
                    [(self.slope[:, f] * self.transforms.of(self.tilts[f]).nan_to_num(0.0)).sum(1) for f in columns], 1
                ) * torch.stack(share, 1)
                slopes, centres = (
                    to_rows(plan, self.table.anchors, values).to(self.dtype(plan)) for values in (scaled, centre)
                )
                out.append((part, denominator(h), columns, slopes, centres))
        return out

    def _share(self, part: int, tilt: Tilt, plan: PairPlan) -> Tensor:
        """What turns relative weights into shares of the tilted pool; 0 where the part or the pool is empty."""
        term = denominator(tilt.hardening)
        total = self.table.log_sum(tilt.pool, term)
        own = self.table.log_sums[:, part, self.table.terms.index(term)]
        empty = (total == -torch.inf) | (own == -torch.inf)
        return torch.where(empty, 0.0, (peak(term, self.top(plan)[part], plan.temperature) - total).exp())


class _Laws(Kernel):
    """What a tile needs to weigh its candidates by the tilts."""

    def __init__(self, plan: PairPlan, asked: _OfPools) -> None:
        self.plan, self.dtype, self.nodes = plan, asked.dtype(plan), asked.nodes
        self.terms = tuple(denominator(h) for h in asked.hardenings)  # eta of each hardening
        self.order = chain(self.terms, self.dtype)
        self.start = to_rows(plan, asked.table.anchors, asked.log_u).to(self.dtype)
        self.top = to_rows(plan, asked.table.anchors, asked.top(plan).T).T

    def weights(self, t: Tensor, tile: Tile, part: Part, rows: slice) -> dict[LogTerm, Tensor]:
        """w_b eta(t) / eta(largest logit of the part), zero outside it."""
        relative = dict(relative_terms(t, self.top[part.place, rows], self.order, part, self.plan.temperature))
        if not self.plan.weighted:
            return {term: relative[term] for term in self.terms}
        return {term: relative[term] * tile.candidates.weight.to(self.dtype) for term in self.terms}


class _Deficits(_Laws):
    """Sums over each part of the relative weights times y_g, (parts, h, g, rows)."""

    def __init__(self, plan: PairPlan, asked: _OfPools) -> None:
        super().__init__(plan, asked)
        shape = plan.parts, len(self.terms), asked.nodes, plan.n_anchors
        self.out = torch.zeros(shape, dtype=torch.float64, device=plan.device)
        self.sums_of = _compiled_sums if compiled(plan) else _sums

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add a tile."""
        rows, t = anchors.at, tile.logits(self.dtype)
        for part in tile.parts:
            weights = self.weights(t, tile, part, rows)
            stacked = torch.stack([weights[term] for term in self.terms])
            self.out[part.place, :, :, rows] += self.sums_of(t, self.start[rows], stacked, self.nodes)


def _compiled_sums(t: Tensor, log_u: Tensor, weights: Tensor, nodes: int) -> Tensor:
    """(h, g, a) sums of the weights (h, a, b) times y_g."""
    from boundcheck.pairwise.laplace.loops import doubling_sums  # compiles: only where a pass is made

    fresh = t.new_empty(len(range(0, nodes, FRESH)), *t.shape)
    for i, out in enumerate(fresh):
        _fresh(t, log_u, i * FRESH, out)
    return torch.from_numpy(doubling_sums(fresh.numpy(), FRESH, weights.numpy(), nodes))


def _sums(t: Tensor, log_u: Tensor, weights: Tensor, nodes: int) -> Tensor:
    return torch.stack([(weights * y).sum(2) for y in doublings(t, log_u, nodes)], 1)


class _Columns(_Laws):
    """Column sums of the centred, weighted slopes: each instance's influence."""

    def __init__(
        self, plan: PairPlan, asked: PoolInfluenceOf, wanted: list[tuple[int, LogTerm, list[int], Tensor, Tensor]]
    ) -> None:
        super().__init__(plan, asked)
        self.wanted = wanted
        self.columns = torch.zeros(len(asked.tilts), len(plan.order), dtype=torch.float64, device=plan.device)

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add a tile."""
        rows, t = anchors.at, tile.logits(self.dtype)
        where = slice(tile.candidates.start, tile.candidates.stop)
        for part in tile.parts:
            here = [
                (term, f, slope[rows], centre[rows]) for p, term, f, slope, centre in self.wanted if p == part.place
            ]
            weights = self.weights(t, tile, part, rows)
            sums = [-(centre.T @ weights[term]) for term, _, _, centre in here]
            for g, y in enumerate(doublings(t, self.start[rows], self.nodes)):
                for total, (term, _, slope, _) in zip(sums, here, strict=True):
                    total += slope[:, :, g].T @ (weights[term] * y)
            for total, (_, f, _, _) in zip(sums, here, strict=True):
                self.columns[f, where] += total.view(len(f), self.plan.v, -1).sum(1).to(torch.float64)
