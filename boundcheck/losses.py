"""UCL, H-UCL, SCL and H-SCL in the large-negative limit, for every anchor, from the cumulant table (theory section 2).

    l(a, p) = log(1 + Q exp(rho_P(a; eta) - t_ap)),   averaged over the positives p of a, then over anchors

| loss | pool of negatives | eta |
|---|---|---|
| UCL | all other instances | 1 |
| H-UCL | all other instances | eta |
| SCL | other classes | 1 |
| H-SCL | other classes | eta |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck._types import PerAnchorAndLoss, PerInstanceAndLoss
from boundcheck.errors import InputError
from boundcheck.hardening import CONSTANT, Constant, Hardening
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.jackknife.leave_out import Tilt
from boundcheck.pairwise.plan import PairPlan, SelfPairs
from boundcheck.pairwise.positives import PositiveMeans, augmentation_means, class_means
from boundcheck.pairwise.tiles import Progress

POOL_OF = {"ucl": "all", "hucl": "all", "scl": "diff", "hscl": "diff"}


@dataclass(frozen=True)
class LossKey:
    """One loss: which pool, which tilt, which Q."""

    loss: str
    hardening: Hardening
    q: float

    @property
    def tilt(self) -> Tilt:
        """The rho this loss is a function of."""
        return Tilt(POOL_OF[self.loss], self.hardening)


@dataclass(frozen=True)
class LossSpec:
    """What is to be estimated: the variant of the losses, stated in full.

    Attributes:
        temperature: tau > 0.
        hardenings: the tilts of H-UCL and H-SCL; UCL and SCL are always there.
        q: values of Q > 0; inf is the decoupled loss rho - t_ap.
        positives: "augmentation" or "class".
        self_pairs: "exclude" or "include".
        class_prior: "empirical" or "balanced" (weights proportional to 1 / n_y).
    """

    temperature: float
    hardenings: tuple[Hardening, ...]
    q: tuple[float, ...] = (1.0,)
    positives: str = "augmentation"
    self_pairs: SelfPairs = "exclude"
    class_prior: str = "empirical"

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise InputError(f"temperature: must be finite and > 0, received {self.temperature:g}; the usual is 0.5")
        for q in self.q:
            if not q > 0:
                raise InputError(f"q: must be > 0 (inf allowed), received {q:g}; the usual is 1")

    @property
    def all_hardenings(self) -> tuple[Hardening, ...]:
        """The constant, then the tilts."""
        return (CONSTANT, *(h for h in self.hardenings if not isinstance(h, Constant)))

    @property
    def keys(self) -> tuple[LossKey, ...]:
        """Every loss of the specification, in reporting order."""
        return tuple(
            LossKey(loss, h, q)
            for q in self.q
            for h in self.all_hardenings
            for loss in (("ucl", "scl") if isinstance(h, Constant) else ("hucl", "hscl"))
        )


@dataclass(frozen=True)
class AnchorLosses:
    """Per-anchor plug-in losses and what inference needs of them; columns follow `keys`.

    Attributes:
        keys: f losses.
        value: (a, f) nats, NaN where undefined (no positive, or an empty tilted pool).
        slope, curvature: (a, f) derivatives in rho.
        weight: (a, f) anchor weights, zero where undefined, summing to n v in each column.
        positive_influence: (n, f) see `PositiveMeans.influence`.
    """

    keys: tuple[LossKey, ...]
    value: PerAnchorAndLoss
    slope: PerAnchorAndLoss
    curvature: PerAnchorAndLoss
    weight: PerAnchorAndLoss
    positive_influence: PerInstanceAndLoss

    @property
    def mean(self) -> Tensor:
        """(f,) weighted averages over anchors, nats: the plug-in estimates."""
        return weighted_mean(self.value, self.weight)


def weighted_mean(value: Tensor, weight: Tensor) -> Tensor:
    """Column means of `value`; entries of weight zero may be NaN; NaN where no weight is left."""
    return (torch.where(weight > 0, value, 0.0) * weight).sum(0) / weight.sum(0)


def instance_weights(y: Tensor, class_prior: str) -> Tensor:
    """w_j of every instance, (n,), mean one: uniform, or each class the same total."""
    if class_prior == "empirical":
        return torch.ones(len(y), dtype=torch.float64)
    counts = torch.bincount(y).to(torch.float64)
    return len(y) / ((counts > 0).sum() * counts[y])


def normalise_weights(weight: Tensor, defined: Tensor, total: float) -> Tensor:
    """Weights (a, f) of the defined entries, scaled so that each column sums to `total`; zeros where none is."""
    kept = torch.where(defined, weight[:, None], 0.0)
    mass = kept.sum(0)
    return kept * torch.where(mass > 0, total / mass, 0.0)


def anchor_losses(
    z: Tensor,
    y: Tensor,
    plan: PairPlan,
    table: CumulantTable,
    spec: LossSpec,
    keys: Sequence[LossKey] | None = None,
    rho: Tensor | None = None,
    progress: Progress | None = None,
) -> AnchorLosses:
    """Per-anchor losses from the table.

    Args:
        z: (n, v, d) embeddings.
        y: (n,) class codes.
        plan: the pairs (class positives take a pass of their own).
        table: log-sums with the terms of `spec`.
        spec: the variant.
        keys: which losses; None means all of `spec`.
        rho: (a, f) values to use instead of the table's, for tilts it does not hold.
        progress: called as anchors are finished.
    """
    keys = spec.keys if keys is None else tuple(keys)
    if rho is None:
        rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in keys], 1)
    label = y[table.anchors // plan.v]
    defined = torch.isfinite(rho)
    if spec.positives == "class":
        views = torch.bincount(y)[label] * plan.v
        defined &= ((views > 1) | (spec.self_pairs == "include"))[:, None]
    weight = instance_weights(y, spec.class_prior)[table.anchors // plan.v]
    weight = normalise_weights(weight, defined, plan.n * plan.v)
    q = tuple(key.q for key in keys)
    if spec.positives == "class":
        means = class_means(plan, y, table.anchors, rho, q, weight, progress)
    else:
        means = augmentation_means(z, table.anchors, torch.where(defined, rho, torch.nan), q, spec.temperature)
    return _collect(keys, means, weight)


def _collect(keys: tuple[LossKey, ...], means: PositiveMeans, weight: Tensor) -> AnchorLosses:
    return AnchorLosses(keys, means.value, means.slope, means.curvature, weight, means.influence)
