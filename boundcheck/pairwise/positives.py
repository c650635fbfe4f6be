"""Means over the positives of an anchor: the loss, and its first two derivatives in rho.

    l(a, p) = softplus(log Q + rho(a) - t_ap),     h(a) = mean over positives p of l(a, p)

(docs/theory.md, eq. (4), eq. (9), eq. (48)).

Two modes. "augmentation": the other views of the anchor's instance. "class": every other view with the anchor's label,
its own instance's other views included; with self_pairs="include" the anchor itself too, as the data set then is the
population. The log is inside the mean over positives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from boundcheck._types import PerAnchorAndLoss, PerInstanceAndLoss
from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.passes import Kernel, Request
from boundcheck.pairwise.plain_sums import LARGEST, compiled
from boundcheck.pairwise.plan import PairPlan, by_instance
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import Tile

AT_A_TIME = 1 << 16  # anchors


@dataclass(frozen=True)
class PositiveMeans:
    """Per-anchor losses for a batch of functionals f (columns).

    Attributes:
        value: (a, f) h(a) in nats; NaN where the anchor has no positive or rho is undefined.
        slope: (a, f) h'(a), the mean of sigmoid(log Q + rho - t_ap); NaN where only values were asked for.
        curvature: (a, f) h''(a), likewise.
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


def positive_loss(rho: Tensor, t: Tensor, q: float) -> tuple[Tensor, Tensor, Tensor]:
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
    columns = [positive_loss(rho[:, [f]], others, q_f) for f, q_f in enumerate(q)]
    value, slope, curvature = (torch.stack([c[i].mean(1) for c in columns], 1) for i in range(3))
    return PositiveMeans(value, slope, curvature, torch.zeros(len(z), len(q), dtype=torch.float64))


def other_views(z: Tensor, anchors: Tensor, temperature: float) -> Tensor:
    """(a, v - 1) float64 logits of the other views of each anchor's instance; the rest as of `augmentation_means`."""
    v, logits = z.shape[1], []
    for some in torch.split(anchors, AT_A_TIME):  # z may be mapped from a file larger than memory
        instance, view = some // v, some % v
        own, *others = (z[instance, (view + k) % v].to(torch.float64) for k in range(v))
        logits.append(torch.stack([(own * other).sum(1) for other in others], 1) / temperature)
    return torch.cat(logits)


@dataclass(frozen=True, eq=False)
class ClassMeansOf(Request[PositiveMeans]):
    """Asks for means over every other view with the anchor's label: a sum over the same-class pairs.

    Attributes:
        rows: (a,) original anchor indices, sorted, of rho and weights; at least those of the plan. What the plan does
            not hold adds nothing to the means, which are over all positives.
        rho: (a, f) nats, finite where weights are positive.
        q: f values of Q.
        weights: (a, f) anchor weights w_a, zero where the anchor's loss is undefined.
        steepness: decides the precision of the logits, as of the log-sums that rho is made of.
        derivatives: whether slopes, curvatures and influences are wanted too; values alone cost a third.
        anchors: see `Request`.
    """

    same_only = True

    rows: Tensor
    rho: Tensor
    q: tuple[float, ...]
    weights: Tensor
    steepness: float
    derivatives: bool = True
    anchors: Tensor | None = None

    def dtype(self, plan: PairPlan) -> torch.dtype:
        """As of the log-sums."""
        return plan.dtype(self.steepness)

    def kernel(self, plan: PairPlan) -> Kernel:
        """Compiled where e^{log Q + rho - t} stays in range."""
        dtype = self.dtype(plan)
        used = torch.where(self.weights > 0, self.rho, 0.0)
        per_positive = self.weights / self._count(plan).clamp_min(1)[:, None]
        rho, weight = (to_rows(plan, self.rows, values) for values in (used, per_positive))
        reach = _reach(plan, rho, self.q)
        if not compiled(plan) or reach > LARGEST[dtype]:
            return _ClassPositives(plan, dtype, rho, self.q, weight)
        powers = plan.powers(dtype, reach <= LARGEST[torch.float32])
        if self.derivatives:
            return _PlainPositives(plan, dtype, powers, rho, self.q, weight)
        return _PlainValues(plan, dtype, powers, rho, self.q, reach)

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> PositiveMeans:
        """Means in the order of the rows."""
        y, v, count = plan.labels.y, plan.v, self._count(plan)
        out = torch.stack([kernel.out for kernel in kernels]).sum(0)
        defined = torch.where(self.weights > 0, count[:, None], torch.nan)
        value, slope, curvature = (from_rows(plan, self.rows, out).transpose(1, 2) / defined).unbind(0)
        if not self.derivatives:
            nothing = torch.full_like(value, torch.nan)
            return PositiveMeans(value, nothing, nothing, value.new_zeros(plan.n, len(self.q)))
        influence = by_instance(plan, [kernel.columns for kernel in kernels])
        # Minus the same sum with h(a) in place of l(a, u): one number a class, less the instance's own anchors.
        at_mean = self.weights / count.clamp_min(1)[:, None] * value.nan_to_num(0.0)
        of_class = at_mean.new_zeros(int(y.max()) + 1, len(self.q)).index_add_(0, y[self.rows // v], at_mean)
        influence.index_add_(0, self.rows // v, at_mean, alpha=v)
        influence -= v * of_class[y]
        return PositiveMeans(value, slope, curvature, influence)

    def _count(self, plan: PairPlan) -> Tensor:
        """(a,) positives."""
        label = plan.labels.y[self.rows // plan.v]
        return torch.bincount(plan.labels.y)[label] * plan.v - int(plan.self_pairs == "exclude")


def _reach(plan: PairPlan, rho: Tensor, q: tuple[float, ...]) -> float:
    """No l(a, p) has a larger argument."""
    largest = float(rho.abs().max()) if rho.numel() else 0.0
    return plan.reach + largest + max((abs(math.log(x)) for x in q if not math.isinf(x)), default=0.0)


class _Positives(Kernel):
    """Sums over positives in `out`, (3, f, rows) of l, l', l''; over anchors in `columns`, (f, candidates) of l."""

    def __init__(self, plan: PairPlan, dtype: torch.dtype, rho: Tensor, q: tuple[float, ...]) -> None:
        self.plan, self.dtype, self.q = plan, dtype, q
        self.out = torch.zeros(3, len(q), plan.n_anchors, dtype=torch.float64, device=plan.device)
        self.columns = torch.zeros(len(q), len(plan.order), dtype=torch.float64, device=plan.device)
        log_q = [0.0 if math.isinf(x) else math.log(x) for x in q]
        self.level = rho + torch.tensor(log_q, dtype=rho.dtype, device=rho.device)
        self.decoupled = np.isinf(q)


class _PlainPositives(_Positives):
    """Compiled."""

    def __init__(
        self, plan: PairPlan, dtype: torch.dtype, powers: torch.dtype, rho: Tensor, q: tuple[float, ...], weight: Tensor
    ) -> None:
        from boundcheck.pairwise.loops import positive_sums  # compiles: only where a pass is made

        super().__init__(plan, dtype, rho, q)
        self.sums_of, self.weight, self.level = positive_sums, weight.to(powers), self.level.to(powers)

    def add(self, anchors: Chunk, tile: Tile) -> None:
        b = tile.candidates
        level, weight = (values[anchors.at].numpy() for values in (self.level, self.weight))
        sums, columns = self.sums_of(
            tile.logits(self.dtype).numpy(),
            torch.stack([anchors.y, anchors.anchor]).numpy(),
            torch.stack([b.y, b.anchor]).numpy(),
            self.plan.v,
            self.plan.self_pairs == "exclude",
            level,
            self.decoupled,
            weight,
        )
        self.out[:, :, anchors.at] += torch.from_numpy(sums).transpose(1, 2)
        self.columns[:, b.start : b.stop] += torch.from_numpy(columns)


class _PlainValues(_Positives):
    """Compiled, of the losses alone: products of 1 + e^{level - t}, and one logarithm for as many as stay in range."""

    def __init__(
        self, plan: PairPlan, dtype: torch.dtype, powers: torch.dtype, rho: Tensor, q: tuple[float, ...], reach: float
    ) -> None:
        from boundcheck.pairwise.loops import positive_values

        super().__init__(plan, dtype, rho, q)
        self.values_of, self.level = positive_values, self.level.to(powers)
        self.factors = max(1, int(LARGEST[powers] / (reach + 1)))

    def add(self, anchors: Chunk, tile: Tile) -> None:
        b = tile.candidates
        self.out[0, :, anchors.at] += torch.from_numpy(
            self.values_of(
                tile.logits(self.dtype).numpy(),
                torch.stack([anchors.y, anchors.anchor]).numpy(),
                torch.stack([b.y, b.anchor]).numpy(),
                self.plan.self_pairs == "exclude",
                self.level[anchors.at].numpy(),
                self.decoupled,
                self.factors,
            )
        ).T


class _ClassPositives(_Positives):
    """Anywhere, of any size."""

    def __init__(self, plan: PairPlan, dtype: torch.dtype, rho: Tensor, q: tuple[float, ...], weight: Tensor) -> None:
        super().__init__(plan, dtype, rho, q)
        self.rho, self.weight = rho.to(dtype), weight.to(dtype)

    def add(self, anchors: Chunk, tile: Tile) -> None:
        b, sums, t = tile.candidates, self.out[:, :, anchors.at], tile.logits(self.dtype)
        positive = anchors.y[:, None] == b.y[None, :]
        if self.plan.self_pairs == "exclude":
            positive &= anchors.anchor[:, None] != b.anchor[None, :]
        other = positive & (anchors.instance[:, None] != b.instance[None, :])
        for f, q in enumerate(self.q):
            for k, part in enumerate(parts := positive_loss(self.rho[anchors.at, f, None], t, q)):
                sums[k, f] += torch.where(positive, part, 0.0).sum(1)
            column = self.weight[anchors.at, f] @ torch.where(other, parts[0], 0.0)
            self.columns[f, b.start : b.stop] += column.view(self.plan.v, -1).sum(0).to(torch.float64)
