"""How uniform n instances can be: finitely many are further apart than infinitely many, by so much and no more.

docs/theory.md, eq. (82).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, claim, of_the_whole
from boundcheck.claims.requirements import EMPIRICAL_PRIOR, EVERY_ANCHOR, LIMIT, SAMPLE, SELF_EXCLUDED, UNIT_NORM
from boundcheck.claims.uniformity_floor import log_mean_uniform
from boundcheck.hardening import CONSTANT
from boundcheck.pools import ALL


def least_energy(instances: int, d: int, temperature: float) -> float:
    """log of what the mean of e^t over pairs of n instances on the sphere cannot fall below, nats.

    The larger of -1 / ((n-1) tau), met by the simplex, and log((n W - e^(1/tau)) / (n-1)), W the mean of e^t of the
    uniform distribution in d dimensions.
    """
    log_w = math.log(instances) + log_mean_uniform(d, 1 / temperature)
    simplex = -1 / ((instances - 1) * temperature)
    if log_w <= 1 / temperature:
        return simplex
    return max(simplex, log_w + math.log(-math.expm1(1 / temperature - log_w)) - math.log(instances - 1))


@claim(
    id="energy_of_pairs",
    title="The mean of e^t over pairs of instances is at least that of the best n points",
    statement=r"\log \mathrm{E}_{a \neq b}\, e^{t_{ab}} \geq \max\left(-\tfrac{1}{(n-1)\tau},\,"
    r" \log\tfrac{n W_d(\tau) - e^{1/\tau}}{n - 1}\right)",
    source="after Koromilas, Bouritsas, Giannakopoulos, Nicolaou, Panagakis 2024 (arXiv 2405.18045), mini-batch against"
    " asymptotic minimisers; derived here",
    kind="exact",
    requirements=(SAMPLE, LIMIT, UNIT_NORM, EMPIRICAL_PRIOR, SELF_EXCLUDED, EVERY_ANCHOR),
)
def energy_of_pairs(evidence: Evidence) -> Iterator[Finding]:
    """Jensen and |sum of all views|^2 >= 0; and `uniformity_floor` over all pairs less what the own ones can hold."""
    losses = evidence.losses
    weight = torch.log(losses.weight / losses.weight.sum())
    value = float(torch.logsumexp(losses.table.rho(ALL, CONSTANT) + weight, 0))
    bound = least_energy(losses.emb.n, losses.emb.d, losses.variant.temperature)
    yield of_the_whole(evidence, bound, value, losses.rounding, "Of these instances as they are.")
