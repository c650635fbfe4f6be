"""UCL: unsupervised contrastive learning."""

from __future__ import annotations

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
    )
