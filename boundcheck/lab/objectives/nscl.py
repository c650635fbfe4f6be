"""NSCL: negatives-only supervised contrastive learning."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import form_pairs, softplus, tilted_mean
from ._rules import check_all


def nscl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    decoupled: bool = True,
    positives: str = "augmentation",
    q: float | None = None,
) -> Float[Tensor, ""]:
    """Negatives-only supervised contrastive loss of Luthra, Yang, Galanti 2025 (arXiv 2506.04411).

    Mean over anchors, mean over positives p, both outside the log, of log((Q / M_a) sum_b e^{t_ab}) - t_ap, where b
    runs over the M_a views of other classes and the positives are the anchor's own other views: labels choose the
    negatives only. The default Q = M_a makes it the paper's sum. The paper's average over positives also holds
    the anchor itself, at the constant t = 1 / temperature, left out here. `decoupled=False` puts the
    positive into the denominator, log(1 + (Q / M_a) sum_b e^{t_ab - t_ap}), as their training code does: then
    it is `scl` with augmentation positives, but for the default Q.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels.
        temperature: logits are t = <z_a, z_b> / temperature; 1 in the paper's equations.
        decoupled: whether the positive stays out of the denominator.
        positives: `augmentation` (other views of the instance) or `class` (every other view of the class).
        q: Q; None for M_a.

    Returns:
        The loss, nats. An anchor without a positive or a negative is left out; with none left, zero.

    Raises:
        InputError: a parameter breaks its rule.
    """
    check_all(q=q)
    pairs = form_pairs(z, y, negatives="other_class", positives=positives, temperature=temperature)
    pairs = pairs.keep(pairs.negative.any(dim=1))
    rho = tilted_mean(pairs.logits, pairs.negative, beta=0.0, gradient=False)
    count = pairs.negative.sum(dim=1, keepdim=True).to(rho.dtype)
    log_q = (count if q is None else torch.full_like(count, q)).log()
    terms = log_q + rho - pairs.logits
    return pairs.average(terms if decoupled else softplus(terms))
