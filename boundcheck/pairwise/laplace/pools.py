"""The Laplace transform of e^t under tilted pools: what makes the loss at finite k as exact as its limit.

For negatives drawn i.i.d. from a pool tilted by eta, with phi(u) = E e^{-u e^t},

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

import torch
from torch import Tensor

from boundcheck.hardening import Hardening, LogTerm, denominator
from boundcheck.pairwise.cumulants import POOLS, CumulantTable
from boundcheck.pairwise.jackknife.leave_out import Tilt
from boundcheck.pairwise.plain_sums import compiled
from boundcheck.pairwise.plan import Chunk, PairPlan, by_instance
from boundcheck.pairwise.powers import Chain, chain, peak, relative_terms
from boundcheck.pairwise.ring.sharing import shared
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import DIFF, SAME, Part, Tile, run_pass

STEP = 0.6931471805599453  # log 2
FRESH = 32  # nodes between exponentials


@dataclass(frozen=True)
class PoolTransforms:
    """D(u_g) = 1 - E e^{-u_g e^t} over the tilted pools of every anchor.

    Attributes:
        table: the log-sums of the same anchors.
        hardenings: the tilts.
        deficit: (a, 2, h, g) D under the tilted law of each group (same, diff); NaN where that law is empty.
    """

    table: CumulantTable
    hardenings: tuple[Hardening, ...]
    deficit: Tensor

    def of(self, tilt: Tilt) -> Tensor:
        """(a, g) D over a tilted pool; `all` mixes its two groups by their weights."""
        both = self.deficit[:, :, self.hardenings.index(tilt.hardening)]  # (a, 2, g)
        if tilt.pool != "all":
            return both[:, POOLS.index(tilt.pool)]
        term = denominator(tilt.hardening)
        share = torch.softmax(self.table.log_sums[:, :, self.table.terms.index(term)], 1)
        return (share[:, :, None] * both.nan_to_num(0.0)).sum(1)


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


def pool_transforms(
    plan: PairPlan, table: CumulantTable, hardenings: Sequence[Hardening], log_u: Tensor, nodes: int
) -> PoolTransforms:
    """One pass over all pairs.

    Args:
        plan: the pairs, those of the table.
        table: log-sums that hold the denominators of the hardenings.
        hardenings: the tilts; all share the pass.
        log_u: (a,) log u_0 of every anchor.
        nodes: of the grid u_0, 2 u_0, 4 u_0, ...
    """
    sums = weighted_sums(plan, table, tuple(hardenings), log_u, nodes)
    mass = torch.stack([torch.stack([_mass(table, g, h, plan) for h in hardenings], 1) for g in (SAME, DIFF)], 1)
    return PoolTransforms(table, tuple(hardenings), sums / torch.where(mass > 0, mass, torch.nan)[..., None])


@shared()
def weighted_sums(
    plan: PairPlan, table: CumulantTable, hardenings: tuple[Hardening, ...], log_u: Tensor, nodes: int
) -> Tensor:
    """(a, 2, h, g) sums of w_b eta(t) y_g over each group, eta relative to its value at the largest logit."""
    laws = _laws(plan, table, hardenings)
    out = torch.zeros(2, len(hardenings), nodes, plan.n_anchors, dtype=torch.float64, device=plan.device)
    start = to_rows(plan, table.anchors, log_u)
    run_pass(plan, lambda: _Deficits(plan, laws, start, out))
    return from_rows(plan, table.anchors, out).permute(3, 0, 1, 2)


@shared()
def pool_influence(
    plan: PairPlan, transforms: PoolTransforms, tilts: Sequence[Tilt], slope: Tensor, log_u: Tensor
) -> Tensor:
    """Influence of every instance, as a negative, on sums over anchors of functions of D; one pass.

    An instance x with share s of the tilted pool moves D(u_g) by s (y_g(x) - D(u_g)) to first order.

    Args:
        plan: the pairs.
        transforms: see `pool_transforms`.
        tilts: the pool and tilt that each functional f is a function of.
        slope: (a, f, g) derivative of the anchor's summand with respect to D(u_g).
        log_u: (a,) as the transforms'.

    Returns:
        (n, f) influences in original order.
    """
    table, nodes = transforms.table, slope.shape[2]
    laws = _laws(plan, table, transforms.hardenings)
    wanted = []
    for group in (SAME, DIFF):
        for h in transforms.hardenings:
            columns = [f for f, tilt in enumerate(tilts) if tilt.hardening == h and tilt.pool in (POOLS[group], "all")]
            if not columns:
                continue
            share = [_share(table, group, tilts[f], plan) for f in columns]
            scaled = torch.stack([slope[:, f] * s[:, None] for f, s in zip(columns, share, strict=True)], 1)
            centre = torch.stack(
                [(slope[:, f] * transforms.of(tilts[f]).nan_to_num(0.0)).sum(1) for f in columns], 1
            ) * torch.stack(share, 1)
            wanted.append(
                (
                    group,
                    denominator(h),
                    columns,
                    to_rows(plan, table.anchors, scaled),
                    to_rows(plan, table.anchors, centre),
                )
            )
    start = to_rows(plan, table.anchors, log_u)
    kernels = run_pass(plan, lambda: _Columns(plan, laws, start, nodes, tuple(wanted), len(tilts)))
    return by_instance(plan, [kernel.columns for kernel in kernels])


@dataclass(frozen=True)
class _Laws:
    """What a tile needs to weigh its candidates by the tilts."""

    terms: tuple[LogTerm, ...]  # eta of each hardening
    order: Chain
    top: Tensor  # (2, a) largest logit of each group, 0 where it is empty

    def weights(self, plan: PairPlan, tile: Tile, part: Part, rows: slice) -> dict[LogTerm, Tensor]:
        """w_b eta(t) / eta(largest logit of the group), zero outside the part."""
        relative = dict(relative_terms(tile.t, self.top[part.group][rows], self.order, part, plan.temperature))
        return {
            term: relative[term] * tile.candidates.weight if plan.weighted else relative[term] for term in self.terms
        }


def _laws(plan: PairPlan, table: CumulantTable, hardenings: Sequence[Hardening]) -> _Laws:
    terms = tuple(denominator(h) for h in hardenings)
    return _Laws(
        terms,
        chain(terms, plan.dtype),
        torch.stack([to_rows(plan, table.anchors, _top(table, g, plan)) for g in (SAME, DIFF)]),
    )


def _top(table: CumulantTable, group: int, plan: PairPlan) -> Tensor:
    top = table.largest[:, group]
    return torch.where(top == -torch.inf, 0.0, top).to(plan.dtype)


def _mass(table: CumulantTable, group: int, hardening: Hardening, plan: PairPlan) -> Tensor:
    """Sum over the group of the relative weights."""
    term = denominator(hardening)
    top = peak(term, _top(table, group, plan), plan.temperature)
    return (table.log_sum(POOLS[group], term) - top).exp()


def _share(table: CumulantTable, group: int, tilt: Tilt, plan: PairPlan) -> Tensor:
    """What turns relative weights into shares of the tilted pool; 0 where the group or the pool is empty."""
    term = denominator(tilt.hardening)
    total = table.log_sum(tilt.pool, term)
    empty = (total == -torch.inf) | (table.log_sum(POOLS[group], term) == -torch.inf)
    return torch.where(empty, 0.0, (peak(term, _top(table, group, plan), plan.temperature) - total).exp())


@dataclass(frozen=True)
class _Deficits:
    """Sums over each group of the relative weights times y_g."""

    plan: PairPlan
    laws: _Laws
    start: Tensor
    out: Tensor  # (2, h, g, a)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        rows = anchors.at
        sums_of = _compiled_sums if compiled(self.plan) else _sums
        sums = self.out.new_zeros(*self.out.shape[:3], len(anchors))
        for tile in tiles:
            for part in tile.parts:
                weights = self.laws.weights(self.plan, tile, part, rows)
                stacked = torch.stack([weights[term] for term in self.laws.terms])
                sums[part.group] += sums_of(tile.t, self.start[rows], stacked, sums.shape[2])
        self.out[..., rows] = sums


def _compiled_sums(t: Tensor, log_u: Tensor, weights: Tensor, nodes: int) -> Tensor:
    """(h, g, a) sums of the weights (h, a, b) times y_g."""
    from boundcheck.pairwise.laplace.loops import doubling_sums  # compiles: only where a pass is made

    fresh = t.new_empty(len(range(0, nodes, FRESH)), *t.shape)
    for i, out in enumerate(fresh):
        _fresh(t, log_u, i * FRESH, out)
    return torch.from_numpy(doubling_sums(fresh.numpy(), FRESH, weights.numpy(), nodes))


def _sums(t: Tensor, log_u: Tensor, weights: Tensor, nodes: int) -> Tensor:
    return torch.stack([(weights * y).sum(2) for y in doublings(t, log_u, nodes)], 1)


class _Columns:
    """Column sums of the centred, weighted slopes: each instance's influence."""

    def __init__(
        self,
        plan: PairPlan,
        laws: _Laws,
        start: Tensor,
        nodes: int,
        wanted: tuple[tuple[int, LogTerm, list[int], Tensor, Tensor], ...],
        functionals: int,
    ) -> None:
        self.plan, self.laws, self.start, self.nodes, self.wanted = plan, laws, start, nodes, wanted
        self.columns = torch.zeros(functionals, len(plan.order), dtype=torch.float64, device=plan.device)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        rows = anchors.at
        local = [(group, term, f, slope[rows], centre[rows]) for group, term, f, slope, centre in self.wanted]
        for tile in tiles:
            for part in tile.parts:
                here = [entry for entry in local if entry[0] == part.group]
                weights = self.laws.weights(self.plan, tile, part, rows)
                sums = [-(centre.T @ weights[term]) for _, term, _, _, centre in here]
                for g, y in enumerate(doublings(tile.t, self.start[rows], self.nodes)):
                    for total, (_, term, _, slope, _) in zip(sums, here, strict=True):
                        total += slope[:, :, g].T @ (weights[term] * y)
                where = slice(tile.candidates.start, tile.candidates.stop)
                for total, (_, _, f, _, _) in zip(sums, here, strict=True):
                    self.columns[f, where] += total.view(len(f), self.plan.v, -1).sum(1).to(torch.float64)
