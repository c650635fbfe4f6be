"""What leaving one instance out of a pool does to rho, for all (anchor, instance) pairs: the jackknife, exactly.

With the tilt's weights alpha = eta e^t / sum and b = eta / sum of an instance (its views added up) in the pool of
anchor a, dropping instance x changes

    rho(a) - rho(a without x) = delta_x(a) = log(1 - b_x) - log(1 - alpha_x),

and an anchor's loss, with slope h' and curvature h'' in rho, by e_x(a) = h'(a) delta - h''(a) delta^2 / 2. One pass
gives both margins of the matrix e: its row sums are the bias of each anchor's loss (Quenouille's correction), its
column sums the influence of each instance as a negative (docs/theory.md, eq. (50) to eq. (55); the first-order terms
alpha - b are the infinitesimal version, biased low where a tilt rests on few instances).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from boundcheck.hardening import denominator, numerator
from boundcheck.losses import Tilt
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.jackknife.effects import CompiledEffects, Effects
from boundcheck.pairwise.jackknife.functionals import Functional
from boundcheck.pairwise.jackknife.heavy import least_heavy
from boundcheck.pairwise.jackknife.stage import Stage, set_stage
from boundcheck.pairwise.passes import Kernel, Request
from boundcheck.pairwise.plan import PairPlan, by_instance


@dataclass(frozen=True)
class LeaveOneOut:
    """Both margins of the leave-one-out effects.

    Attributes:
        shift: tilt -> (a,) sum over instances of delta: minus the bias of rho.
        spread: tilt -> (a,) sum of delta^2: the variance of rho over pools.
        concentration: tilt -> (a,) sum of alpha^2.
        base: tilt -> (a,) sum of b^2, the same of the denominator.
        row_sum: (a, functionals) sum over instances of e_x(a): minus the bias of the anchor's weighted summand.
        influence: (n, functionals) sum over anchors of e_x(a) for each instance x, in original order.
    """

    shift: dict[Tilt, Tensor]
    spread: dict[Tilt, Tensor]
    concentration: dict[Tilt, Tensor]
    base: dict[Tilt, Tensor]
    row_sum: Tensor
    influence: Tensor

    @property
    def ess(self) -> dict[Tilt, Tensor]:
        """tilt -> (a,) effective number of instances under eta e^t."""
        return {tilt: 1 / total for tilt, total in self.concentration.items()}

    @property
    def effective(self) -> dict[Tilt, Tensor]:
        """tilt -> (a,) effective number of instances of the sum in rho that rests on fewer, above or below the line."""
        return {tilt: 1 / torch.maximum(self.concentration[tilt], self.base[tilt]) for tilt in self.base}

    def __add__(self, other: LeaveOneOut) -> LeaveOneOut:
        """Over the candidates, or the anchors, of both."""
        return LeaveOneOut(
            _added(self.shift, other.shift),
            _added(self.spread, other.spread),
            _added(self.concentration, other.concentration),
            _added(self.base, other.base),
            self.row_sum + other.row_sum,
            self.influence + other.influence,
        )


def _added(one: dict[Tilt, Tensor], two: dict[Tilt, Tensor]) -> dict[Tilt, Tensor]:
    return {tilt: one[tilt] + two[tilt] for tilt in one}


@dataclass(frozen=True, eq=False)
class LeaveOneOutOf(Request[LeaveOneOut]):
    """Asks for the effects, given the log-sums.

    Attributes:
        table: log-sums over all candidates, with every term the functionals need; anchors that the plan does not hold
            have rows of zeros in the result.
        functionals: any number; those of one tilt share its exponentials.
        anchors: see `Request`.
    """

    table: CumulantTable
    functionals: tuple[Functional, ...]
    anchors: Tensor | None = None
    _stages: dict[int, tuple[Stage, Tensor]] = field(default_factory=dict, repr=False)

    def _stage(self, plan: PairPlan) -> tuple[Stage, Tensor]:
        """What the threads' kernels share, made once for a plan."""
        if id(plan) not in self._stages:
            stage = set_stage(plan, self.table, self.functionals)
            self._stages.clear()
            self._stages[id(plan)] = stage, least_heavy(stage)
            _ = stage.factors, stage.scale, stage.weight, stage.top  # before the threads, which share them
        return self._stages[id(plan)]

    def dtype(self, plan: PairPlan) -> torch.dtype:
        """Often float32 where log-sums need float64."""
        return self._stage(plan)[0].dtype

    def mirrors(self, plan: PairPlan) -> bool:
        """Compiled loops do."""
        return self._stage(plan)[0].plain

    def kernel(self, plan: PairPlan) -> Kernel:
        """Compiled where powers stay in range."""
        stage, least = self._stage(plan)
        return (CompiledEffects if stage.plain else Effects)(stage, least)

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> LeaveOneOut:
        """Both margins, rows as the table has them."""
        stage, _ = self._stage(plan)
        for kernel in kernels:
            kernel.heavy.settle()

        def rows(values: Tensor) -> Tensor:
            """From rows of the plan to rows of the table."""
            out = values.new_zeros(*values.shape[:-1], len(self.table.anchors))
            out[..., stage.row_of] = values
            return out

        squares = _total([kernel.squares for kernel in kernels])
        beyond = _total([kernel.heavy.beyond for kernel in kernels])
        at = {tilt: rows(_expand(stage, squares, tilt) + _padded(beyond[i])) for i, tilt in enumerate(stage.tilts)}
        row_sum = rows(_total([kernel.heavy.remainder for kernel in kernels])).T
        for i, f in enumerate(self.functionals):
            row_sum[:, i] += f.slope * at[f.tilt][0] - f.curvature / 2 * at[f.tilt][1]
        return LeaveOneOut(
            row_sum=row_sum,
            shift={tilt: sums[0] for tilt, sums in at.items()},
            spread={tilt: sums[1] for tilt, sums in at.items()},
            concentration={tilt: sums[2] for tilt, sums in at.items()},
            base={tilt: sums[3] for tilt, sums in at.items()},
            influence=by_instance(plan, [kernel.columns for kernel in kernels]),
        )


def _total(parts: list[Tensor]) -> Tensor:
    return reduce(torch.add, parts).cpu()  # stacked they would be there twice


def _padded(beyond: Tensor) -> Tensor:
    """Heavy shares add to the sums of delta and delta^2, not to those of alpha^2 and b^2."""
    return torch.cat([beyond, torch.zeros_like(beyond)])


def _expand(stage: Stage, squares: Tensor, tilt: Tilt) -> Tensor:
    """(4, a) sums of delta and delta^2 to second order in the shares, of alpha^2 and of b^2, over a tilt's pool."""
    h = stage.hardenings.index(tilt.hardening)
    out = squares.new_zeros(4, squares.shape[-1])
    for part in stage.parts_of(tilt.pool):
        x, y = (stage.ratio(part, tilt.pool, term(tilt.hardening)).cpu() for term in (numerator, denominator))
        xx, xy, yy = x * x * squares[part, h, 0], x * y * squares[part, h, 1], y * y * squares[part, h, 2]
        out += torch.stack([(xx - yy) / 2, xx - 2 * xy + yy, xx, yy])
    return out
