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
from boundcheck.estimators.exact import assemble
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.losses import AnchorLosses, LossKey, LossSpec, instance_weights, normalise_weights
from boundcheck.pairwise.cumulants import CumulantTable, terms_for
from boundcheck.pairwise.positives import _loss


@dataclass(frozen=True)
class Pairs:
    """Logits of anchors against all views, and which of the pairs are what."""

    t: Tensor  # (a, b)
    groups: tuple[Tensor, Tensor]  # same, diff: (a, b) bool
    positive: Tensor  # (a, b) bool
    weight: Tensor  # (b,)


def dense(
    emb: EmbeddingSet, spec: LossSpec, *, z: Tensor | None = None, anchors: Tensor | None = None
) -> tuple[LossTable, dict[LossKey, Tensor]]:
    """All four losses at every hardening and Q, and the worst case of the untilted ones, in O(n^2) memory.

    Args:
        emb: embeddings and labels.
        spec: the variant of the losses.
        z: (n, v, d) float64 that stands for the embeddings and may require a gradient; None takes them as they are.
        anchors: original anchor indices to average over; None means all.

    Returns:
        The table, without uncertainty or bias correction, and the per-anchor losses in the limit beta -> inf by the key
        of the untilted loss. Log-sums, margins and per-anchor losses carry the gradient; averages are floats.
    """
    start = time.perf_counter()
    z = torch.from_numpy(emb.z).to(torch.float64) if z is None else z
    anchors = torch.arange(emb.n * emb.v) if anchors is None else anchors
    pairs = pairs_of(z, torch.from_numpy(emb.y), spec, anchors)
    terms = terms_for(spec.all_hardenings)
    logs = [term.log(pairs.t, spec.temperature) for term in terms]
    log_sums = [torch.stack([_log_sum(log, group, pairs.weight) for log in logs], 1) for group in pairs.groups]
    largest = [torch.where(group, pairs.t, -torch.inf).amax(1) for group in pairs.groups]
    table = CumulantTable(terms, torch.stack(log_sums, 1), torch.stack(largest, 1), anchors)
    rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in spec.keys], 1)
    losses = _losses(emb, spec, pairs, anchors, spec.keys, rho)
    untilted = tuple(key for key in spec.keys if key.loss in ("ucl", "scl"))
    worst = torch.stack([table.largest_logit(key.tilt.pool) for key in untilted], 1)
    worst_case = dict(zip(untilted, _losses(emb, spec, pairs, anchors, untilted, worst).value.unbind(1), strict=True))
    cost = Cost(pairs.t.numel(), time.perf_counter() - start)
    return assemble(emb, spec, table, losses, None, False, cost, estimator="dense"), worst_case


def pairs_of(z: Tensor, y: Tensor, spec: LossSpec, anchors: Tensor) -> Pairs:
    """The pairs of anchors (original indices) with all views of z (n, v, d), labelled y (n,)."""
    n, v, d = z.shape
    views = torch.arange(n * v)
    instance, label = views // v, y.repeat_interleave(v)
    own = instance[anchors, None] == instance
    itself = anchors[:, None] == views
    alike = label[anchors, None] == label
    if spec.self_pairs == "include":
        pool, partners = torch.ones_like(own), alike
    else:
        pool, partners = ~own, alike & ~itself
    flat = z.reshape(n * v, d)
    return Pairs(
        t=flat[anchors] @ flat.T / spec.temperature,
        groups=(pool & alike, ~alike),
        positive=partners if spec.positives == "class" else own & ~itself,
        weight=instance_weights(y, spec.class_prior).repeat_interleave(v),
    )


def _log_sum(log: Tensor, group: Tensor, weight: Tensor) -> Tensor:
    """log sum over the group of w f, (a,); an empty one is -inf and its gradient zero, not NaN."""
    log = torch.where(group, log, -torch.inf)
    top = log.detach().amax(1)
    empty = top == -torch.inf
    shift = torch.where(empty, 0.0, top)
    total = ((log - shift[:, None]).exp() * weight).sum(1)
    return torch.where(empty, -torch.inf, torch.where(empty, 1.0, total).log() + shift)


def _losses(
    emb: EmbeddingSet, spec: LossSpec, pairs: Pairs, anchors: Tensor, keys: tuple[LossKey, ...], rho: Tensor
) -> AnchorLosses:
    """Means over positives of the loss and its derivatives at rho (a, f)."""
    count = pairs.positive.sum(1)
    defined = torch.isfinite(rho) & (count > 0)[:, None]
    rho = torch.where(defined, rho, 0.0)
    columns = [
        [
            torch.where(pairs.positive, part, 0.0).sum(1) / count.clamp_min(1)
            for part in _loss(rho[:, [f]], pairs.t, key.q)
        ]
        for f, key in enumerate(keys)
    ]
    value, slope, curvature = (
        torch.where(defined, torch.stack([column[i] for column in columns], 1), torch.nan) for i in range(3)
    )
    weight = instance_weights(torch.from_numpy(emb.y), spec.class_prior)[anchors // emb.v]
    weight = normalise_weights(weight, defined, emb.n * emb.v)
    return AnchorLosses(keys, value, slope, curvature, weight, weight.new_zeros(emb.n, len(keys)))
