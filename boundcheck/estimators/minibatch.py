"""What a mini-batch makes of the losses: negatives drawn untilted, the tilt put in by weights within the batch.

docs/theory.md, eq. (20):

    L_B^(k) = E log(1 + Q sum_i eta(t_ai) e^{t_ai - t_ap} / sum_i eta(t_ai)),    i over k i.i.d. draws from the pool

is what the H-SCL authors' training code computes (Jiang 2022, following Robinson et al. 2021). The draws of L^(k) come
from the tilted pool; here the ratio of two sums stands for the tilted mean, which is biased: of k negatives a hard tilt
keeps a few, so the loss lies below that of its limit, and the further the harder the tilt. Where a batch holds nothing
that the tilt keeps (all below a threshold) the weights are 0 / 0 and the batch has no loss: averages are over the
batches that have one, and the share of those that have none stands beside them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import softplus

from boundcheck.estimators.montecarlo import ANCHORS_AT_A_TIME, drawn_logits
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import CONSTANT, denominator, numerator
from boundcheck.losses import Tilt
from boundcheck.pools import Pool

LARGEST_BATCH = 1000
DRAWS = 256  # negatives per anchor, at least, over all repeats
COLUMNS = ("minibatch", "minibatch_se", "minibatch_undefined")


def minibatch_frame(limit: LossTable, ks: Sequence[int], seed: int = 0) -> pd.DataFrame:
    """L_B^(k) over the anchors of a table, by Monte Carlo over draws and positives.

    Args:
        limit: the limit's table.
        ks: numbers of negatives; those above 1,000 are left out.
        seed: of the draws.

    Returns:
        One row per loss and k: loss, hardening, beta, q, k, minibatch and minibatch_se (nats; the error that the draws
        leave, over these anchors; NaN where no batch has a loss), minibatch_undefined (the share of batches without).
    """
    rows = []
    for k in (k for k in ks if k <= LARGEST_BATCH):
        repeats = max(4, math.ceil(DRAWS / k))
        positive = _positives(limit, repeats, seed)
        rho = {
            pool: _ratio_rho(limit, pool, k, repeats, seed)
            for pool in dict.fromkeys(key.tilt.pool for key in limit.keys)
        }
        for f, key in enumerate(limit.keys):
            x = rho[key.tilt.pool][limit.variant.hardenings.index(key.hardening)] - positive  # (a, repeats)
            values = x if math.isinf(key.q) else softplus(x + math.log(key.q))
            rows.append(
                dict(
                    loss=key.loss.id,
                    hardening=key.hardening.family,
                    beta=np.nan if key.hardening.beta is None else key.hardening.beta,
                    q=key.q,
                    k=k,
                    **_average(values, limit.losses.weight[:, [f]]),
                )
            )
    return pd.DataFrame(rows, columns=["loss", "hardening", "beta", "q", "k", *COLUMNS])


def undefined_batches(frame: pd.DataFrame) -> list[str]:
    """What a reader must know of the batches without a loss, a line for each loss and hardening.

    Args:
        frame: with the columns of `minibatch_frame`.
    """
    lost = frame[frame.minibatch_undefined > 0].drop_duplicates(["loss", "hardening", "beta", "k"])
    return [
        f"{loss} ({hardening}): no negative passes in "
        + ", ".join(f"{share:.1%} of batches of {k}" for k, share in zip(of.k, of.minibatch_undefined, strict=True))
        + ": the mini-batch loss is 0/0 there, and its average leaves them out"
        for (loss, hardening), of in lost.groupby(["loss", "hardening"], sort=False)
    ]


def _average(values: Tensor, weight: Tensor) -> dict[str, float]:
    """Of the losses (a, repeats) that are defined, anchors weighing (a, 1); the error is that of a ratio."""
    defined = ~torch.isnan(values)
    mass = float((weight * defined).sum())
    if mass == 0:
        return dict(zip(COLUMNS, (math.nan, math.nan, 1.0), strict=True))
    undefined = 1 - mass / float(weight.sum() * values.shape[1])
    mean = float((weight * values.nan_to_num(0.0)).sum()) / mass
    spread = (weight.square() * torch.where(defined, values - mean, 0.0).var(1, keepdim=True)).sum()
    error = math.sqrt(values.shape[1] * float(spread)) / mass
    return dict(zip(COLUMNS, (mean, error, undefined), strict=True))


def _ratio_rho(limit: LossTable, pool: Pool, k: int, repeats: int, seed: int) -> Tensor:
    """(h, a, repeats) log of the weighted mean of e^t within each batch; NaN where the weights are all zero."""
    variant = limit.variant
    out = []
    for _, drawn in drawn_logits(limit.emb, variant, limit.table.anchors, Tilt(pool, CONSTANT), k * repeats, seed):
        t = drawn.view(len(drawn), repeats, k)
        out.append(
            torch.stack(
                [
                    numerator(h).log(t, variant.temperature).logsumexp(2)
                    - denominator(h).log(t, variant.temperature).logsumexp(2)
                    for h in variant.hardenings
                ]
            )
        )
    return torch.cat(out, 1)


def _positives(limit: LossTable, repeats: int, seed: int) -> Tensor:
    """(a, repeats) logits of positives drawn uniformly from each anchor's; NaN where it has none."""
    emb, variant, anchors = limit.emb, limit.variant, limit.table.anchors
    z = torch.from_numpy(emb.z).reshape(-1, emb.d).to(torch.float64)
    label = torch.from_numpy(emb.y).repeat_interleave(emb.v)
    instance = torch.arange(emb.n).repeat_interleave(emb.v)
    generator = torch.Generator().manual_seed(seed)
    out = []
    for rows in torch.split(anchors, ANCHORS_AT_A_TIME):
        of = instance if variant.positives == "augmentation" else label
        positive = (of[rows][:, None] == of).to(torch.float64)
        if variant.positives == "augmentation" or variant.self_pairs == "exclude":
            positive[torch.arange(len(rows)), rows] = 0
        lonely = positive.sum(1) == 0
        positive[lonely] = 1
        drawn = torch.multinomial(positive, repeats, replacement=True, generator=generator)
        t = torch.gather(z[rows] @ z.T / variant.temperature, 1, drawn)
        out.append(torch.where(lonely[:, None], torch.nan, t))
    return torch.cat(out)
