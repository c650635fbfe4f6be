"""H-SCL: supervised contrastive learning with hard negatives."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import batch_loss


def hscl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    beta: float = 1.0,
    positives: str = "class",
    q: float | None = None,
    weight_gradient: bool = True,
    average: str = "anchors",
    keep_anchor: bool = False,
    drawn: int = 0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Hard supervised contrastive loss of Jiang 2022 (arXiv 2209.00078): `scl` tilted by e^{beta t}.

    Mean over anchors, mean over positives p, both outside the log, of log(1 + Q sum_b w_b e^{t_ab - t_ap}),
    where b runs over the views of other classes and w_b = e^{beta t_ab} / sum_b e^{beta t_ab}. The default Q
    is v (b - 1), as `(batch - 2)` in `nce_supervised_hard` of the authors' code. There gradients go through
    the weights when its flag is set and beta is at least 1; here the flag alone decides. They average over
    all (anchor, positive) pairs at once (`average`), here every anchor counts the same.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels.
        temperature: logits are t = <z_a, z_b> / temperature.
        beta: hardness; 0 gives `scl`.
        positives: `class` (every other view of the class) or `augmentation` (other views of the instance).
        q: Q; None for v (b - 1).
        weight_gradient: whether gradients go through the weights w_b.
        average: over positives and then over `anchors`, or over all `pairs` of an anchor and a positive at once, as
            in the authors' code.
        keep_anchor: whether the anchor is its own positive, as in the code of Jiang 2024 (arXiv 2311.05139).
        drawn: negatives drawn anew for each positive, with replacement and in proportion to e^{beta t}; their plain
            mean takes the place of the weighted one, without gradients through the draw (256 in the code of
            Jiang 2024). 0 for none. The limit then asks for this number to grow, too.
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
        beta=beta,
        q=q,
        weight_gradient=weight_gradient,
        average=average,
        keep_anchor=keep_anchor,
        drawn=drawn,
        generator=generator,
    )
