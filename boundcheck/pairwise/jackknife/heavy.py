"""The few instances that hold a heavy share of an anchor's tilted pool: their deletion, taken whole.

A share above `HEAVY` is too large for the second-order expansion of log(1 - x). There are at most 1 / HEAVY of them
in a pool, so they are picked out of the tiles by a bound on the logit, gathered in a list, and settled in float64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from boundcheck.hardening import Hardening, LogTerm, denominator, numerator
from boundcheck.pairwise.jackknife.stage import Stage
from boundcheck.pairwise.plan import PairPlan

# Below this share log(1 - x) = -x - x^2 / 2 to within x^3 / 3 < 3e-6; the few larger shares are taken exactly.
HEAVY = 0.02
# A tilt that rests wholly on one instance has no leave-one-out value; its share is capped here (its ESS is 1).
HEAVIEST = 1 - 1e-6
# Pairs gathered before they are settled: some 100 MB of working memory.
MOST_WAITING = 200_000


class HeavyShares:
    """What exact deletion adds to the second-order sums.

    Attributes:
        beyond: (tilts, 2, rows) what it adds to the sums of delta and of delta^2.
        remainder: (functionals, rows) effects on the summand beyond the second order in delta.
        columns: (functionals, n) of the caller, added to.
    """

    def __init__(self, stage: Stage, columns: Tensor) -> None:
        self.stage, self.columns = stage, columns
        self.beyond = columns.new_zeros(len(stage.tilts), 2, stage.plan.n_anchors)
        self.remainder = columns.new_zeros(len(stage.functionals), stage.plan.n_anchors)
        self._waiting: list[tuple[int, Tensor, Tensor, Tensor]] = []
        self._count = 0

    def collect(self, place: int, row: Tensor, column: Tensor, views: Tensor) -> None:
        """Keep pairs whose shares may be heavy: anchor rows and instances, with the logits of the views, (pairs, v)."""
        if len(row):
            self._waiting.append((place, row, column, views))
            self._count += len(row)

    def settle(self, most: int = 0) -> None:
        """Add up what is waiting, if more than `most` pairs are."""
        if self._count <= most:
            return
        for place in range(self.stage.plan.parts):
            if gathered := [pair for g, *pair in self._waiting if g == place]:
                self._settle(place, *(torch.cat(column) for column in zip(*gathered, strict=True)))
        self._waiting, self._count = [], 0

    def _settle(self, place: int, row: Tensor, column: Tensor, t: Tensor) -> None:
        stage = self.stage
        weight = stage.weight[column].to(torch.float64)
        for h in stage.hardenings:
            n, d = (
                (term.log(t, stage.plan.temperature).to(torch.float64) - stage.part_sum(place, term)[row, None])
                .exp()
                .sum(1)
                * weight
                for term in (numerator(h), denominator(h))
            )
            heavy = torch.maximum(n, d) > HEAVY
            if bool(heavy.any()):
                self._add(place, h, row[heavy], column[heavy], n[heavy], d[heavy])

    def _add(self, place: int, hardening: Hardening, row: Tensor, column: Tensor, n: Tensor, d: Tensor) -> None:
        stage = self.stage
        for i, tilt in enumerate(stage.tilts):
            if tilt.hardening != hardening or place not in stage.parts_of(tilt.pool):
                continue
            x = n * stage.ratio(place, tilt.pool, numerator(hardening))[row]
            y = d * stage.ratio(place, tilt.pool, denominator(hardening))[row]
            delta = torch.log1p(-y.clamp_max(HEAVIEST)) - torch.log1p(-x.clamp_max(HEAVIEST))
            beyond = delta - (x - y + (x * x - y * y) / 2)
            beyond_square = delta * delta - (x - y) ** 2
            self.beyond[i, 0].index_add_(0, row, beyond)
            self.beyond[i, 1].index_add_(0, row, beyond_square)
            for k, f in enumerate(stage.functionals):
                if f.tilt != tilt:
                    continue
                of_table = stage.row_of[row.cpu()]
                slope, half = (values[of_table].to(row.device) for values in (f.slope, f.curvature / 2))
                change = slope * beyond - half * beyond_square
                if f.effect is not None:
                    further = f.effect(stage.anchors[row], delta) - (slope * delta - half * delta * delta)
                    self.remainder[k].index_add_(0, row, further)
                    change = change + further
                self.columns[k].index_add_(0, column, change)


def least_heavy(stage: Stage) -> Tensor:
    """(parts, rows) the least logit at which a view may belong to a heavy instance of each part, under any tilt."""
    plan = stage.plan
    level = math.log(HEAVY / (plan.v * float(stage.weight.max())))
    out = torch.full((plan.parts, plan.n_anchors), torch.inf, dtype=torch.float64, device=plan.device)
    for tilt in stage.tilts:
        for term in (numerator(tilt.hardening), denominator(tilt.hardening)):
            for place in stage.parts_of(tilt.pool):
                out[place] = torch.minimum(out[place], _reaching(term, stage.log_sum(tilt.pool, term) + level, plan))
    return (out - 1e-5 * (1 + plan.reach)).to(stage.dtype)


def _reaching(term: LogTerm, level: Tensor, plan: PairPlan) -> Tensor:
    """A logit below which log f stays under `level`, by bisection: f is non-decreasing."""
    if term.eta is None and term.gamma:
        return level / term.gamma
    low = torch.full_like(level, -2 * plan.reach - 1)
    high = -low
    for _ in range(50):
        middle = (low + high) / 2
        under = term.log(middle, plan.temperature) < level
        low, high = torch.where(under, middle, low), torch.where(under, high, middle)
    return low
