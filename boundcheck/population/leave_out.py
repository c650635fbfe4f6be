"""What leaving one instance out of a pool does to rho, for all (anchor, instance) pairs: the jackknife, exactly.

With the tilt's weights alpha = eta e^t / sum and b = eta / sum of an instance (its views added up) in the pool of
anchor a, dropping instance x changes

    rho(a) - rho(a without x) = delta_x(a) = log(1 - b_x) - log(1 - alpha_x),

and an anchor's loss, with slope h' and curvature h'' in rho, by e_x(a) = h'(a) delta - h''(a) delta^2 / 2. One visit
gives both margins of the matrix e: its row sums are the bias of each anchor's loss (Quenouille's correction), its
column sums the influence of each instance as a negative (theory section 5; the first-order terms alpha - b are the
infinitesimal version, biased low where a tilt rests on few instances).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.hardening import Hardening, LogTerm, denominator, numerator
from boundcheck.population.cumulants import POOLS, CumulantTable
from boundcheck.population.plan import Chunk, PairPlan
from boundcheck.population.powers import Chain, chain, peak, relative_terms
from boundcheck.population.tiles import DIFF, SAME, Progress, Tile, visit

# Below this share log(1 - x) = -x - x^2 / 2 to within x^3 / 3 < 3e-6; the few larger shares are taken exactly.
HEAVY = 0.02
# A tilt that rests wholly on one instance has no leave-one-out value; its share is capped here (its ESS is 1).
HEAVIEST = 1 - 1e-6


@dataclass(frozen=True)
class Tilt:
    """A pool and the hardening that tilts it: what one rho depends on."""

    pool: str  # same, diff or all
    hardening: Hardening


@dataclass(frozen=True)
class Functional:
    """An average over anchors of a function of one rho, by its derivatives.

    Attributes:
        tilt: which rho.
        slope: (a,) derivative of the anchor's summand with respect to rho, times the anchor's weight.
        curvature: (a,) second derivative, likewise.
        effect: (original anchor indices, delta) -> summand(rho) - summand(rho - delta), times the anchor's weight, for
            the few deltas that may be too large for an expansion; None expands to second order everywhere.
    """

    tilt: Tilt
    slope: Tensor
    curvature: Tensor
    effect: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class LeaveOneOut:
    """Both margins of the leave-one-out effects.

    Attributes:
        shift: tilt -> (a,) sum over instances of delta: minus the bias of rho.
        spread: tilt -> (a,) sum of delta^2: the variance of rho over pools.
        ess: tilt -> (a,) effective number of instances under eta e^t, 1 / sum alpha^2.
        row_sum: (a, functionals) sum over instances of e_x(a): minus the bias of the anchor's weighted summand.
        influence: (n, functionals) sum over anchors of e_x(a) for each instance x, in original order.
    """

    shift: dict[Tilt, Tensor]
    spread: dict[Tilt, Tensor]
    ess: dict[Tilt, Tensor]
    row_sum: Tensor
    influence: Tensor


def leave_one_out(
    plan: PairPlan, table: CumulantTable, functionals: Sequence[Functional], progress: Progress | None = None
) -> LeaveOneOut:
    """Visit all pairs once, given the log-sums of the first visit.

    Args:
        plan: the pairs; the same anchors as the table's.
        table: log-sums with every term the functionals need.
        functionals: any number; those of one tilt share its exponentials.
        progress: called as anchors are finished.
    """
    anchors = table.anchors
    hardenings = tuple(dict.fromkeys(f.tilt.hardening for f in functionals))
    tilts = tuple(dict.fromkeys(f.tilt for f in functionals))
    rows = plan.n * plan.v

    def place(values: Tensor) -> Tensor:  # (a, ...) -> (n v, ...), where a chunk finds its rows
        placed = values.new_zeros(rows, *values.shape[1:])
        placed[anchors] = values
        return placed.to(plan.device, plan.dtype)

    def scale_of(pool: str, group: int, term: LogTerm, top: Tensor) -> Tensor:
        return place(_scale(table, term, pool, group, top, plan.temperature))

    groups = []
    for group in (SAME, DIFF):
        top = table.largest[:, group]
        top = torch.where(top == -torch.inf, 0.0, top).to(plan.dtype)
        batches = []
        for h in hardenings:
            columns = [
                i for i, f in enumerate(functionals) if f.tilt.hardening == h and f.tilt.pool in (POOLS[group], "all")
            ]
            if columns:
                scale = {
                    pool: (scale_of(pool, group, numerator(h), top), scale_of(pool, group, denominator(h), top))
                    for pool in dict.fromkeys(functionals[i].tilt.pool for i in columns)
                }
                slope, half = (
                    place(torch.stack([getattr(functionals[i], name) for i in columns], 1))
                    for name in ("slope", "curvature")
                )
                pools = tuple(functionals[i].tilt.pool for i in columns)
                batches.append(
                    _Batch(h, columns, pools, tuple(functionals[i].effect for i in columns), scale, slope, half / 2)
                )
        terms = dict.fromkeys(term for batch in batches for term in _pair(batch.hardening))
        groups.append(_Group(place(top), chain(terms, plan.dtype), tuple(batches)))

    out = {tilt: torch.zeros(3, rows, dtype=torch.float64, device=plan.device) for tilt in tilts}
    remainder = torch.zeros(len(functionals), rows, dtype=torch.float64, device=plan.device)
    kernels = visit(plan, lambda: _Effects(plan, tuple(groups), out, remainder), progress=progress)
    influence = torch.empty(plan.n, len(functionals), dtype=torch.float64)
    influence[plan.order] = torch.stack([kernel.columns for kernel in kernels]).sum(0).cpu().T
    at = {tilt: sums.cpu()[:, anchors] for tilt, sums in out.items()}
    row_sum = remainder.cpu().T[anchors]
    for i, f in enumerate(functionals):
        row_sum[:, i] += f.slope * at[f.tilt][0] - f.curvature / 2 * at[f.tilt][1]
    return LeaveOneOut(
        row_sum=row_sum,
        shift={tilt: sums[0] for tilt, sums in at.items()},
        spread={tilt: sums[1] for tilt, sums in at.items()},
        ess={tilt: 1 / sums[2] for tilt, sums in at.items()},
        influence=influence,
    )


def _pair(hardening: Hardening) -> tuple[LogTerm, LogTerm]:
    return numerator(hardening), denominator(hardening)


def _scale(table: CumulantTable, term: LogTerm, pool: str, group: int, top: Tensor, temperature: float) -> Tensor:
    """f(top of the group) / sum over the pool: turns relative terms into shares; zero where the pool has no weight."""
    log_sum = table.log_sum(pool, term)
    empty = (table.log_sum(POOLS[group], term) == -torch.inf) | (log_sum == -torch.inf)
    return torch.where(empty, 0.0, (peak(term, top, temperature) - log_sum).exp())


@dataclass(frozen=True)
class _Batch:
    """The functionals of one hardening that a group of candidates takes part in; rows are original anchors."""

    hardening: Hardening
    columns: list[int]
    pools: tuple[str, ...]  # of each column
    effects: tuple[Callable[[Tensor, Tensor], Tensor] | None, ...]
    scale: dict[str, tuple[Tensor, Tensor]]  # pool -> scales of numerator and denominator, (n v,)
    slope: Tensor  # (n v, columns)
    half: Tensor  # (n v, columns) half the curvature


@dataclass(frozen=True)
class _Group:
    """What the tiles of one group need."""

    top: Tensor  # (n v,) largest logit of the group, 0 where it is empty
    order: Chain
    batches: tuple[_Batch, ...]


class _Effects:
    """Row and column sums of delta and delta^2 over the tiles of an anchor chunk.

    With x = alpha and y = b, delta = x - y + (x^2 - y^2) / 2 and delta^2 = (x - y)^2 but for the heavy shares. All
    are products of the relative terms with factors of the anchor, so the tiles themselves are never rescaled: row
    sums take the factors afterwards, column sums within a matrix product.
    """

    def __init__(self, plan: PairPlan, groups: tuple[_Group, ...], out: dict[Tilt, Tensor], remainder: Tensor) -> None:
        self.plan, self.groups, self.out, self.remainder = plan, groups, out, remainder
        self.columns = torch.zeros(len(remainder), plan.n, dtype=torch.float64, device=plan.device)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        sums = {tilt: out.new_zeros(3, len(anchors)) for tilt, out in self.out.items()}
        local = [[_at(batch, anchors.anchor) for batch in group.batches] for group in self.groups]
        tops = [group.top[anchors.anchor] for group in self.groups]
        for tile in tiles:
            for part in tile.parts:
                terms = relative_terms(
                    tile.t, tops[part.group], self.groups[part.group].order, part, self.plan.temperature
                )
                by_instance = {term: self._by_instance(values, tile.candidates) for term, values in terms}
                for batch in local[part.group]:
                    n, d = (by_instance[term] for term in _pair(batch.hardening))
                    self._add(batch, n, d, anchors, tile.candidates, sums)
        for tilt, values in sums.items():
            self.out[tilt][:, anchors.anchor] = values

    def _by_instance(self, values: Tensor, candidates: Chunk) -> Tensor:
        """Weighted, and summed over the views of each instance."""
        if self.plan.weighted:
            values = values * candidates.weight
        views = torch.split(values, candidates.stop - candidates.start, dim=1)
        return views[0] if len(views) == 1 else torch.stack(views).sum(0)

    def _add(
        self, batch: _Batch, n: Tensor, d: Tensor, anchors: Chunk, candidates: Chunk, sums: dict[Tilt, Tensor]
    ) -> None:
        nn, nd, dd = n * n, n * d, d * d
        row_nn, row_nd, row_dd = (values.sum(1) for values in (nn, nd, dd))
        for pool, (sn, sd) in batch.scale.items():
            xx, xy, yy = sn * sn * row_nn, sn * sd * row_nd, sd * sd * row_dd
            total = sums[Tilt(pool, batch.hardening)]
            total[0] += (xx - yy) / 2
            total[1] += xx - 2 * xy + yy
            total[2] += xx
        sn, sd = (torch.stack([batch.scale[pool][k] for pool in batch.pools], 1) for k in (0, 1))
        slope, half = batch.slope, batch.half
        effects = (slope * sn).T @ n - (slope * sd).T @ d
        effects += ((slope / 2 - half) * sn * sn).T @ nn - ((slope / 2 + half) * sd * sd).T @ dd
        effects += (2 * half * sn * sd).T @ nd
        where = slice(candidates.start, candidates.stop)
        self.columns[batch.columns, where] += effects.to(torch.float64)
        self._add_heavy(batch, n, d, anchors, candidates, sums)

    def _add_heavy(
        self, batch: _Batch, n: Tensor, d: Tensor, anchors: Chunk, candidates: Chunk, sums: dict[Tilt, Tensor]
    ) -> None:
        """Where a share is heavy, what the exact effect has beyond the second-order expansion in the shares."""
        sn, sd = (torch.stack([scale[k] for scale in batch.scale.values()]).amax(0) for k in (0, 1))
        most = float(candidates.weight.max()) * self.plan.v
        if float(torch.maximum(sn, sd).max()) * most <= HEAVY:
            return
        row, column = torch.where((n * sn[:, None] > HEAVY) | (d * sd[:, None] > HEAVY))
        n, d = n[row, column].to(torch.float64), d[row, column].to(torch.float64)
        for pool, (sn, sd) in batch.scale.items():
            x, y = n * sn[row], d * sd[row]
            delta = torch.log1p(-y.clamp_max(HEAVIEST)) - torch.log1p(-x.clamp_max(HEAVIEST))
            beyond = delta - (x - y + (x * x - y * y) / 2)
            beyond_square = delta * delta - (x - y) ** 2
            total = sums[Tilt(pool, batch.hardening)]
            total[0].index_add_(0, row, beyond)
            total[1].index_add_(0, row, beyond_square)
            for k, (i, column_pool, effect) in enumerate(zip(batch.columns, batch.pools, batch.effects, strict=True)):
                if column_pool != pool:
                    continue
                slope, half = batch.slope[row, k].to(torch.float64), batch.half[row, k].to(torch.float64)
                change = slope * beyond - half * beyond_square
                if effect is not None:
                    further = effect(anchors.anchor[row], delta) - (slope * delta - half * delta * delta)
                    self.remainder[i].index_add_(0, anchors.anchor[row], further)
                    change = change + further
                self.columns[i].index_add_(0, column + candidates.start, change)


def _at(batch: _Batch, rows: Tensor) -> _Batch:
    """The batch with its per-anchor tensors restricted to the rows of a chunk."""
    return _Batch(
        batch.hardening,
        batch.columns,
        batch.pools,
        batch.effects,
        {pool: (sn[rows], sd[rows]) for pool, (sn, sd) in batch.scale.items()},
        batch.slope[rows],
        batch.half[rows],
    )
