"""Critical beta: how hard exponential tilting must be before an anchor's H-SCL reaches its UCL.

    beta*(a) = the least beta >= 0 with rho_diff(beta; a) >= K_all(1; a)               (docs/theory.md, eq. (31))

rho_diff is smooth and non-decreasing in beta, from K_diff(1) to the largest other-class logit, so beta* exists unless
that logit lies below K_all(1; a). Safeguarded Newton steps for all anchors at once, from where the table's own
log-sums, interpolated, meet the target: each step is one pass with a tilt of its own for every anchor, and anchors
that have converged drop out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from boundcheck.hardening import CONSTANT, Exponential
from boundcheck.pairwise.between import rho_between
from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.passes import Kernel, Request, Task
from boundcheck.pairwise.plain_sums import compiled
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import Part, Tile
from boundcheck.pools import ALL, DIFF, parts_of

TOLERANCE = 1e-5  # nats of rho, what log-sums are good to
MAX_STEPS = 40
MAX_BETA = 1e4
PIECES = 16  # in which interpolated curves are straight, between two tilts


def critical_betas(plan: PairPlan, table: CumulantTable, betas: Sequence[float]) -> Task[Tensor]:
    """beta* of every anchor.

    Args:
        plan: the pairs; for the largest logit there can be.
        table: holds the constant's terms, and those of Exponential(beta) for `betas`, which give the first brackets.
        betas: tilts in the table.

    Returns:
        (a,) beta*, 0 where UCL <= H-SCL without any tilt, inf where no tilt suffices (up to beta = 10^4), NaN where
        the anchor has no other-class candidate; rho_diff(beta*) meets K_all(1) within 1e-5 nats.
    """
    target = table.rho(ALL, CONSTANT)
    largest = table.largest_logit(DIFF)
    low, high = _brackets(table, target, betas)
    untilted = table.rho(DIFF, CONSTANT)
    # A pool of equal logits on the target is met by every tilt, though rounding may put it just below.
    flat = torch.where(untilted >= target - TOLERANCE, 0.0, torch.inf)
    beta = torch.where(largest > target + TOLERANCE, _starts(table, target, low, high, betas), flat)
    beta = torch.where(untilted >= target, 0.0, beta)
    beta = torch.where(torch.isfinite(target) & torch.isfinite(largest), beta, torch.nan)
    active = torch.isfinite(beta) & (beta > 0)
    for _ in range(MAX_STEPS):
        if not active.any():
            break
        rows = active.nonzero()[:, 0]
        b, top = beta[rows], largest[rows]
        # With most anchors active the pass is shared with whatever else is asked for.
        some = None if 2 * len(rows) > len(beta) else table.anchors[rows]
        asked = TiltedSums(table.anchors[rows], b, top, some)
        plain, tilted, plain_t, tilted_t = yield asked
        rho, slope = (tilted / plain).log() + top, tilted_t / tilted - plain_t / plain
        miss = rho - target[rows]
        low[rows] = torch.where(miss < 0, b, low[rows])
        high[rows] = torch.where(miss >= 0, b, high[rows])
        step = _newton(b, miss, slope, low[rows], high[rows])
        # rho'' is a difference of two variances of logits: a step this short leaves no more than the tolerance.
        short = (step == b - miss / slope) & ((plan.reach * (step - b)).square() <= 2 * TOLERANCE)
        done = short | (miss.abs() <= TOLERANCE)
        beta[rows] = torch.where(done & ~short, b, step)
        beta[rows] = torch.where(low[rows] >= MAX_BETA, torch.inf, beta[rows])
        active[rows] = ~done & torch.isfinite(beta[rows])
    return beta


def _brackets(table: CumulantTable, target: Tensor, betas: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Bounds of beta* from the tilts in the table."""
    low, high = torch.zeros_like(target), torch.full_like(target, torch.inf)
    for beta in sorted(betas):
        below = table.rho(DIFF, Exponential(beta)) < target
        low = torch.where(below, beta, low)
        high = torch.where(~below & torch.isinf(high), beta, high)
    return low, high


def _starts(table: CumulantTable, target: Tensor, low: Tensor, high: Tensor, betas: Sequence[float]) -> Tensor:
    """Where rho_diff, interpolated, meets the target; twice as far as the last tilt where that is not enough."""
    start = torch.where(torch.isinf(high), 2 * low + 1, (low + high) / 2)
    ends = sorted({0.0, *betas})
    last, last_rho = 0.0, rho_between(table, DIFF, 0.0)
    for beta in (left + (right - left) * i / PIECES for left, right in pairwise(ends) for i in range(1, PIECES + 1)):
        rho = rho_between(table, DIFF, beta)
        here = (last_rho < target) & (rho >= target) & (low <= last) & (beta <= high)
        start = torch.where(here, last + (beta - last) * (target - last_rho) / (rho - last_rho), start)
        last, last_rho = beta, rho
    return start


def _newton(beta: Tensor, miss: Tensor, slope: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """A Newton step; where it leaves the bracket, the bracket's middle, or twice beta when it is open above."""
    step = beta - miss / slope
    inside = (step > low) & (step < high) & (step < 4 * beta + 4)
    middle = torch.where(torch.isinf(high), 2 * beta + 1, (low + high) / 2)
    return torch.where(inside, step, middle)


@dataclass(frozen=True, eq=False)
class TiltedSums(Request[Tensor]):
    """Asks for (4, a) sums of e^{beta s}, e^{(1 + beta) s} and of s times each over other classes, s = t - largest.

    Attributes:
        rows: (a,) original anchor indices of the tilts; where the plan has more anchors, theirs are not asked for.
        beta: (a,) tilts.
        largest: (a,) the largest other-class logit of each anchor.
        anchors: see `Request`.
    """

    rows: Tensor
    beta: Tensor
    largest: Tensor
    anchors: Tensor | None = None

    def dtype(self, plan: PairPlan) -> torch.dtype:
        """By the steepest tilt."""
        return plan.dtype(1 + float(self.beta.max()))

    def mirrors(self, plan: PairPlan) -> bool:
        """A mirrored tile is turned for its other side."""
        return True

    def kernel(self, plan: PairPlan) -> Kernel:
        """Compiled where it can be."""
        return _TiltedSums(plan, self)

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> Tensor:
        """The sums in the order of the rows."""
        return _placed(plan, self.rows, torch.stack([kernel.out for kernel in kernels]).sum(0))


def _placed(plan: PairPlan, rows: Tensor, out: Tensor) -> Tensor:
    """(4, a) of the rows asked for, from those of all anchors of the plan; zeros for anchors it does not hold."""
    anchors = plan.anchor_index
    if not len(anchors):
        return out.new_zeros(4, len(rows), device="cpu")
    order = anchors.argsort()
    full = from_rows(plan, anchors[order], out)
    at = torch.searchsorted(anchors[order], rows.contiguous()).clamp_max(len(anchors) - 1)
    return torch.where(anchors[order][at] == rows, full[:, at], 0.0)


class _TiltedSums(Kernel):
    """Sums with each anchor's own tilt; anchors without one get beta = 0 at largest = inf, which leaves zeros."""

    def __init__(self, plan: PairPlan, asked: TiltedSums) -> None:
        self.plan, self.dtype = plan, asked.dtype(plan)
        # s is as exact as the logits, and e^s falls off faster than float32 loses the places of s.
        self.powers = plan.powers(self.dtype, True)
        self.parts = parts_of(DIFF, plan.partition)
        anchors = plan.anchor_index
        everyone = torch.full((plan.n * plan.v, 2), torch.nan, dtype=torch.float64)
        everyone[asked.rows] = torch.stack([asked.beta, asked.largest], 1)
        given = to_rows(plan, anchors, everyone[anchors].nan_to_num(0.0))
        self.beta, self.largest = given[:, 0].contiguous(), given[:, 1].contiguous()
        self.out = torch.zeros(4, plan.n_anchors, dtype=torch.float64, device=plan.device)
        self.sums_of = self._compiled if compiled(plan) else self._sums

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add a tile, for both its sides if it is mirrored."""
        self._add(anchors, tile)
        if tile.mirrored:
            self._add(tile.candidates, tile.turned(anchors))

    def _add(self, anchors: Chunk, tile: Tile) -> None:
        beta, largest = self.beta[anchors.at], self.largest[anchors.at]
        for part in tile.parts:
            if part.place in self.parts:
                self.out[:, anchors.at] += self.sums_of(tile, part, beta, largest)

    def _compiled(self, tile: Tile, part: Part, beta: Tensor, largest: Tensor) -> Tensor:
        from boundcheck.pairwise import loops  # compiles: only where a pass is made

        t = tile.logits(self.dtype)
        weight = tile.candidates.weight.to(self.powers).numpy()
        top, tilts = largest.to(self.dtype).numpy(), beta.to(self.powers).numpy()
        return torch.from_numpy(loops.tilted_sums(t.numpy(), part.mask(t).numpy(), tilts, top, weight))

    def _sums(self, tile: Tile, part: Part, beta: Tensor, largest: Tensor) -> Tensor:
        s = part.keep_finite(tile.logits(self.dtype) - largest.to(self.dtype)[:, None], -torch.inf)
        plain = part.keep_finite((s * beta.to(self.dtype)[:, None]).exp(), 0.0) * tile.candidates.weight.to(s.dtype)
        s = part.keep_finite(s, 0.0)
        tilted = plain * s.exp()
        return torch.stack([plain, tilted, plain * s, tilted * s]).sum(2)
