"""No distribution on the sphere is more uniform than the uniform one.

docs/theory.md, eq. (72).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from boundcheck.claims.base import Evidence, Finding, claim, without_uncertainty
from boundcheck.claims.requirements import EVERY_ANCHOR, LIMIT, SAMPLE, SELF_INCLUDED, UNIT_NORM
from boundcheck.estimators.vmf import log_bessel
from boundcheck.hardening import CONSTANT
from boundcheck.pools import ALL


def log_mean_uniform(d: int, kappa: float) -> float:
    """log E e^(kappa u) for u the cosine of two uniform points of the sphere in d dimensions, nats."""
    if d == 1:
        return kappa + math.log1p(math.exp(-2 * kappa)) - math.log(2)
    order = d / 2 - 1
    return math.lgamma(d / 2) + order * math.log(2 / kappa) + float(log_bessel(order, np.array(kappa)))


@claim(
    id="uniformity_floor",
    title="The mean of e^t over all pairs is at least that of the uniform distribution",
    statement=r"\log \mathrm{E}_{a,b}\, e^{\langle z_a, z_b\rangle/\tau} \geq \log \Gamma(d/2)\,(2\tau)^{d/2-1}"
    r" I_{d/2-1}(1/\tau)",
    source="Wang, Isola 2020 (arXiv 2005.10242), Proposition 1, for the Gaussian potential on the sphere;"
    " derived here by the kernel's non-negative coefficients in spherical harmonics",
    requirements=(SAMPLE, LIMIT, UNIT_NORM, SELF_INCLUDED, EVERY_ANCHOR),
)
def uniformity_floor(evidence: Evidence) -> Iterator[Finding]:
    """The constant harmonic alone survives the uniform average; every other adds a square."""
    losses = evidence.losses
    rho = losses.table.rho(ALL, CONSTANT)
    weight = torch.log(losses.weight / losses.weight.sum())
    value = float(torch.logsumexp(rho + weight, 0))
    bound = log_mean_uniform(losses.emb.d, 1 / losses.variant.temperature)
    yield Finding(None, None, None, bound, value, without_uncertainty(value - bound))
