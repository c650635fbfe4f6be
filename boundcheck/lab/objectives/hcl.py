"""HCL: contrastive learning with hard negatives, debiased."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from ._batch import batch_loss


def hcl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    beta: float = 1.0,
    tau_plus: float = 0.1,
    positives: str = "augmentation",
    q: float | None = None,
    weight_gradient: bool = True,
) -> Float[Tensor, ""]:
    """Hard and debiased contrastive loss of Robinson et al. 2021 (arXiv 2010.04592): `dcl` tilted by e^{beta t}.

    docs/theory.md, eq. (21).

    Mean over anchors, mean over positives p, both outside the log, of log(1 + Q g e^{-t_ap}) with

        g = max( (sum_b w_b e^{t_ab} - tau_plus sum_p w_p e^{t_ap}) / (1 - tau_plus), e^{-1/temperature} ),

    b over the M = v (b - 1) views of all other instances, p over the anchor's positives, weights in proportion to
    e^{beta t} and summing to one in each sum; where the floor binds g has no gradient. With two views,
    augmentation positives and the default Q = M this is `Ng` of the authors' code (their N is M); with more
    positives their part is the paper's importance-sampling estimate from all of them, which the code does not use.

    The class prior tau_plus is that of the untilted negatives, as in the paper. The tilted negatives hold
    another share of the anchor's class: with that share in its place, many views and class positives, the loss
    tends to `hscl`; at beta = 0 the two shares agree.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels; used with positives by class only.
        temperature: logits are t = <z_a, z_b> / temperature.
        beta: hardness; 0 gives `dcl`.
        tau_plus: prior of the anchor's class, in [0, 1); 0 gives `hucl`.
        positives: `augmentation` (other views of the instance) or `class` (every other view of the class).
        q: Q; None for M.
        weight_gradient: whether gradients go through the weights.

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
        tau_plus=tau_plus,
    )
