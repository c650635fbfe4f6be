"""Means over the positives of an anchor: the loss, and its first two derivatives in rho.

    l(a, p) = softplus(log Q + rho(a) - t_ap),     h(a) = mean over positives p of l(a, p)

Two modes (theory section 1). "augmentation": the other views of the anchor's instance. "class": every other view with
the anchor's label, its own instance's other views included; with self_pairs="include" the anchor itself too, as the
data set then is the population. The log is inside the mean over positives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from boundcheck._types import PerAnchorAndLoss, PerInstanceAndLoss
from boundcheck.pairwise.plain_sums import LARGEST, compiled
from boundcheck.pairwise.plan import Chunk, PairPlan, by_instance
from boundcheck.pairwise.ring.sharing import shared
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import Progress, Tile, run_pass

BLOCK = 1 << 16  # anchors at a time


@dataclass(frozen=True)
class PositiveMeans:
    """Per-anchor losses for a batch of functionals f (columns).

    Attributes:
        value: (a, f) h(a) in nats; NaN where the anchor has no positive or rho is undefined.
        slope: (a, f) h'(a), the mean of sigmoid(log Q + rho - t_ap).
        curvature: (a, f) h''(a).
        influence: (n, f) sum over anchors a of other instances of w_a (l(a, u) - h(a)) / |P(a)| over the views u of
            an instance: its influence as a positive (zero in augmentation mode).
    """

    value: PerAnchorAndLoss
    slope: PerAnchorAndLoss
    curvature: PerAnchorAndLoss
    influence: PerInstanceAndLoss

    def __add__(self, other: PositiveMeans) -> PositiveMeans:
        """Over the candidates, or the anchors, of both, as far as means were taken over all positives."""
        return PositiveMeans(
            self.value + other.value,
            self.slope + other.slope,
            self.curvature + other.curvature,
            self.influence + other.influence,
        )


def _loss(rho: Tensor, t: Tensor, q: float) -> tuple[Tensor, Tensor, Tensor]:
    """l, l', l'' at every positive; Q = inf is the decoupled loss rho - t."""
    if math.isinf(q):
        x = rho - t
        return x, torch.ones_like(x), torch.zeros_like(x)
    x = rho + math.log(q) - t
    s = torch.sigmoid(x)
    return softplus(x), s, s * (1 - s)


def augmentation_means(
    z: Tensor, anchors: Tensor, rho: Tensor, q: tuple[float, ...], temperature: float
) -> PositiveMeans:
    """Means over the other views of each anchor's instance.

    Args:
        z: (n, v, d) embeddings, v >= 2.
        anchors: (a,) original anchor indices.
        rho: (a, f) nats.
        q: f values of Q, in (0, inf].
        temperature: tau.
    """
    others = other_views(z, anchors, temperature)
    columns = [_loss(rho[:, [f]], others, q_f) for f, q_f in enumerate(q)]
    value, slope, curvature = (torch.stack([c[i].mean(1) for c in columns], 1) for i in range(3))
    return PositiveMeans(value, slope, curvature, torch.zeros(len(z), len(q), dtype=torch.float64))


def other_views(z: Tensor, anchors: Tensor, temperature: float) -> Tensor:
    """(a, v - 1) float64 logits of the other views of each anchor's instance; the rest as of `augmentation_means`."""
    v, logits = z.shape[1], []
    for some in torch.split(anchors, BLOCK):  # z may be mapped from a file larger than memory
        instance, view = some // v, some % v
        own, *others = (z[instance, (view + k) % v].to(torch.float64) for k in range(v))
        logits.append(torch.stack([(own * other).sum(1) for other in others], 1) / temperature)
    return torch.cat(logits)


@shared()
def class_means(
    plan: PairPlan,
    y: Tensor,
    anchors: Tensor,
    rho: Tensor,
    q: tuple[float, ...],
    weights: Tensor,
    progress: Progress | None = None,
) -> PositiveMeans:
    """Means over every other view with the anchor's label; one pass over the same-class tiles.

    Args:
        plan: the pairs; what it does not hold adds nothing to the means, which are over all positives.
        y: (n,) class codes.
        anchors: (a,) original anchor indices, sorted.
        rho: (a, f) nats, finite where weights are positive.
        q: f values of Q.
        weights: (a, f) anchor weights w_a, zero where the anchor's loss is undefined.
        progress: called as anchors are finished.
    """
    v = plan.v
    label = y[anchors // v]
    positives = torch.bincount(y)[label] * v - int(plan.self_pairs == "exclude")
    per_positive = weights / positives.clamp_min(1)[:, None]

    out = torch.zeros(3, len(q), plan.n_anchors, dtype=torch.float64, device=plan.device)
    rho_at, per_positive_at = (
        to_rows(plan, anchors, values) for values in (torch.where(weights > 0, rho, 0.0), per_positive)
    )
    plain = compiled(plan) and _reach(plan, rho_at, q) <= LARGEST[plan.dtype]
    kernel = _PlainPositives if plain else _ClassPositives
    kernels = run_pass(plan, lambda: kernel(plan, rho_at, q, per_positive_at, out), same_only=True, progress=progress)
    defined = torch.where(weights > 0, positives[:, None], torch.nan)
    value, slope, curvature = (from_rows(plan, anchors, out).transpose(1, 2) / defined).unbind(0)
    influence = by_instance(plan, [kernel.columns for kernel in kernels])
    # Minus the same sum with h(a) in place of l(a, u): one number a class, less the instance's own anchors.
    at_mean = per_positive * value.nan_to_num(0.0)
    of_class = at_mean.new_zeros(int(y.max()) + 1, len(q)).index_add_(0, label, at_mean)
    of_instance = at_mean.new_zeros(plan.n, len(q)).index_add_(0, anchors // v, at_mean)
    return PositiveMeans(value, slope, curvature, influence - v * (of_class[y] - of_instance))


def _reach(plan: PairPlan, rho: Tensor, q: tuple[float, ...]) -> float:
    """No l(a, p) has a larger argument."""
    return plan.reach + float(rho.abs().max()) + max((abs(math.log(x)) for x in q if not math.isinf(x)), default=0.0)


class _PlainPositives:
    """As `_ClassPositives`, compiled: where e^{log Q + rho - t} stays in range."""

    def __init__(self, plan: PairPlan, rho: Tensor, q: tuple[float, ...], per_positive: Tensor, out: Tensor) -> None:
        from boundcheck.pairwise.loops import positive_sums  # compiles: only where a pass is made

        self.sums_of, self.plan, self.out = positive_sums, plan, out
        self.decoupled = np.isinf(q)
        level = rho + torch.tensor([0.0 if math.isinf(x) else math.log(x) for x in q], dtype=rho.dtype)
        single = plan.mixed and _reach(plan, rho, q) <= LARGEST[torch.float32]
        dtype = torch.float32 if single else plan.dtype
        self.level, self.per_positive = level.to(dtype), per_positive.to(dtype)
        self.columns = torch.zeros(len(q), len(plan.order), dtype=torch.float64)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        own = torch.stack([anchors.y, anchors.anchor]).numpy()
        level, weight = (values[anchors.at].numpy() for values in (self.level, self.per_positive))
        for tile in tiles:
            b = tile.candidates
            sums, columns = self.sums_of(
                tile.t.numpy(),
                own,
                torch.stack([b.y, b.anchor]).numpy(),
                self.plan.v,
                self.plan.self_pairs == "exclude",
                level,
                self.decoupled,
                weight,
            )
            self.out[:, :, anchors.at] += torch.from_numpy(sums).transpose(1, 2)
            self.columns[:, b.start : b.stop] += torch.from_numpy(columns)


class _ClassPositives:
    """Sums of l, l', l'' over same-class pairs, by row; of l by column, other instances only."""

    def __init__(self, plan: PairPlan, rho: Tensor, q: tuple[float, ...], per_positive: Tensor, out: Tensor) -> None:
        self.plan, self.rho, self.q, self.per_positive, self.out = plan, rho, q, per_positive, out
        self.columns = torch.zeros(len(q), len(plan.order), dtype=torch.float64, device=plan.device)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        sums = self.out[:, :, anchors.at]
        rho, per_positive = self.rho[anchors.at], self.per_positive[anchors.at]
        for tile in tiles:
            b = tile.candidates
            positive = anchors.y[:, None] == b.y[None, :]
            if self.plan.self_pairs == "exclude":
                positive &= anchors.anchor[:, None] != b.anchor[None, :]
            other = positive & (anchors.instance[:, None] != b.instance[None, :])
            for f, q in enumerate(self.q):
                for k, part in enumerate(parts := _loss(rho[:, [f]], tile.t, q)):
                    sums[k, f] += torch.where(positive, part, 0.0).sum(1)
                column = per_positive[:, f] @ torch.where(other, parts[0], 0.0)
                self.columns[f, b.start : b.stop] += column.view(self.plan.v, -1).sum(0).to(torch.float64)
