"""The inner loop of Laplace transforms over one tile, compiled; as `population.loops`, and apart for the same reason:
kept machine code is renewed when the file of its own source changes."""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from boundcheck.pairwise.loops import SUMS, machine_code


@machine_code(SUMS)
@no_type_check
def doubling_sums(fresh, every, weights, nodes):
    """Weighted sums of y_g = 1 - e^{-2^g x} over each row, y_{g+1} = y_g (2 - y_g).

    Args:
        fresh: (f, a, b) y at the nodes 0, every, 2 every, ...
        every: nodes between them.
        weights: (h, a, b), in the precision of y.
        nodes: how many.

    Returns:
        (h, g, a) sums.
    """
    _, a, b = fresh.shape
    sums = np.empty((len(weights), nodes, a), fresh.dtype)
    y = np.empty(b, fresh.dtype)
    two = fresh.dtype.type(2)
    for i in range(a):
        for node in range(nodes):
            if node % every == 0:
                for j in range(b):
                    y[j] = fresh[node // every, i, j]
            else:
                for j in range(b):
                    y[j] *= two - y[j]
            for h in range(len(weights)):
                total = fresh.dtype.type(0)
                for j in range(b):
                    total += weights[h, i, j] * y[j]
                sums[h, node, i] = total
    return sums
