"""The mean classifier: linear, with the mean embedding of each class for its weights (Arora et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from boundcheck.estimators.records import LossTable


def class_logits(losses: LossTable, z: Tensor) -> Tensor:
    """(a, c) logits <z_a, mu_c> / tau of every anchor, mu_c the mean over all views of class c, its own too.

    Args:
        losses: any table of the embeddings.
        z: (n, v, d) float64, the embeddings themselves.
    """
    emb = losses.emb
    y = torch.from_numpy(emb.y)
    sums = torch.zeros(emb.c, emb.d, dtype=torch.float64).index_add_(0, y, z.mean(1))
    means = sums / torch.bincount(y, minlength=emb.c)[:, None]
    return z.reshape(-1, emb.d)[losses.table.anchors] @ means.T / losses.spec.temperature


def class_prior(losses: LossTable) -> Tensor:
    """(c,) class probabilities of the variant."""
    counts = torch.from_numpy(losses.emb.class_counts).to(torch.float64)
    if losses.spec.class_prior == "balanced":
        counts = torch.ones_like(counts)
    return counts / counts.sum()


def anchor_labels(losses: LossTable) -> Tensor:
    """(a,) class codes of the anchors."""
    return torch.from_numpy(losses.emb.y)[losses.table.anchors // losses.emb.v]
