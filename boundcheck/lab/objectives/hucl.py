"""H-UCL: unsupervised contrastive learning with hard negatives."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import batch_loss


def hucl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    beta: float = 1.0,
    positives: str = "augmentation",
    q: float | None = None,
    weight_gradient: bool = True,
    average: str = "anchors",
    keep_anchor: bool = False,
    drawn: int = 0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Hard unsupervised contrastive loss: `ucl` with its negatives importance-weighted by e^{beta t}.

    Mean over anchors, mean over positives p, both outside the log, of log(1 + Q sum_b w_b e^{t_ab - t_ap}),
    where b runs over the M = v (b - 1) views of all other instances and w_b = e^{beta t_ab} / sum_b e^{beta
    t_ab}. With the default Q = M this is the estimator `hard` of Robinson et al. 2021 (arXiv 2010.04592) with
    tau_plus = 0: reweight_neg = sum(imp neg) / mean(imp), imp = e^{beta t}; gradients go through imp, as
    there. Its clamp at M e^{-1/temperature} never binds without tau_plus.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels; used with positives by class only.
        temperature: logits are t = <z_a, z_b> / temperature.
        beta: hardness; 0 gives `ucl`.
        positives: `augmentation` (other views of the instance) or `class` (every other view of the class).
        q: Q; None for M.
        weight_gradient: whether gradients go through the weights w_b.
        average: over positives and then over `anchors`, or over all `pairs` of an anchor and a positive at once, as
            in the authors' code.
        keep_anchor: whether every view of the batch, the anchor included, is a negative, and the anchor its own
            positive, as in the code of Jiang 2024 (arXiv 2311.05139).
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
        negatives="all",
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
