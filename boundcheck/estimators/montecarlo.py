"""The Monte Carlo estimator: sampled anchors, and optionally k negatives drawn for each from the tilted pool.

docs/theory.md, eq. (61) and eq. (14):

    L^(k) = E log(1 + (Q / k) sum_{i <= k} e^{t_ai - t_ap}),    negatives i.i.d. with weights w_b eta(t_ab)

The draws are exact (inverse CDF over the whole pool, no importance weights). Without `negatives` the sampled anchors
are compared with all candidates: the limit, unbiased over anchors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.anchor_losses import anchor_losses, instance_weights
from boundcheck.estimators.dense import in_pool
from boundcheck.estimators.exact import assemble, exact_losses, leave_one_out, pair_plan, with_groups
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.hardening import denominator, terms_for
from boundcheck.losses import Tilt
from boundcheck.options import check, whole
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.passes import Task, in_parallel, run_one
from boundcheck.pairwise.plan import PairPlan
from boundcheck.spec import Execution, Variant

# Uniforms are drawn in blocks of this many anchors, whatever the batch size: same seed, same numbers.
ANCHORS_AT_A_TIME = 32
DEFAULT_ANCHORS = 2000


def montecarlo(
    emb: EmbeddingSet,
    variant: Variant,
    execution: Execution | None = None,
    *,
    negatives: int | None = None,
    intervals: bool = True,
) -> LossTable:
    """The losses from sampled anchors; the record is that of the exact estimator.

    Args:
        emb: embeddings and labels.
        variant: of the losses.
        execution: `anchors` is how many to sample without replacement (None means min(all, 2000)), `seed` that of
            anchors and negatives.
        negatives: k, the number of negatives of each anchor; None means the limit.
        intervals: False leaves standard errors out.

    Returns:
        The table; standard errors cover the sampled anchors, the draws, and the sample of candidates: the target is the
        population. A finite-population correction has no place there, as anchors left out are as random as those in;
        `LossTable.sampling_error` is the error about the data set's own value, with that correction.

    Raises:
        InputError: more anchors than there are, fewer than two, or k < 1.
    """
    execution, variant = execution or Execution(), variant.on(emb)
    check("negatives", negatives, whole(1), optional=True)
    asked = execution.anchors
    some = sampled_anchors(emb, DEFAULT_ANCHORS if asked is None else asked, execution.seed, at_most=asked is None)
    plan = pair_plan(emb, variant, execution).of(some)
    if negatives is None:
        task = exact_losses(emb, variant, plan, intervals)
    else:
        task = _drawn_losses(emb, variant, plan, negatives, execution.seed, intervals)
    return replace(run_one(plan, task, execution.progress), estimator="montecarlo")


def _drawn_losses(
    emb: EmbeddingSet, variant: Variant, plan: PairPlan, k: int, seed: int, intervals: bool
) -> Task[LossTable]:
    start, before = time.perf_counter(), plan.tally.pairs
    table = yield LogSumsOf(terms_for(variant.hardenings))
    by_tilt = {tilt: _drawn_rho(emb, variant, table.anchors, tilt, k, seed) for tilt in _tilts(variant)}
    rho = torch.stack([by_tilt[key.tilt] for key in variant.keys], 1)
    limit, losses = yield from in_parallel(
        anchor_losses(emb, variant, table), anchor_losses(emb, variant, table, rho=rho)
    )
    # As candidates the instances act through the limit's rho, whose slopes the draws share to first order.
    effects = (yield from leave_one_out(emb, variant, table, limit)) if intervals else None
    cost = Cost(plan.tally.pairs - before, time.perf_counter() - start)
    return assemble(emb, variant, table, losses, effects, intervals, cost, k=k)


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


def _tilts(variant: Variant) -> list[Tilt]:
    """The distinct ones: losses that differ in Q share their draws."""
    return list(dict.fromkeys(key.tilt for key in variant.keys))


def _drawn_rho(emb: EmbeddingSet, variant: Variant, anchors: Tensor, tilt: Tilt, k: int, seed: int) -> Tensor:
    """log mean of e^t over k negatives drawn from the tilted pool of each anchor, (a,); NaN for an empty pool."""
    draws = drawn_logits(emb, variant, anchors, tilt, k, seed)
    return torch.cat([torch.logsumexp(t, 1) - np.log(k) for _, t in draws])


def drawn_logits(
    emb: EmbeddingSet, variant: Variant, anchors: Tensor, tilt: Tilt, k: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits of k negatives of each anchor, drawn i.i.d. from its tilted pool; in blocks of anchors.

    The uniforms depend on (seed, anchor block) alone, so that the losses' gaps profit from common random numbers.

    Yields:
        Anchors (rows,) and logits (rows, k); NaN where the pool is empty.
    """
    emb = with_groups(emb, variant)
    n, v, d = emb.z.shape
    z = torch.from_numpy(emb.z).reshape(-1, d).to(torch.float64)
    weight = instance_weights(torch.from_numpy(emb.y), variant.class_prior).log().repeat_interleave(v)
    for block, rows in enumerate(torch.split(anchors, ANCHORS_AT_A_TIME)):
        uniforms = torch.from_numpy(np.random.default_rng([seed, 1, block]).random((len(rows), k)))
        t = z[rows] @ z.T / variant.temperature
        log_p = denominator(tilt.hardening).log(t, variant.temperature) + weight
        log_p = log_p.masked_fill(~in_pool(emb, rows, tilt.pool, variant.self_pairs), -torch.inf)
        top = log_p.amax(1, keepdim=True)
        cdf = (log_p - torch.where(top == -torch.inf, 0.0, top)).exp().cumsum(1)
        # Scaling by the last value keeps u below the total, so that the draw is never past the last candidate.
        drawn = torch.searchsorted(cdf, uniforms * cdf[:, -1:], right=True).clamp_max(n * v - 1)
        yield rows, torch.where(top == -torch.inf, torch.nan, torch.gather(t, 1, drawn))
