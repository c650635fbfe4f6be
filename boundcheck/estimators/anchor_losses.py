"""Per-anchor losses and what inference needs of them, from the log-sums and the positives of every anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from boundcheck._types import PerAnchorAndLoss, PerInstanceAndLoss
from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import terms_for
from boundcheck.losses import LossKey
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.passes import Task, in_parallel
from boundcheck.pairwise.positives import ClassMeansOf, PositiveMeans, augmentation_means
from boundcheck.pools import SAME
from boundcheck.spec import Variant


@dataclass(frozen=True)
class AnchorLosses:
    """Per-anchor plug-in losses; columns follow `keys`.

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

    @cached_property
    def mean(self) -> Tensor:
        """(f,) weighted averages over anchors, nats: the plug-in estimates."""
        return weighted_mean(self.value, self.weight)


def design_shift(emb: EmbeddingSet, variant: Variant, table: CumulantTable, keys: Sequence[LossKey]) -> Task[Tensor]:
    """(f,) what is added to the plug-in means where classes' shares are known, nats; zero where they are not.

    Leaving out the anchor's own instance leaves n_c - 1 of its class, so that a pool of several classes holds too
    little of it: n_c / (n_c - 1) restores its share. Of labels drawn with the instances the n_c - 1 are right.
    docs/theory.md, eq. (90).
    """
    mixed = [f for f, key in enumerate(keys) if SAME.relations < key.loss.pool.relations]
    shift = torch.zeros(len(keys), dtype=torch.float64)
    if not mixed or variant.self_pairs == "include" or not variant.stratified:
        return shift
    y = torch.from_numpy(emb.y)
    count = torch.bincount(y).to(torch.float64)[y[table.anchors // emb.v]]
    log_weight = table.largest.new_zeros(table.largest.shape)
    log_weight[:, table.partition.index(SAME.relations)] = torch.log(count / (count - 1).clamp_min(1))
    wanted = [keys[f] for f in mixed]
    one, two = yield from in_parallel(
        anchor_losses(emb, variant, table.reweighted(log_weight), keys=wanted, derivatives=False),
        anchor_losses(emb, variant, table, keys=wanted, derivatives=False),
    )
    shift[mixed] = one.mean - two.mean
    return shift


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
    emb: EmbeddingSet,
    variant: Variant,
    table: CumulantTable,
    *,
    keys: Sequence[LossKey] | None = None,
    rho: Tensor | None = None,
    derivatives: bool = True,
) -> Task[AnchorLosses]:
    """Per-anchor losses from the table; class positives take a pass over the same-class pairs.

    Args:
        emb: the embeddings.
        variant: of the losses, its positives known.
        table: log-sums with the terms of the variant.
        keys: which losses; None means all of the variant.
        rho: (a, f) values to use instead of the table's, for tilts it does not hold.
        derivatives: whether slopes, curvatures and influences are wanted too.
    """
    keys = variant.keys if keys is None else tuple(keys)
    if rho is None:
        rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in keys], 1)
    y, v, anchors = torch.from_numpy(emb.y), emb.v, table.anchors
    defined = torch.isfinite(rho)
    if variant.positives == "class":
        views = torch.bincount(y)[y[anchors // v]] * v
        defined &= ((views > 1) | (variant.self_pairs == "include"))[:, None]
    weight = instance_weights(y, variant.class_prior)[anchors // v]
    weight = normalise_weights(weight, defined, emb.n * v)
    q = tuple(key.q for key in keys)
    means: PositiveMeans
    if variant.positives == "class":
        steepness = max(term.steepness for term in terms_for(variant.hardenings))
        means = yield ClassMeansOf(anchors, rho, q, weight, steepness, derivatives)
    else:
        rho = torch.where(defined, rho, torch.nan)
        means = augmentation_means(torch.from_numpy(emb.z), anchors, rho, q, variant.temperature)
    return AnchorLosses(keys, means.value, means.slope, means.curvature, weight, means.influence)
