"""What claims of the form "a loss is at least this number" share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from boundcheck.claims.base import Evidence, Finding, less_constant


def loss_at(exponent: float, q: float) -> float:
    """log(1 + Q e^exponent), nats; Q = inf is the decoupled loss, the exponent itself."""
    return exponent if math.isinf(q) else float(np.logaddexp(0.0, math.log(q) + exponent))


def floors(evidence: Evidence, loss: str, bound: Callable[[float], float]) -> Iterator[Finding]:
    """Findings for bound(Q) <= the averaged loss, at every Q and hardening."""
    for q in evidence.q:
        least = bound(q)
        for h in evidence.losses.variant.hardenings:
            key = evidence.key(loss, h, q)
            estimate = evidence.losses.loss(key)
            yield Finding(h.family, h.beta, q, least, estimate.value, less_constant(estimate, least), between=(key,))
