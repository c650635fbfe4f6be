"""Critical hardness: how hard exponential tilting must be before an anchor's H-SCL reaches its UCL (theory section 4).

    beta*(a) = the least beta >= 0 with rho_diff(beta; a) >= K_all(1; a)

rho_diff is smooth and non-decreasing in beta, from K_diff(1) to the largest other-class logit, so beta* exists unless
that logit lies below K_all(1; a). Safeguarded Newton steps for all anchors at once, from where the table's own
log-sums, interpolated, meet the target: each step is one pass with a tilt of its own for every anchor, and anchors
that have converged drop out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from boundcheck.hardening import CONSTANT, Exponential
from boundcheck.pairwise.between import rho_between
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.plain_sums import compiled
from boundcheck.pairwise.plan import Chunk, PairPlan
from boundcheck.pairwise.ring.sharing import shared
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import DIFF, Part, Tile, run_pass

TOLERANCE = 1e-5  # nats of rho, what log-sums are good to
MAX_STEPS = 40
MAX_BETA = 1e4
PIECES = 16  # in which interpolated curves are straight, between two tilts


def critical_hardness(
    plan_for: Callable[[Tensor, float], PairPlan], table: CumulantTable, betas: tuple[float, ...]
) -> Tensor:
    """beta* of every anchor.

    Args:
        plan_for: (anchors, steepest beta) -> a plan of those anchors against all candidates.
        table: holds the constant's terms, and those of Exponential(beta) for `betas`, which give the first brackets.
        betas: tilts in the table.

    Returns:
        (a,) beta*, 0 where UCL <= H-SCL without any tilt, inf where no tilt suffices (up to beta = 10^4), NaN where
        the anchor has no other-class candidate; rho_diff(beta*) meets K_all(1) within 1e-5 nats.
    """
    target = table.rho("all", CONSTANT)
    largest = table.largest_logit("diff")
    low, high = _brackets(table, target, betas)
    untilted = table.rho("diff", CONSTANT)
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
        b = beta[rows]
        plan = plan_for(table.anchors[rows], float(b.max()))
        rho, slope = tilted_rho(plan, table.anchors[rows], b, largest[rows])
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


def _brackets(table: CumulantTable, target: Tensor, betas: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Bounds of beta* from the tilts in the table."""
    low, high = torch.zeros_like(target), torch.full_like(target, torch.inf)
    for beta in sorted(betas):
        below = table.rho("diff", Exponential(beta)) < target
        low = torch.where(below, beta, low)
        high = torch.where(~below & torch.isinf(high), beta, high)
    return low, high


def _starts(table: CumulantTable, target: Tensor, low: Tensor, high: Tensor, betas: tuple[float, ...]) -> Tensor:
    """Where rho_diff, interpolated, meets the target; twice as far as the last tilt where that is not enough."""
    start = torch.where(torch.isinf(high), 2 * low + 1, (low + high) / 2)
    ends = sorted({0.0, *betas})
    last, last_rho = 0.0, rho_between(table, "diff", 0.0)
    for beta in (left + (right - left) * i / PIECES for left, right in pairwise(ends) for i in range(1, PIECES + 1)):
        rho = rho_between(table, "diff", beta)
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


def tilted_rho(plan: PairPlan, anchors: Tensor, beta: Tensor, largest: Tensor) -> tuple[Tensor, Tensor]:
    """rho_diff(beta_a; a) and its derivative in beta, with a tilt of its own for each anchor; one pass.

    Args:
        plan: the pairs of these anchors.
        anchors: (a,) original anchor indices.
        beta: (a,) tilts.
        largest: (a,) the largest other-class logit of each anchor.
    """
    plain, tilted, plain_t, tilted_t = tilted_sums(plan, anchors, beta, largest)
    return (tilted / plain).log() + largest, tilted_t / tilted - plain_t / plain


@shared()
def tilted_sums(plan: PairPlan, anchors: Tensor, beta: Tensor, largest: Tensor) -> Tensor:
    """(4, a) sums of e^{beta s}, e^{(1 + beta) s} and of s times each over the other classes, s = t - largest."""
    out = torch.zeros(4, plan.n_anchors, dtype=torch.float64, device=plan.device)
    beta_at, largest_at = to_rows(plan, anchors, beta), to_rows(plan, anchors, largest)
    run_pass(plan, lambda: _TiltedSums(plan, beta_at, largest_at, out))
    return from_rows(plan, anchors, out)


@dataclass(frozen=True)
class _TiltedSums:
    """Sums of e^{beta s}, e^{(1 + beta) s} and of s times each, s = t - max."""

    plan: PairPlan
    beta: Tensor
    largest: Tensor
    out: Tensor

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        sums_of = _compiled_sums if compiled(self.plan) else _sums
        beta, largest, sums = self.beta[anchors.at], self.largest[anchors.at], self.out[:, anchors.at]
        for tile in tiles:
            for part in tile.parts:
                if part.group == DIFF:
                    sums += sums_of(self.plan, tile, part, beta, largest)


def _compiled_sums(plan: PairPlan, tile: Tile, part: Part, beta: Tensor, largest: Tensor) -> Tensor:
    from boundcheck.pairwise import loops  # compiles: only where a pass is made

    # s is as exact as the logits, and e^s falls off faster than float32 loses the places of s.
    dtype = torch.float32 if plan.mixed else plan.dtype
    weight = tile.candidates.weight.to(dtype).numpy()
    mask, tilts = part.mask(tile.t).numpy(), beta.to(dtype).numpy()
    return torch.from_numpy(loops.tilted_sums(tile.t.numpy(), mask, tilts, largest.numpy(), weight))


def _sums(plan: PairPlan, tile: Tile, part: Part, beta: Tensor, largest: Tensor) -> Tensor:
    s = part.keep_finite(tile.t - largest[:, None], -torch.inf)
    plain = part.keep_finite((s * beta[:, None]).exp(), 0.0) * tile.candidates.weight
    s = part.keep_finite(s, 0.0)
    tilted = plain * s.exp()
    return torch.stack([plain, tilted, plain * s, tilted * s]).sum(2)
