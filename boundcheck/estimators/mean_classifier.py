"""The mean classifier: linear, with the mean embedding of each class for its weights (Arora et al. 2019).

docs/theory.md, eq. (35).
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.embeddings.given import ROWS
from boundcheck.estimators.records import LossTable
from boundcheck.pairwise.positives import AT_A_TIME


def class_logits(losses: LossTable, z: Tensor) -> Tensor:
    """(a, c) logits <z_a, mu_c> / tau of every anchor, mu_c the mean over all views of class c, its own too.

    Args:
        losses: any table of the embeddings.
        z: (n, v, d) the embeddings themselves, in any precision; sums are in float64.
    """
    rows, means = z.reshape(-1, losses.emb.d), class_means(losses.emb, z)
    parts = [rows[some].to(torch.float64) @ means.T for some in torch.split(losses.table.anchors, AT_A_TIME)]
    return torch.cat(parts) / losses.variant.temperature


# What many claims, and every look of `until_decided`, ask of the embeddings as they are.
_MEANS: WeakKeyDictionary[EmbeddingSet, Tensor] = WeakKeyDictionary()


def class_means(emb: EmbeddingSet, z: Tensor) -> Tensor:
    """(c, d) mean over all views of each class, float64, of embeddings z (n, v, d): the set's own or others of them."""
    if z.requires_grad or z.data_ptr() != emb.z.ctypes.data or z.shape != emb.z.shape:
        return means_of(z, torch.from_numpy(emb.y), emb.c)
    if emb not in _MEANS:
        _MEANS[emb] = means_of(z, torch.from_numpy(emb.y), emb.c)
    return _MEANS[emb]


def means_of(z: Tensor, y: Tensor, classes: int) -> Tensor:
    """(c, d) mean over all views of each class, of embeddings (n, v, d) and codes (n,); as many at a time as fit."""
    sums = z.new_zeros(classes, z.shape[2], dtype=torch.float64)
    for part, label in zip(torch.split(z, ROWS), torch.split(y, ROWS), strict=True):
        sums.index_add_(0, label, part.to(torch.float64).mean(1))
    return sums / torch.bincount(y, minlength=classes)[:, None]


def class_prior(losses: LossTable) -> Tensor:
    """(c,) class probabilities of the variant."""
    counts = torch.from_numpy(losses.emb.class_counts).to(torch.float64)
    if losses.variant.class_prior == "balanced":
        counts = torch.ones_like(counts)
    return counts / counts.sum()


def anchor_labels(losses: LossTable) -> Tensor:
    """(a,) class codes of the anchors."""
    return torch.from_numpy(losses.emb.y)[losses.table.anchors // losses.emb.v]
