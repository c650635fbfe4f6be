"""The same estimates from disjoint parts of the instances: do they still move with n?

The parts make up the sample, so that first-order errors of their average are those of the whole and cancel in the
difference: what remains is the bias that falls with n.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from boundcheck.errors import InputError
from boundcheck.estimators.exact import exact_losses, pair_plan
from boundcheck.estimators.records import LossTable
from boundcheck.pairwise.passes import run_one
from boundcheck.pairwise.plan import Tally
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.spec import Execution

HALVES = 6_000  # anchors up to which halves are taken, for half the work again; quarters beyond, for a quarter


def with_parts(losses: LossTable, execution: Execution, tally: Tally) -> LossTable:
    """The table with what its estimates are from parts; as it is where there is no step to a population.

    Args:
        losses: over all instances.
        execution: device, precision and the seed of the parts.
        tally: where passes are counted.
    """
    emb, anchors = losses.emb, losses.table.anchors
    if losses.influence is None or losses.variant.self_pairs == "include" or isinstance(emb, ShardedEmbeddings):
        return losses
    pieces = 2 if emb.n * emb.v <= HALVES else 4
    order = np.random.default_rng([execution.seed, 5]).permutation(emb.n)
    quiet = replace(execution, progress=None)
    found = [_of_part(losses, np.sort(part), anchors, quiet, tally) for part in np.array_split(order, pieces)]
    return replace(losses, in_parts=torch.stack(found).mean(0), pieces=pieces)


def _of_part(losses: LossTable, part: np.ndarray, anchors: Tensor, execution: Execution, tally: Tally) -> Tensor:
    """(f,) corrected means; NaN where the part is too small for them."""
    try:
        few = losses.emb.subset(part)
        variant = losses.variant.on(few)
    except InputError:
        return torch.full((len(losses.keys),), torch.nan, dtype=torch.float64)
    plan = pair_plan(few, variant, execution, tally)
    if len(anchors) < losses.emb.n * losses.emb.v:
        v = losses.emb.v
        inside = torch.from_numpy(np.isin(anchors.numpy() // v, part))
        instance = torch.from_numpy(np.searchsorted(part, anchors[inside].numpy() // v))
        plan = plan.of(instance * v + anchors[inside] % v)
    table = run_one(plan, exact_losses(few, variant, plan))
    return table.losses.mean + table.correction
