"""How many negatives are infinite: gaps to the limit at k = 1, 2, 4, ..., and the k in between.

The nodes of the quadrature double from one to the next, so the positives' transform at k / Q for every power of two is
one table, read at an offset: all powers of two together cost one pass over the same-class pairs for each Q.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from boundcheck.estimators.anchor_losses import weighted_mean
from boundcheck.estimators.quadrature import Positives, losses_at
from boundcheck.pairwise.laplace.pools import PoolTransforms
from boundcheck.pairwise.passes import Task, in_parallel


def dyadic_gaps(transforms: PoolTransforms, positives: Positives, most: int) -> Task[tuple[list[int], Tensor]]:
    """Limit less loss over the data's own pools, averaged over anchors.

    Args:
        transforms: of the pools.
        positives: the positives, and the grid of both.
        most: the largest k that is of interest.

    Returns:
        k = 1, 2, 4, ... until `most` is reached, and (f, k) nats.
    """
    limit, grid = positives.limit, positives.grid
    ks = [2**j for j in range(math.ceil(math.log2(most)) + 1)]
    wider = replace(positives, grid=replace(grid, nodes=grid.nodes + len(ks)))
    finite = [q for q in limit.variant.q if not math.isinf(q)]
    tables = dict(zip(finite, (yield from in_parallel(*(wider.transform(1 / q) for q in finite))), strict=True))
    gaps = torch.empty(len(limit.keys), len(ks), dtype=torch.float64)
    for f, key in enumerate(limit.keys):
        deficit, table = transforms.of(key.tilt), tables.get(key.q)
        for j, k in enumerate(ks):
            at = None if table is None else table[:, j : j + grid.nodes]
            gap = limit.per_anchor(key) - losses_at(limit, key, deficit, at, k, grid)
            gaps[f, j] = weighted_mean(gap[:, None], limit.losses.weight[:, [f]])[0]
    return ks, gaps


def least_k(ks: list[int], gaps: Tensor, epsilon: float) -> float:
    """Where falling gaps (k,) reach epsilon, inf where they do not.

    Between powers of two log gap is a monotone cubic in log k; for large k it falls at slope -1.
    """
    j = next((j for j, gap in enumerate(gaps.tolist()) if gap <= epsilon), None)
    if j is None or j == 0:
        return math.inf if j is None else 1.0
    from scipy.interpolate import PchipInterpolator  # half a second to import
    from scipy.optimize import brentq

    # What is left of a gap beyond a thousandth of epsilon is the quadrature's error.
    curve = PchipInterpolator(np.log(ks), np.log(gaps.clamp_min(epsilon / 1000).numpy()))
    at = brentq(lambda x: float(curve(x)) - math.log(epsilon), math.log(ks[j - 1]), math.log(ks[j]))
    return float(math.ceil(math.exp(at) - 1e-9))
