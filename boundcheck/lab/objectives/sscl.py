"""SSCL: contrastive learning with synthetic hard negatives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ._batch import Pairs, contrast, form_pairs
from ._rules import check_all


def sscl(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    temperature: float,
    beta: float = 1.0,
    tau_plus: float = 0.1,
    hardest: int = 64,
    synthetic: int = 32,
    synthetic_gradient: bool = False,
    positives: str = "augmentation",
    q: float | None = None,
    weight_gradient: bool = True,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Contrastive loss with sampled synthetic hard negatives of Dong et al. 2023 (arXiv 2304.02971).

    For each anchor, S = `synthetic` more negatives are made from its `hardest` ones, those with the largest logits:

        s = (alpha z_1 + (1 - alpha) z_2) / |alpha z_1 + (1 - alpha) z_2|,

    z_1 and z_2 drawn uniformly, with replacement, from the hardest and alpha uniformly from (0, 1). Then `hcl` over
    the M = v (b - 1) views of other instances and the S synthetic ones together: sampled by hardness as
    importance weights e^{beta t}, debiased by tau_plus, floored at e^{-1/temperature}, with Q = M + S.

    Left open by the paper and chosen here, after public code for it: the hardest are chosen anew for every anchor
    and batch; synthetic negatives carry no gradient to what they are mixed from (`synthetic_gradient`), only to the
    anchor; 64 hardest, 32 synthetic.

    Args:
        z: L2-normalised embeddings of b instances in v views.
        y: labels; used with positives by class only.
        temperature: logits are t = <z_a, z_b> / temperature.
        beta: hardness; 0 for plain means.
        tau_plus: prior of the anchor's class, in [0, 1).
        hardest: how many of the anchor's negatives may be mixed; all of them where there are fewer.
        synthetic: S, synthetic negatives of each anchor; 0 gives `hcl`.
        synthetic_gradient: whether gradients go through the synthetic negatives.
        positives: `augmentation` (other views of the instance) or `class` (every other view of the class).
        q: Q; None for M + S.
        weight_gradient: whether gradients go through the weights.
        generator: of the draws, on any device; None for torch's own. Same state, same loss.

    Returns:
        The loss, nats. An anchor without a positive or a negative is left out; with none left, zero.

    Raises:
        InputError: a parameter breaks its rule.
    """
    check_all(q=q, hardest=hardest, synthetic=synthetic)
    b, v, _ = z.shape
    pairs = form_pairs(z, y, negatives="all", positives=positives, temperature=temperature)
    if synthetic and b > 1:
        mixed = _mixtures(pairs, min(hardest, v * (b - 1)), synthetic, generator)  # (a, s, d)
        mixed = mixed if synthetic_gradient else mixed.detach()
        pairs = pairs.with_negatives(torch.einsum("ad,asd->as", pairs.anchors, mixed) / temperature)
    return contrast(
        pairs,
        temperature=temperature,
        beta=beta,
        q=v * (b - 1) + synthetic if q is None else q,
        weight_gradient=weight_gradient,
        tau_plus=tau_plus,
    )


def _mixtures(pairs: Pairs, hardest: int, synthetic: int, generator: torch.Generator | None) -> Float[Tensor, "a s d"]:
    """Normalised mixtures of two of each anchor's hardest negatives; draws the two pairs of ranks, then alpha."""
    a, device = len(pairs.anchors), pairs.views.device
    source = device if generator is None else generator.device
    nearest = pairs.logits.masked_fill(~pairs.negative, -torch.inf).topk(hardest, dim=1).indices
    ranks = torch.randint(hardest, (2, a, synthetic), generator=generator, device=source).to(device)
    alpha = torch.rand(a, synthetic, 1, generator=generator, device=source, dtype=pairs.views.dtype).to(device)
    first, second = (pairs.views[nearest.gather(1, rank)] for rank in ranks)
    return F.normalize(alpha * first + (1 - alpha) * second, dim=2)
