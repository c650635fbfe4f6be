"""UCL: unsupervised contrastive learning."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import batch_loss


def ucl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    positives: str = "augmentation",
    q: float | None = None,
    average: str = "anchors",
    keep_anchor: bool = False,
    drawn: int = 0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Unsupervised contrastive loss (SimCLR's, Chen et al. 2020, with the anchor's own views out of the sum).

    Mean over anchors, mean over positives p, both outside the log, of log(1 + (Q / M) sum_b e^{t_ab - t_ap}),
    where b runs over the M = v (b - 1) views of all other instances; with the default Q = M this is the
    estimator `easy` of Robinson et al. 2021 (arXiv 2010.04592). The anchor itself is neither positive nor
    negative. With positives by class, views of the same class are both.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels; used with positives by class only.
        temperature: logits are t = <z_a, z_b> / temperature.
        positives: `augmentation` (other views of the instance) or `class` (every other view of the class).
        q: Q; None for M.
        average: over positives and then over `anchors`, or over all `pairs` of an anchor and a positive at once, as
            in the authors' code.
        keep_anchor: whether every view of the batch, the anchor included, is a negative, and the anchor its own
            positive, as in the code of Jiang 2024 (arXiv 2311.05139).
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
        negatives="all",
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
