"""SCHaNe: supervised contrastive learning with hard negatives, next to cross-entropy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import form_pairs, log_weights
from ._rules import check_all


def schane(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    beta: float = 1.0,
    contrast_weight: float = 0.9,
    positives: str = "class",
    weight_gradient: bool = True,
    class_logits: Float[Tensor, "b v c"] | None = None,
) -> Float[Tensor, ""]:
    """Supervised contrastive loss with weighted negatives of Long et al. 2023 (arXiv 2308.14893), and cross-entropy.

    (1 - lambda) CE + lambda L, where L is the mean over anchors, mean over positives p, both outside the log, of

        log( sum_p' e^{t_ap'} + sum_k w_ak e^{t_ak} ) - t_ap,    w_ak = M_a e^{beta t_ak} / sum_k' e^{beta t_ak'},

    p' over the anchor's positives and k over its M_a views of other classes, whose weights have mean one. At the
    default beta = 1 the weights are the similarities e^t over their mean, as in public code for the paper's successor
    (CLCE, arXiv 2402.14551); beta is this package's generalisation, and at beta = 0 L is `supcon`.

    The paper fine-tunes a classifier, whose outputs enter CE: `class_logits`, which `lab.training` fills in from a
    linear classifier that it trains beside the encoder. Without them CE is that of a classifier without parameters,
    this package's stand-in and not the paper's: the mean classifier of the batch, <z_a, mu_c> / temperature over the
    classes in the batch, with mu_c the mean of all views of class c in the batch, the anchor's own included. The
    default lambda = 0.9 is this package's.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels; with `class_logits`, column numbers in them.
        temperature: logits are t = <z_a, z_b> / temperature.
        beta: hardness of the weights.
        contrast_weight: lambda in [0, 1]; 1 leaves the cross-entropy out.
        positives: `class` (every other view of the class) or `augmentation` (other views of the instance).
        weight_gradient: whether gradients go through the weights.
        class_logits: outputs of a classifier for each view, c classes; None for the batch's mean classifier.

    Returns:
        The loss, nats. An anchor without a positive is left out of L, one without a negative is not; the
        cross-entropy is over all views.

    Raises:
        InputError: a parameter breaks its rule.
    """
    check_all(beta=beta, contrast_weight=contrast_weight)
    pairs = form_pairs(z, y, negatives="other_class", positives=positives, temperature=temperature)
    count = pairs.negative.sum(dim=1, keepdim=True).to(z.dtype)
    weighted = pairs.logits + log_weights(pairs.logits, pairs.negative, beta, weight_gradient) + count.log()
    entries = torch.where(pairs.positive, pairs.logits, torch.where(pairs.negative, weighted, -torch.inf))
    contrastive = pairs.average(torch.logsumexp(entries, dim=1, keepdim=True) - pairs.logits)
    scores, target = _mean_classifier(z, y, temperature) if class_logits is None else (class_logits, y)
    cross_entropy = F.cross_entropy(scores.flatten(0, 1), target.long().repeat_interleave(z.shape[1]))
    return (1 - contrast_weight) * cross_entropy + contrast_weight * contrastive


def _mean_classifier(
    z: Float[Tensor, "b v d"], y: Int[Tensor, " b"], temperature: float
) -> tuple[Float[Tensor, "b v c"], Int[Tensor, " b"]]:
    """Logits of every view by the means of the classes in the batch, and the labels as their columns."""
    classes, column = torch.unique(y, return_inverse=True)
    member = F.one_hot(column, len(classes)).to(z.dtype)  # (b, c)
    means = (member / member.sum(dim=0)).T @ z.mean(dim=1)  # (c, d)
    return z @ means.T / temperature, column
