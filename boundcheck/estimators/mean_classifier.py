"""The mean classifier: linear, with the mean embedding of each class for its weights (Arora et al. 2019).

docs/theory.md, eq. (35).
"""

from __future__ import annotations

import torch
from torch import Tensor

from boundcheck.estimators.records import LossTable
from boundcheck.pairwise.positives import AT_A_TIME


def class_logits(losses: LossTable, z: Tensor) -> Tensor:
    """(a, c) logits <z_a, mu_c> / tau of every anchor, mu_c the mean over all views of class c, its own too.

    Args:
        losses: any table of the embeddings.
        z: (n, v, d) the embeddings themselves, in any precision; sums are in float64.
    """
    emb = losses.emb
    y = torch.from_numpy(emb.y)
    sums = torch.zeros(emb.c, emb.d, dtype=torch.float64)
    for part, label in zip(
        torch.split(z, AT_A_TIME), torch.split(y, AT_A_TIME), strict=True
    ):  # z may be mapped from a file
        sums = sums.index_add(0, label, part.to(torch.float64).mean(1))
    means = sums / torch.bincount(y, minlength=emb.c)[:, None]
    rows = z.reshape(-1, emb.d)
    parts = [rows[some].to(torch.float64) @ means.T for some in torch.split(losses.table.anchors, AT_A_TIME)]
    return torch.cat(parts) / losses.variant.temperature


def class_prior(losses: LossTable) -> Tensor:
    """(c,) class probabilities of the variant."""
    counts = torch.from_numpy(losses.emb.class_counts).to(torch.float64)
    if losses.variant.class_prior == "balanced":
        counts = torch.ones_like(counts)
    return counts / counts.sum()


def anchor_labels(losses: LossTable) -> Tensor:
    """(a,) class codes of the anchors."""
    return torch.from_numpy(losses.emb.y)[losses.table.anchors // losses.emb.v]
