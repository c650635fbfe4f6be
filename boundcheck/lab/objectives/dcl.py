"""DCL: debiased contrastive learning."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from ._batch import batch_loss


def dcl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    tau_plus: float = 0.1,
    positives: str = "augmentation",
    q: float | None = None,
) -> Float[Tensor, ""]:
    """Debiased contrastive loss of Chuang et al. 2020 (arXiv 2007.00224): `ucl` less its same-class negatives.

    docs/theory.md, eq. (21).

    Mean over anchors, mean over positives p, both outside the log, of log(1 + Q g e^{-t_ap}) with

        g = max( (mean_b e^{t_ab} - tau_plus mean_p e^{t_ap}) / (1 - tau_plus), e^{-1/temperature} ),

    b over the M = v (b - 1) views of all other instances, p over the anchor's positives; where the floor binds g
    has no gradient. With two views, augmentation positives and the default Q = M this is `Ng` of the authors' code
    (their N is M). With many views and class positives g tends to the mean over the other classes, the loss to
    `scl`, when tau_plus is the share of the anchor's class.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels; used with positives by class only.
        temperature: logits are t = <z_a, z_b> / temperature.
        tau_plus: prior of the anchor's class, in [0, 1); 0 gives `ucl`.
        positives: `augmentation` (other views of the instance) or `class` (every other view of the class).
        q: Q; None for M.

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
        tau_plus=tau_plus,
    )
