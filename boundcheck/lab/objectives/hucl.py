"""H-UCL: unsupervised contrastive learning with hard negatives."""

from __future__ import annotations

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
    )
