"""Influence of each instance on an average over anchors: as an anchor, as a negative, as a positive.

docs/theory.md, eq. (55) to eq. (57).

Anchors share their negatives, so they are not independent; instances are. The standard error of an average is that
of the mean of the instances' influences, and the influences of a difference are the difference of influences.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus


def instance_influence(
    value: Tensor, weight: Tensor, anchors: Tensor, others: Tensor, y: Tensor, v: int, stratified: bool
) -> Tensor:
    """Centred influence of every instance on the weighted mean of `value`.

    Args:
        value: (a,) summands; NaN allowed where the weight is zero.
        weight: (a,) anchor weights, summing to n v.
        anchors: (a,) original anchor indices.
        others: (n,) weighted sums over anchors of the instance's effect as a negative and as a positive.
        y: (n,) class codes.
        v: views of an instance.
        stratified: the classes' shares are known, so influence is centred within classes, each a sample of its own
            size; but for what the class shares of sampled anchors leave to chance. What a class of one instance
            leaves to chance cannot be seen; it is centred on all.

    Returns:
        (n,) influences; their mean square over n is the squared standard error.
    """
    instance = anchors // v
    stratum = y if stratified else torch.zeros_like(y)
    strata = int(stratum.max()) + 1
    value = torch.where(weight > 0, value, 0.0)
    total = value.new_zeros(strata).index_add_(0, stratum[instance], weight * value)
    mass = value.new_zeros(strata).index_add_(0, stratum[instance], weight)
    by_stratum = total / mass.clamp_min(torch.finfo(value.dtype).tiny)
    overall = total.sum() / mass.sum().clamp_min(torch.finfo(value.dtype).tiny)
    unsampled = 1 - len(anchors) / (len(y) * v)
    count = torch.bincount(stratum, minlength=strata)
    by_stratum = torch.where(count > 1, by_stratum, overall)
    mean = (by_stratum + unsampled**0.5 * (overall - by_stratum))[stratum[instance]]
    own = value.new_zeros(len(y)).index_add_(0, instance, weight * (value - mean))
    centre = others.new_zeros(strata).index_add_(0, stratum, others) / count.clamp_min(1)
    centre = torch.where(count > 1, centre, others.mean())
    # Over all instances `standard_error` divides by n - 1; a stratum of m leaves m - 1 degrees of freedom.
    freedom = (count / (count - 1).clamp_min(1) * (len(y) - 1) / len(y)).sqrt()
    return freedom[stratum] * (own + others - centre[stratum]) / v


def standard_error(influence: Tensor) -> float:
    """Standard error of an average from its centred influences, (n,)."""
    n = len(influence)
    return float((influence.square().sum() / (n * (n - 1))).sqrt()) if n > 1 else float("nan")


def top_share(influence: Tensor) -> float:
    """Largest share of the variance of an average that one instance carries, from its centred influences, (n,)."""
    squares = influence.square()
    total = float(squares.sum())
    return float(squares.max()) / total if total > 0 else 0.0


def kernel_width(values: Tensor) -> float:
    """Silverman's bandwidth for the finite values; 0 where they do not spread."""
    finite = values[torch.isfinite(values)]
    if len(finite) < 2:
        return 0.0
    quartiles = torch.quantile(
        finite[:: max(1, len(finite) // 100_000)], torch.tensor([0.25, 0.75], dtype=values.dtype)
    )
    spread = torch.minimum(finite.std(), (quartiles[1] - quartiles[0]) / 1.34)
    return float(0.9 * spread * len(finite) ** -0.2)


def density_at_zero(values: Tensor, width: float) -> Tensor:
    """Gaussian kernel weights K_h(value): the slope of the share of values >= 0; zero without a width."""
    if width <= 0:
        return torch.zeros_like(values)
    kernel: Tensor = torch.exp(-0.5 * (values / width).square()) / (width * (2 * torch.pi) ** 0.5)
    return kernel.nan_to_num(0.0)


def share_effect(values: Tensor, width: float, delta: Tensor) -> Tensor:
    """Change of the smoothed indicator of value >= 0 when value falls by delta."""
    if width <= 0:
        return torch.zeros_like(values)
    change: Tensor = torch.special.ndtr(values / width) - torch.special.ndtr((values - delta) / width)
    return change


def loss_effect(slope: Tensor, curvature: Tensor, delta: Tensor) -> Tensor:
    """h(rho) - h(rho - delta) for a mean of softplus functions with these derivatives.

    Exact for one positive; for several, exact to second order and with the right growth for large delta.
    """
    own = slope * (1 - slope)
    x = torch.logit(slope.clamp(1e-15, 1 - 1e-15))
    one = softplus(x) - softplus(x - delta)
    ratio = torch.where(own > 1e-12, curvature / own, 0.0)
    return slope * delta - (slope * delta - one) * ratio
