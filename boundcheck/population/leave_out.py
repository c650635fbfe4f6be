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

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.hardening import denominator, numerator
from boundcheck.population.cumulants import CumulantTable
from boundcheck.population.effects import Effects
from boundcheck.population.functionals import Functional, Tilt
from boundcheck.population.heavy import least_heavy
from boundcheck.population.plan import PairPlan
from boundcheck.population.stage import Stage, set_stage
from boundcheck.population.tiles import Progress, visit

__all__ = ["Functional", "LeaveOneOut", "Tilt", "leave_one_out"]


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
    stage = set_stage(plan, table, functionals)
    least = least_heavy(stage)
    kernels = visit(stage.plan, lambda: Effects(stage, least), mirrored=stage.plain, progress=progress)
    for kernel in kernels:
        kernel.heavy.settle()
    influence = torch.empty(plan.n, len(functionals), dtype=torch.float64)
    influence[plan.order] = _total([kernel.columns for kernel in kernels]).T
    back = torch.argsort(stage.row_of).cpu()  # from rows of the table to rows of the plan
    squares = _total([kernel.squares for kernel in kernels])
    beyond = _total([kernel.heavy.beyond for kernel in kernels])
    at = {tilt: (_expand(stage, squares, tilt) + _padded(beyond[i]))[:, back] for i, tilt in enumerate(stage.tilts)}
    row_sum = _total([kernel.heavy.remainder for kernel in kernels]).T[back]
    for i, f in enumerate(functionals):
        row_sum[:, i] += f.slope * at[f.tilt][0] - f.curvature / 2 * at[f.tilt][1]
    return LeaveOneOut(
        row_sum=row_sum,
        shift={tilt: sums[0] for tilt, sums in at.items()},
        spread={tilt: sums[1] for tilt, sums in at.items()},
        ess={tilt: 1 / sums[2] for tilt, sums in at.items()},
        influence=influence,
    )


def _total(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(0).cpu()


def _padded(beyond: Tensor) -> Tensor:
    """Heavy shares add to the sums of delta and delta^2, not to that of alpha^2."""
    return torch.cat([beyond, torch.zeros_like(beyond[:1])])


def _expand(stage: Stage, squares: Tensor, tilt: Tilt) -> Tensor:
    """(3, a) sums of delta and delta^2 to second order in the shares, and of alpha^2, over the pool of a tilt."""
    h = stage.hardenings.index(tilt.hardening)
    out = torch.zeros_like(squares[0, 0])
    for group in stage.groups_of(tilt.pool):
        x, y = (stage.ratio(group, tilt.pool, term(tilt.hardening)).cpu() for term in (numerator, denominator))
        xx, xy, yy = x * x * squares[group, h, 0], x * y * squares[group, h, 1], y * y * squares[group, h, 2]
        out += torch.stack([(xx - yy) / 2, xx - 2 * xy + yy, xx])
    return out
