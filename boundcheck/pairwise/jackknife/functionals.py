"""Averages over anchors of a function of one tilted mean rho: whose leave-one-out effects are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from boundcheck.losses import Tilt


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
