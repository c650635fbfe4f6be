"""Classes of which two instances were seen: without one the other has no positive, and leaves the average as an anchor.

With class positives and one view an instance that is alone in its class is no anchor, so that averages lack the part of
the population whose class is seen once. Leaving one instance out of the classes seen twice shows what that does, as
the jackknife asks. docs/theory.md, eq. (96).
"""

from __future__ import annotations

import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import weighted_mean
from boundcheck.spec import Variant


def leaving_together(
    emb: EmbeddingSet, variant: Variant, anchors: Tensor, value: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """What an anchor that leaves with its only positive does to averages.

    Args:
        emb: the embeddings.
        variant: of the losses, its positives known. Where the classes' sizes or shares are known none is missing, and
            where the data are the population nothing is: both parts are zero.
        anchors: (a,) original anchor indices.
        value: (a, f) losses, nats; NaN where the weight is zero.
        weight: (a, f), zero where undefined.

    Returns:
        (f,) to be added to the means, minus the bias; (n, f) the influence of every instance as an only positive.
    """
    influence = torch.zeros(emb.n, value.shape[1], dtype=torch.float64)
    y = torch.from_numpy(emb.y)
    of_two = torch.bincount(y)[y] == 2
    known = variant.stratified or variant.self_pairs == "include"
    if variant.positives != "class" or emb.v > 1 or known or not of_two.any():
        return influence[0].clone(), influence
    pairs = torch.argsort(torch.where(of_two, y, -1), stable=True)[-int(of_two.sum()) :].view(-1, 2)
    partner = torch.arange(emb.n)
    partner[pairs] = pairs.flip(1)
    of_anchor = torch.where(weight > 0, weight * (value - weighted_mean(value, weight)), 0.0)
    of_anchor = of_anchor * of_two[anchors, None]
    return of_anchor.sum(0) / weight.sum(0), influence.index_add_(0, partner[anchors], of_anchor)
