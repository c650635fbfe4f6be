"""Between the tilts of a table: what another one would give, guessed without a pass over the pairs.

Log-sums are analytic in the power: a polynomial through those of the nearest powers comes within 1e-2 to 1e-6 nats of
them where powers are a few units apart. That tells where to look; it is no number to report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pools import Pool

NEAREST = 6  # powers: a polynomial through more begins to swing between those far apart


def rho_between(table: CumulantTable, pool: Pool, beta: float) -> Tensor:
    """About rho_P(beta; a), (a,) nats; at the exponential tilts that the table holds it is theirs.

    Args:
        table: holds the constant's terms.
        pool: the candidates.
        beta: hardness, from 0 to the steepest of the table.
    """
    powers = [term for term in table.terms if term.eta is None]
    gammas = [term.gamma for term in powers]
    up, down = _weights(gammas, 1 + beta), _weights(gammas, beta)
    rho = torch.zeros(len(table.anchors), dtype=torch.float64)
    for term, weight in zip(powers, (a - b for a, b in zip(up, down, strict=True)), strict=True):
        if weight:
            rho += weight * table.log_sum(pool, term)
    return rho


def _weights(gammas: Sequence[float], at: float) -> list[float]:
    """Of the values at each power: Lagrange's for the nearest ones, 0 for the others."""
    near = sorted(gammas, key=lambda gamma: abs(gamma - at))[:NEAREST]
    return [
        math.prod((at - other) / (gamma - other) for other in near if other != gamma) if gamma in near else 0.0
        for gamma in gammas
    ]
