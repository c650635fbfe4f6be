"""SupCon: supervised contrastive learning with the positives in the denominator."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import form_pairs


def supcon(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    positives: str = "class",
) -> Float[Tensor, ""]:
    """Supervised contrastive loss L_out of Khosla et al. 2020 (arXiv 2004.11362, Eq. 2).

    Mean over anchors, mean over positives p, both outside the log, of log(sum_b e^{t_ab}) - t_ap, where b runs over
    all views but the anchor itself: positives, other views of the same instance and of the same class are in the
    denominator. The authors' code also multiplies by temperature / base_temperature, a constant that is 1 at its
    defaults and left out here.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels.
        temperature: logits are t = <z_a, z_b> / temperature.
        positives: `class` (every other view of the class), or `augmentation` (other views of the instance), which
            gives the NT-Xent loss of SimCLR (Chen et al. 2020).

    Returns:
        The loss, nats. An anchor without a positive is left out; with none left, zero.

    Raises:
        InputError: a parameter breaks its rule.
    """
    pairs = form_pairs(z, y, negatives="all", positives=positives, temperature=temperature)
    others = pairs.negative | pairs.positive
    log_sum = torch.logsumexp(pairs.logits.masked_fill(~others, -torch.inf), dim=1, keepdim=True)
    return pairs.average(log_sum - pairs.logits)
