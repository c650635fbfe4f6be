"""SCL: supervised contrastive learning."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import batch_loss


def scl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    positives: str = "class",
    q: float | None = None,
    average: str = "anchors",
    keep_anchor: bool = False,
    drawn: int = 0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Supervised contrastive loss of Jiang 2022 (arXiv 2209.00078): negatives of other classes only.

    Mean over anchors, mean over positives p, both outside the log, of log(1 + (Q / M_a) sum_b e^{t_ab -
    t_ap}), where b runs over the M_a views of other classes and the other positives are not in the sum
    (unlike SupCon, Khosla et al. 2020). The anchor itself is neither positive nor negative. The default Q is
    v (b - 1), the number of views of all other instances, for every anchor, as `(batch - 2)` in
    `nce_supervised_easy` of the authors' code; they average over all (anchor, positive) pairs at once (`average`),
    here every anchor counts the same.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels.
        temperature: logits are t = <z_a, z_b> / temperature.
        positives: `class` (every other view of the class) or `augmentation` (other views of the instance).
        q: Q; None for v (b - 1).
        average: over positives and then over `anchors`, or over all `pairs` of an anchor and a positive at once, as
            in the authors' code.
        keep_anchor: whether the anchor is its own positive, as in the code of Jiang 2024 (arXiv 2311.05139).
        drawn: negatives drawn anew for each positive, with replacement; their mean takes the place of that over all
            (256 in the code of Jiang 2024). 0 for none. The limit then asks for this number to grow, too.
        generator: of the draws; None for torch's own. Same state, same loss.

    Returns:
        The loss, nats. An anchor without a positive or a negative is left out; with none left, zero.

    Raises:
        InputError: a parameter breaks its rule.
    """
    return batch_loss(
        z,
        y,
        negatives="other_class",
        positives=positives,
        temperature=temperature,
        beta=0.0,
        q=q,
        weight_gradient=False,
        average=average,
        keep_anchor=keep_anchor,
        drawn=drawn,
        generator=generator,
    )
