"""What else the sample says of its estimates: other corrections of their bias, near-duplicates.

A second correction of the bias, from disjoint parts of the instances: do the two agree?

Plug-in means from g parts of n / g instances, averaged, differ from those of all n by their bias alone, as the parts
make up the sample and first-order errors cancel. Were the bias b / n, P_n + (P_n - P_{n/g}) / (g - 1) would be free of
it (Richardson), as the jackknife's correction is. Where the two differ, terms beyond 1 / n are left in both.
docs/theory.md, eq. (88).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from boundcheck.embeddings.duplicates import COSINE, MOST_SEARCHED, near_duplicates
from boundcheck.errors import InputError
from boundcheck.estimators.exact import exact_losses, pair_plan
from boundcheck.estimators.records import LossTable
from boundcheck.estimators.shares import MarginSummary
from boundcheck.hardening import Hardening
from boundcheck.pairwise.passes import run_one
from boundcheck.pairwise.plan import Tally
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.spec import Execution

MOST_SPLITS = 8  # averaged over, of a sample so small that they cost next to nothing
HALVES = 6_000  # anchors up to which halves are taken, with half the pairs; quarters beyond, with a quarter


def with_parts(losses: LossTable, execution: Execution, tally: Tally) -> LossTable:
    """The table with its estimates by parts; as it is where there is no step to a population.

    Args:
        losses: over all instances.
        execution: device, precision and the seed of the parts.
        tally: where passes are counted.
    """
    emb = losses.emb
    if losses.influence is None or losses.variant.self_pairs == "include" or isinstance(emb, ShardedEmbeddings):
        return losses
    pieces = 2 if emb.n * emb.v <= HALVES else 4
    rng = np.random.default_rng([execution.seed, 5])
    quiet = replace(execution, progress=None)
    times = max(1, min(MOST_SPLITS, HALVES // (emb.n * emb.v)))
    parts = [part for _ in range(times) for part in np.array_split(rng.permutation(emb.n), pieces)]
    found = [_of_part(losses, np.sort(part), quiet, tally) for part in parts]
    plugin = losses.losses.mean
    means = torch.stack([part.mean for part in found])
    extrapolated = plugin + (plugin - means.mean(0)) / (pieces - 1) + losses.shift
    margins = {
        h: _not_settled(summary, float(np.mean([part.shares[h] for part in found])), pieces)
        for h, summary in losses.margins.items()
    }
    return replace(losses, by_parts=extrapolated, pieces=pieces, margins=margins)


def _not_settled(summary: MarginSummary, in_parts: float, pieces: int) -> MarginSummary:
    """The margins with what their share may yet change by as pools grow, docs/theory.md, eq. (103)."""
    rest = (summary.share.value - in_parts) / (math.sqrt(pieces) - 1)
    share = replace(summary.share, rest=0.0 if math.isnan(rest) else rest)
    return replace(summary, share=share, in_parts=in_parts)


def with_duplicates(losses: LossTable, execution: Execution, tally: Tally, group: bool) -> LossTable:
    """The table with its near-duplicates and what dropping all but one of each cluster does to the plug-in means.

    Args:
        losses: over all instances.
        execution: device and precision.
        tally: where passes are counted.
        group: whether standard errors take a cluster for one draw.
    """
    emb = losses.emb
    if losses.influence is None or losses.exhaustive or not emb.unit_norm or isinstance(emb, ShardedEmbeddings):
        return losses
    nearest = np.full(emb.n, -np.inf)
    np.maximum.at(nearest, losses.table.anchors.numpy() // emb.v, losses.table.largest.amax(1).numpy())
    nearest *= losses.variant.temperature
    if np.count_nonzero(nearest >= COSINE) > MOST_SEARCHED:
        return losses
    found = near_duplicates(emb, nearest)
    if found is None:
        return losses
    fewer = _of_part(losses, found.first, replace(execution, progress=None), tally)
    margins = {h: replace(summary, dropped=fewer.shares[h]) for h, summary in losses.margins.items()}
    losses = replace(losses, duplicates=found, dropped=fewer.mean, margins=margins)
    return _grouped(losses, torch.from_numpy(found.cluster)) if group else losses


def _grouped(losses: LossTable, clusters: Tensor) -> LossTable:
    """The table with a cluster for one draw, in the shares of Assumption 1 too."""
    losses, margins = replace(losses, clusters=clusters), {}
    for h, summary in losses.margins.items():
        share = summary.share
        if summary.influence is not None:
            share = replace(share, n=min(share.n, int(clusters.max()) + 1))
            share = share.with_pools(*losses.spread(summary.influence))
        margins[h] = replace(summary, share=share)
    return replace(losses, margins=margins)


@dataclass(frozen=True)
class _Part:
    """What some of the instances say; of a part of a million no more is kept.

    Attributes:
        mean: (f,) plug-in losses; NaN where the part is too small for them.
        shares: of Assumption 1, likewise.
    """

    mean: Tensor
    shares: dict[Hardening, float]


def _of_part(losses: LossTable, part: np.ndarray, execution: Execution, tally: Tally) -> _Part:
    """The plug-in losses of some instances, ascending, over the anchors of the table among them."""
    anchors = losses.table.anchors
    try:
        few = losses.emb.subset(part)
        variant = losses.variant.on(few)
    except InputError:
        return _Part(losses.losses.mean * math.nan, dict.fromkeys(losses.margins, math.nan))
    plan = pair_plan(few, variant, execution, tally)
    if len(anchors) < losses.emb.n * losses.emb.v:
        v = losses.emb.v
        inside = torch.from_numpy(np.isin(anchors.numpy() // v, part))
        instance = torch.from_numpy(np.searchsorted(part, anchors[inside].numpy() // v))
        plan = plan.of(instance * v + anchors[inside] % v)
    table = run_one(plan, exact_losses(few, variant, plan, intervals=False))
    return _Part(table.losses.mean, {h: summary.share.value for h, summary in table.margins.items()})
