"""What claims ask of the embeddings beside their losses, linear in the number of views; gradients pass through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from boundcheck.estimators.anchor_losses import weighted_mean
from boundcheck.estimators.mean_classifier import class_means
from boundcheck.estimators.records import LossTable
from boundcheck.inference.delete_group import delete_group
from boundcheck.inference.influence import instance_influence
from boundcheck.inference.intervals import Estimate

OF_CLASS = 8  # instances of a class that are looked at, however many classes there are


def mean(losses: LossTable, values: Tensor) -> Estimate:
    """The mean of a statistic, see `Evidence.mean`."""
    values = values.to(torch.float64)
    if len(values) == losses.emb.c != len(losses.table.anchors):
        plain = float(values.mean())
        return Estimate(plain, plain, float(values.std() / len(values) ** 0.5) if len(values) > 1 else float("nan"))
    weight = torch.where(torch.isnan(values), 0.0, losses.weight)
    plain = float(weighted_mean(values[:, None], weight[:, None]))
    if losses.exhaustive:
        return Estimate(plain, plain, 0.0)
    draw = losses.table.anchors // losses.emb.v  # the instance, or its cluster
    draw = draw if losses.clusters is None else losses.clusters[draw]
    score = values.new_zeros(losses.emb.n).index_add_(0, draw, weight * (values - plain).nan_to_num(0.0))
    squares = score.square()
    n = len(torch.unique(draw[weight > 0]))
    se = float((squares.sum() * n / max(n - 1, 1)).sqrt() / weight.sum())
    return Estimate(plain, plain, se, float(squares.max() / squares.sum()) if squares.any() else 0.0)


def of_instances(
    losses: LossTable,
    z: Tensor,
    statistic: Callable[[Tensor, np.ndarray], float],
    steps: Callable[[Tensor, np.ndarray], float] | None = None,
) -> Estimate:
    """A statistic of embeddings and labels, see `Evidence.of_instances`."""

    def both(z: Tensor, y: np.ndarray) -> list[float]:
        return [statistic(z, y), 0.0 if steps is None else steps(z, y)]

    (estimate,) = several_of_instances(losses, z, both, 1)
    return estimate


def several_of_instances(
    losses: LossTable,
    z: Tensor,
    statistics: Callable[[Tensor, np.ndarray], Sequence[float]],
    count: int,
    most: int | None = None,
) -> list[Estimate]:
    """Several statistics that are computed together.

    Args:
        losses: whose labels, and what is one draw.
        z: (n, v, d) the embeddings.
        statistics: of (k, v, d) of them and (k,) labels; so many as `count` says, and then one that is taken off each
            and moves in steps, as shares do: its bias is left, since a jackknife's correction would multiply the steps
            by the number of groups.
        count: of the statistics.
        most: of the instances that they are taken of, see `some_instances`; None for all.
    """
    y, data, clusters = losses.emb.y, z.detach(), losses.clusters
    if most is not None and len(y) > most:
        chosen = some_instances(y, most)
        y, data = y[chosen], data[chosen]
        clusters = None if clusters is None else torch.unique(clusters[chosen], return_inverse=True)[1]

    def values(keep: np.ndarray) -> np.ndarray:
        if len(np.unique(y[keep])) < losses.emb.c:  # a class is gone, and with it the statistics
            return np.full(2 * count, np.nan)
        *smooth, steps = statistics(data[torch.from_numpy(keep)], y[keep])
        return np.array([*smooth, *(value - steps for value in smooth)])

    if losses.exhaustive:
        return [Estimate(value, value, 0.0) for value in values(np.arange(len(y)))[count:].tolist()]
    both = delete_group(values, y, clusters=None if clusters is None else clusters.numpy())
    return [_less_steps(smooth, estimate) for smooth, estimate in zip(both[:count], both[count:], strict=True)]


def _less_steps(smooth: Estimate, estimate: Estimate) -> Estimate:
    """The estimate, with the correction of its smooth part alone."""
    estimate = replace(estimate, value=estimate.plugin + smooth.value - smooth.plugin)
    # Groups that agree to the last place show no spread, which is not to say that there is none.
    return estimate if estimate.se > 0 else replace(estimate, se=float("nan"))


def some_instances(y: np.ndarray, most: int) -> np.ndarray:
    """Positions of so many instances, each class in proportion, drawn at random by a seed of their own."""
    order = np.lexsort((np.random.default_rng(0).random(len(y)), y))
    return np.sort(order[np.linspace(0, len(y) - 1, most).astype(int)])


def positive_similarity(losses: LossTable, z: Tensor) -> Tensor:
    """(a,) mean <z_a, z_p> over the positives of every anchor, as the variant has them; NaN without one."""
    emb, variant = losses.emb, losses.variant
    rows = z.reshape(-1, emb.d)[losses.table.anchors].to(torch.float64)
    instance = losses.table.anchors // emb.v
    own = rows.square().sum(1)
    if variant.positives == "augmentation":
        total = (rows * z[instance].sum(1, dtype=torch.float64)).sum(1) - own
        return total / (emb.v - 1)
    label = torch.from_numpy(emb.y)[instance]
    count = torch.from_numpy(emb.class_counts * emb.v)[label]
    total = (rows * class_means(losses.emb, z)[label]).sum(1) * count
    if variant.self_pairs == "include":
        return total / count
    return torch.where(count > 1, (total - own) / (count - 1).clamp_min(1), torch.nan)


def negative_similarity(losses: LossTable, z: Tensor) -> Tensor:
    """(a,) mean <z_a, z_b> over the views b of other instances, each alike."""
    emb = losses.emb
    rows = z.reshape(-1, emb.d)[losses.table.anchors].to(torch.float64)
    others = z.sum((0, 1), dtype=torch.float64) - z[losses.table.anchors // emb.v].sum(1, dtype=torch.float64)
    return (rows * others).sum(1) / ((emb.n - 1) * emb.v)


def similarity_gap(losses: LossTable, z: Tensor, positive: Tensor, negative: Tensor) -> tuple[Estimate, Tensor]:
    """Mean similarity of negatives less that of positives, (a,) each, over all anchors alike, and its (n,) influences.

    An instance counts as an anchor, as a negative of the others and, with class positives, as a positive of theirs; as
    <z_a, z_b> is symmetric, as much each time. With fixed class sizes the estimate counts what the anchor's own
    instance takes from its class, as that of the losses does (docs/theory.md, eq. (90)).
    """
    emb, anchors = losses.emb, losses.table.anchors
    y = torch.from_numpy(emb.y)
    others = negative - negative.mean()
    if losses.variant.positives == "class":
        others = others - (positive - _by_class(positive, y[anchors // emb.v]))
    as_candidate = others.new_zeros(emb.n).index_add_(0, anchors // emb.v, others)
    gap = negative - positive
    weight = torch.ones_like(gap)
    influence = instance_influence(gap, weight, anchors, as_candidate, y, emb.v, losses.variant.stratified)
    plugin = float(gap.mean())
    if losses.influence is None or losses.exhaustive:
        se = 0.0 if losses.exhaustive else float("nan")
        return Estimate(plugin, plugin, se), torch.zeros_like(influence)
    return Estimate(plugin + _design_shift(losses, z, negative), plugin, *losses.spread(influence)), influence


def _design_shift(losses: LossTable, z: Tensor, negative: Tensor) -> float:
    """What is added to the mean similarity of negatives where class sizes are fixed: the n_c - 1 others of the anchor's
    class weigh n_c / (n_c - 1); 0 where labels are drawn with the instances."""
    emb, anchors = losses.emb, losses.table.anchors
    if not losses.variant.stratified or losses.variant.self_pairs == "include":
        return 0.0
    instance = anchors // emb.v
    label, own = torch.from_numpy(emb.y)[instance], z[instance].sum(1, dtype=torch.float64)
    counts = torch.from_numpy(emb.class_counts)
    rows, n = z.reshape(-1, emb.d)[anchors].to(torch.float64), counts[label]
    of_class = class_means(losses.emb, z)[label] * (n * emb.v)[:, None]
    same = (rows * (of_class - own)).sum(1) / ((n - 1).clamp_min(1) * emb.v)  # their mean, of n - 1
    more = torch.where(n > 1, (same - negative) / emb.n, 0.0)
    return float(more.mean())


def _by_class(values: Tensor, label: Tensor) -> Tensor:
    """(a,) mean over the anchors of the same class."""
    count = torch.bincount(label)
    return (values.new_zeros(len(count)).index_add_(0, label, values) / count)[label]


def variance_within(losses: LossTable, z: Tensor) -> Tensor:
    """(a,) |z_a - mu_y|^2, whose mean is the variance within classes."""
    label = torch.from_numpy(losses.emb.y)[losses.table.anchors // losses.emb.v]
    rows = z.reshape(-1, losses.emb.d).to(torch.float64)[losses.table.anchors]
    return (rows - class_means(losses.emb, z)[label]).square().sum(1)
