"""Floor and ceiling of every loss: its value at configurations that everyone knows, and where the encoder lies.

- neural collapse: every class one vertex of a simplex, rho from C values of logits; with any class sizes;
- full collapse: one point, every logit 1/tau: log(1 + Q), whatever the loss;
- random: anchor, positive and negatives independent and uniform on the sphere, infinitely many negatives;
- worst case: positives at -1/tau and negatives at 1/tau: log(1 + Q e^(2/tau)); no encoder is above, and none there.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import softplus

from boundcheck.estimators.records import LossTable
from boundcheck.hardening import Hardening
from boundcheck.losses import LossKey
from boundcheck.pools import ALL, DIFF
from boundcheck.spec import Variant

ANGLES = 20_000  # of the integral over the sphere


def at_collapse(key: LossKey, variant: Variant, counts: np.ndarray) -> float:
    """The loss where every class is one vertex of a simplex, nats, averaged over anchors of these class sizes.

    Args:
        key: the loss.
        variant: temperature, class prior, self pairs.
        counts: (c,) instances of each class, c >= 2; with `class_prior="balanced"` classes weigh alike. Anchors that
            the variant leaves without same-class negatives see the other classes alone.

    Returns:
        NaN for a pool of which the class sizes say nothing.
    """
    c = len(counts)
    instance = 1 / (c * counts) if variant.class_prior == "balanced" else np.full(c, 1 / counts.sum())
    weight = counts * instance
    own = 1.0 if variant.self_pairs == "exclude" else 0.0
    if key.loss.pool == DIFF:
        same = np.zeros(c)
    elif key.loss.pool == ALL:
        same = (counts - own) * instance / (1 - own * instance)
    else:
        return math.nan
    near, far = 1 / variant.temperature, -1 / ((c - 1) * variant.temperature)
    t = torch.tensor([near, far], dtype=torch.float64)
    shares = torch.from_numpy(np.stack([same, 1 - same], 1))
    rho = _log_tilted_mean(key.hardening, t, shares.log(), variant.temperature)
    return float(torch.from_numpy(weight) @ _loss(rho - near, key.q))


def at_full_collapse(q: float) -> float:
    """log(1 + Q); 0 for the decoupled loss."""
    return 0.0 if math.isinf(q) else math.log1p(q)


def at_random(key: LossKey, variant: Variant, d: int) -> float:
    """The loss of independent uniform points of the sphere in d >= 2 dimensions, nats.

    The cosine's density is proportional to sin(theta)^(d - 2); the integrals are sums over angles.
    """
    # Midpoints: on the circle the integrand is not zero at the ends.
    theta = (torch.arange(ANGLES, dtype=torch.float64) + 0.5) * (math.pi / ANGLES)
    log_density = (d - 2) * torch.log(torch.sin(theta))
    log_density = log_density - torch.logsumexp(log_density, 0)
    t = torch.cos(theta) / variant.temperature
    rho = _log_tilted_mean(key.hardening, t, log_density[None], variant.temperature)
    return float(log_density.exp() @ _loss(rho - t, key.q))


def at_worst(q: float, temperature: float) -> float:
    """log(1 + Q e^(2/tau)); 2/tau for the decoupled loss."""
    return float(_loss(torch.tensor(2 / temperature, dtype=torch.float64), q))


def references(losses: LossTable, confidence: float = 0.95) -> pd.DataFrame:
    """Every loss of a table beside its references, nats.

    Returns:
        One row per loss: estimate with its interval, `collapse`, `full_collapse`, `random`, `worst`; `position` is
        where the estimate lies between neural collapse (0) and full collapse (1): above 1 it is worse than one point.
        Neural collapse is the least value of SCL and H-SCL for balanced classes (`scl_ge_collapse`) and of UCL with
        class positives (`ucl_ge_collapse`); not of H-UCL, to which a collapsed class is full of hard negatives: there,
        and where positives are views, the position may be negative.
    """
    emb, variant = losses.emb, losses.variant
    rows = []
    for key in losses.keys:
        estimate = losses.loss(key)
        low, high = estimate.interval(confidence)
        floor = at_collapse(key, variant, emb.class_counts) if emb.c > 1 else math.nan
        full = at_full_collapse(key.q)
        rows.append(
            dict(
                loss=key.loss.id,
                hardening=key.hardening.family,
                beta=np.nan if key.hardening.beta is None else key.hardening.beta,
                q=key.q,
                estimate=estimate.value,
                ci_low=low,
                ci_high=high,
                collapse=floor,
                full_collapse=full,
                random=at_random(key, variant, emb.d) if emb.d > 1 else math.nan,
                worst=at_worst(key.q, variant.temperature),
                position=(estimate.value - floor) / (full - floor),
            )
        )
    return pd.DataFrame(rows)


def _log_tilted_mean(hardening: Hardening, t: Tensor, log_weight: Tensor, temperature: float) -> Tensor:
    """(r,) log sum w eta e^t - log sum w eta over logits t (k,) with weights (r, k) in logs."""
    log_eta = hardening.log_eta(t, temperature)
    return torch.logsumexp(log_weight + log_eta + t, 1) - torch.logsumexp(log_weight + log_eta, 1)


def _loss(x: Tensor, q: float) -> Tensor:
    return x if math.isinf(q) else softplus(x + math.log(q))
