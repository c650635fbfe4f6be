"""The dense estimator: the same records as the exact one from n x n matrices in float64, differentiable in z.

For a few hundred views at most: what a search over embeddings needs, where the passes of the exact estimator, which
hold no matrix and overwrite their buffers, carry no gradient. Plug-in values; the data set is all there is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import AnchorLosses, instance_weights, normalise_weights
from boundcheck.estimators.exact import assemble, with_groups
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.hardening import terms_for
from boundcheck.losses import LossKey
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.positives import positive_loss
from boundcheck.pools import Pool, Relation
from boundcheck.spec import Variant


@dataclass(frozen=True)
class Logits:
    """Logits of anchors against all views, and which of the pairs are what."""

    t: Tensor  # (a, b)
    parts: tuple[Tensor, ...]  # of the candidates: (a, b) bool
    positive: Tensor  # (a, b) bool
    weight: Tensor  # (b,)


def dense(
    emb: EmbeddingSet, variant: Variant, *, z: Tensor | None = None, anchors: Tensor | None = None
) -> tuple[LossTable, dict[LossKey, Tensor]]:
    """All losses at every hardening and Q, and the worst case of the untilted ones, in O(n^2) memory.

    Args:
        emb: embeddings and labels.
        variant: of the losses.
        z: (n, v, d) float64 that stands for the embeddings and may require a gradient; None takes them as they are.
        anchors: original anchor indices to average over; None means all.

    Returns:
        The table, without uncertainty or bias correction, and the per-anchor losses in the limit beta -> inf by the key
        of the untilted loss. Log-sums, margins and per-anchor losses carry the gradient; averages are floats.
    """
    start, variant = time.perf_counter(), variant.on(emb)
    z = torch.from_numpy(emb.z).to(torch.float64) if z is None else z
    anchors = torch.arange(emb.n * emb.v) if anchors is None else anchors
    pairs = logits_of(emb, variant, z, anchors)
    terms = terms_for(variant.hardenings)
    logs = [term.log(pairs.t, variant.temperature) for term in terms]
    log_sums = [torch.stack([_log_sum(log, part, pairs.weight) for log in logs], 1) for part in pairs.parts]
    largest = [torch.where(part, pairs.t, -torch.inf).amax(1) for part in pairs.parts]
    table = CumulantTable(terms, torch.stack(log_sums, 1), torch.stack(largest, 1), anchors, variant.partition)
    rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in variant.keys], 1)
    losses = _losses(emb, variant, pairs, anchors, variant.keys, rho)
    untilted = tuple(key for key in variant.keys if not key.loss.hardened)
    worst_case = {}
    if untilted:
        worst = torch.stack([table.largest_logit(key.tilt.pool) for key in untilted], 1)
        values = _losses(emb, variant, pairs, anchors, untilted, worst).value
        worst_case = dict(zip(untilted, values.unbind(1), strict=True))
    cost = Cost(pairs.t.numel(), time.perf_counter() - start)
    return assemble(emb, variant, table, losses, None, False, cost, estimator="dense"), worst_case


def logits_of(emb: EmbeddingSet, variant: Variant, z: Tensor, anchors: Tensor) -> Logits:
    """The pairs of anchors (original indices) with all views of z (n, v, d)."""
    n, v, d = z.shape
    views = torch.arange(n * v)
    own = views[anchors, None] // v == views // v
    itself = anchors[:, None] == views
    label = torch.from_numpy(emb.y).repeat_interleave(v)
    partners = label[anchors, None] == label
    if variant.self_pairs == "exclude":
        partners = partners & ~itself
    pools = [Pool("part", "", relations) for relations in variant.partition]
    flat = z.reshape(n * v, d)
    grouped = with_groups(emb, variant)
    return Logits(
        t=flat[anchors] @ flat.T / variant.temperature,
        parts=tuple(in_pool(grouped, anchors, pool, variant.self_pairs) for pool in pools),
        positive=partners if variant.positives == "class" else own & ~itself,
        weight=instance_weights(torch.from_numpy(emb.y), variant.class_prior).repeat_interleave(v),
    )


def in_pool(emb: EmbeddingSet, anchors: Tensor, pool: Pool, self_pairs: str) -> Tensor:
    """(a, n v) which views are candidates of anchors (original indices) in a pool."""
    views = torch.arange(emb.n * emb.v)
    label = torch.from_numpy(emb.y).repeat_interleave(emb.v)
    same = label[anchors, None] == label
    related = same
    if emb.groups is not None:
        group = torch.from_numpy(emb.groups).repeat_interleave(emb.v)
        related = same | (group[anchors, None] == group)
    held = {
        Relation.SAME_CLASS: same,
        Relation.SIBLING: related & ~same,
        Relation.UNRELATED: ~related,
    }
    found = torch.zeros_like(same)
    for relation in pool.relations:
        found |= held[relation]
    if self_pairs == "exclude":
        found &= views[anchors, None] // emb.v != views // emb.v
    return found


def _log_sum(log: Tensor, part: Tensor, weight: Tensor) -> Tensor:
    """log sum over the part of w f, (a,); an empty one is -inf and its gradient zero, not NaN."""
    log = torch.where(part, log, -torch.inf)
    top = log.detach().amax(1)
    empty = top == -torch.inf
    shift = torch.where(empty, 0.0, top)
    total = ((log - shift[:, None]).exp() * weight).sum(1)
    return torch.where(empty, -torch.inf, torch.where(empty, 1.0, total).log() + shift)


def _losses(
    emb: EmbeddingSet, variant: Variant, pairs: Logits, anchors: Tensor, keys: tuple[LossKey, ...], rho: Tensor
) -> AnchorLosses:
    """Means over positives of the loss and its derivatives at rho (a, f)."""
    count = pairs.positive.sum(1)
    defined = torch.isfinite(rho) & (count > 0)[:, None]
    rho = torch.where(defined, rho, 0.0)
    columns = [
        [
            torch.where(pairs.positive, part, 0.0).sum(1) / count.clamp_min(1)
            for part in positive_loss(rho[:, [f]], pairs.t, key.q)
        ]
        for f, key in enumerate(keys)
    ]
    value, slope, curvature = (
        torch.where(defined, torch.stack([column[i] for column in columns], 1), torch.nan) for i in range(3)
    )
    weight = instance_weights(torch.from_numpy(emb.y), variant.class_prior)[anchors // emb.v]
    weight = normalise_weights(weight, defined, emb.n * emb.v)
    return AnchorLosses(keys, value, slope, curvature, weight, weight.new_zeros(emb.n, len(keys)))
