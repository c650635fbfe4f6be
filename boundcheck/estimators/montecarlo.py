"""The Monte Carlo estimator: sampled anchors, and optionally k negatives drawn for each from the tilted pool.

    L^(k) = E log(1 + (Q / k) sum_{i <= k} e^{t_ai - t_ap}),    negatives i.i.d. with weights w_b eta(t_ab)

The draws are exact (inverse CDF over the whole pool, no importance weights). Without `negatives` the sampled anchors
are compared with all candidates: the limit, unbiased over anchors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.exact import assemble, exact, functionals, pair_plan
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.hardening import denominator
from boundcheck.losses import LossKey, LossSpec, anchor_losses, instance_weights
from boundcheck.pairwise.cumulants import cumulant_table, terms_for
from boundcheck.pairwise.jackknife.functionals import Tilt
from boundcheck.pairwise.jackknife.leave_out import leave_one_out
from boundcheck.pairwise.tiles import Progress

# Uniforms are drawn in blocks of this many anchors, whatever the batch size: same seed, same numbers.
BLOCK = 32
DEFAULT_ANCHORS = 2000


def montecarlo(
    emb: EmbeddingSet,
    spec: LossSpec,
    *,
    anchors: int | None = None,
    negatives: int | None = None,
    seed: int = 0,
    intervals: bool = True,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
) -> LossTable:
    """The losses from sampled anchors; the record is that of the exact estimator.

    Args:
        emb: embeddings and labels.
        spec: the variant of the losses.
        anchors: how many anchors m to sample without replacement; None means min(all, 2000).
        negatives: k, the number of negatives of each anchor; None means the limit.
        seed: of anchors and negatives.
        intervals: False leaves standard errors out.
        device: where tiles are computed.
        precision: of the products.
        progress: called as anchors are finished.

    Returns:
        The table; standard errors cover the sampled anchors, the draws, and the sample of candidates: the target is the
        population. A finite-population correction has no place there, as anchors left out are as random as those in;
        `LossTable.sampling_error` is the error about the data set's own value, with that correction.

    Raises:
        InputError: more anchors than there are, fewer than two, or k < 1.
    """
    if negatives is not None and negatives < 1:
        raise InputError(f"negatives: must be at least 1, received {negatives}")
    start = time.perf_counter()
    some = sampled_anchors(emb, DEFAULT_ANCHORS if anchors is None else anchors, seed, at_most=anchors is None)
    if negatives is None:
        result = exact(
            emb, spec, intervals=intervals, anchors=some, device=device, precision=precision, progress=progress
        )
        return LossTable(**{**vars(result), "estimator": "montecarlo"})

    z, y = torch.from_numpy(emb.z), torch.from_numpy(emb.y)
    plan = pair_plan(emb, spec, anchors=some, device=device, precision=precision)
    table = cumulant_table(plan, terms_for(spec.all_hardenings), progress)
    limit = anchor_losses(z, y, plan, table, spec)
    rho = torch.stack([_drawn_rho(emb, spec, table.anchors, key, negatives, seed) for key in _by_tilt(spec)], 1)
    tilts = [key.tilt for key in _by_tilt(spec)]
    rho = rho[:, [tilts.index(key.tilt) for key in spec.keys]]
    losses = anchor_losses(z, y, plan, table, spec, rho=rho)
    effects = None
    if intervals and spec.self_pairs == "exclude":
        # As candidates the instances act through the limit's rho, whose slopes the draws share to first order.
        effects = leave_one_out(plan, table, functionals(emb, spec, table, limit), progress)
    return assemble(
        emb,
        spec,
        table,
        losses,
        effects,
        intervals,
        Cost(3 * plan.pairs, time.perf_counter() - start),
        estimator="montecarlo",
        k=negatives,
    )


def sampled_anchors(emb: EmbeddingSet, m: int, seed: int, at_most: bool = False) -> Tensor:
    """(m,) original anchor indices, ascending, drawn without replacement; all there are, if fewer, with `at_most`.

    Raises:
        InputError: more anchors than there are, or fewer than two.
    """
    total = emb.n * emb.v
    m = min(m, total) if at_most else m
    if not 2 <= m <= total:
        raise InputError(f"anchors: must be between 2 and the {total} there are, received {m}")
    # The start of one permutation: with the same seed, a larger sample contains the smaller.
    return torch.from_numpy(np.sort(np.random.default_rng([seed, 0]).permutation(total)[:m]))


def _by_tilt(spec: LossSpec) -> list[LossKey]:
    """One key for each distinct tilt: keys that differ in Q share their draws."""
    return list({key.tilt: key for key in spec.keys}.values())


def _drawn_rho(emb: EmbeddingSet, spec: LossSpec, anchors: Tensor, key: LossKey, k: int, seed: int) -> Tensor:
    """log mean of e^t over k negatives drawn from the tilted pool of each anchor, (a,); NaN for an empty pool."""
    draws = drawn_logits(emb, spec, anchors, key.tilt, k, seed)
    return torch.cat([torch.logsumexp(t, 1) - np.log(k) for _, t in draws])


def drawn_logits(
    emb: EmbeddingSet, spec: LossSpec, anchors: Tensor, tilt: Tilt, k: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits of k negatives of each anchor, drawn i.i.d. from its tilted pool; in blocks of anchors.

    The uniforms depend on (seed, anchor block) alone, so that the losses' gaps profit from common random numbers.

    Yields:
        Anchors (rows,) and logits (rows, k); NaN where the pool is empty.
    """
    n, v, d = emb.z.shape
    z = torch.from_numpy(emb.z).reshape(-1, d).to(torch.float64)
    y = torch.from_numpy(emb.y)
    weight = instance_weights(y, spec.class_prior).log().repeat_interleave(v)
    instance = torch.arange(n).repeat_interleave(v)
    label = y.repeat_interleave(v)
    for block, rows in enumerate(torch.split(anchors, BLOCK)):
        uniforms = torch.from_numpy(np.random.default_rng([seed, 1, block]).random((len(rows), k)))
        t = z[rows] @ z.T / spec.temperature
        log_p = denominator(tilt.hardening).log(t, spec.temperature) + weight
        excluded = label[rows][:, None] == label if tilt.pool == "diff" else torch.zeros_like(t, dtype=torch.bool)
        if spec.self_pairs == "exclude":
            excluded = excluded | (instance[rows][:, None] == instance)
        log_p = log_p.masked_fill(excluded, -torch.inf)
        top = log_p.amax(1, keepdim=True)
        cdf = (log_p - torch.where(top == -torch.inf, 0.0, top)).exp().cumsum(1)
        # Scaling by the last value keeps u below the total, so that the draw is never past the last candidate.
        drawn = torch.searchsorted(cdf, uniforms * cdf[:, -1:], right=True).clamp_max(n * v - 1)
        yield rows, torch.where(top == -torch.inf, torch.nan, torch.gather(t, 1, drawn))
