"""The error of the nearest class mean from m instances of each class, measured over many draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

MOST_QUERIES = 2000  # of each draw


def few_shot_errors(
    x: Float[np.ndarray, "n d"],
    y: Int[np.ndarray, " n"],
    shots: Sequence[int],
    keys: Float[np.ndarray, "e n"],
) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, "s c c"]]:
    """Mean errors over draws; the instances of the draws are the m of each class with the smallest keys.

    So a draw changes little when a few instances leave, which is what a jackknife needs. The queries are instances
    outside the largest draw. Ties are errors.

    Args:
        x: features.
        y: class codes 0..c-1, each class with more instances than the largest number of shots.
        shots: numbers of instances m.
        keys: (e, n) uniform random numbers, a row for each of e draws.

    Returns:
        Errors with classes counting alike; for every ordered pair (i, j), the share of class i that lies at least as
        near to the mean of class j as to its own (0 on the diagonal).
    """
    c, most = int(y.max()) + 1, max(shots)
    starts = np.r_[0, np.cumsum(np.bincount(y))[:-1]]
    errors, pairs = np.zeros(len(shots)), np.zeros((len(shots), c, c))
    for key in keys:
        order = np.lexsort((key, y))
        drawn = order[starts[:, None] + np.arange(most)]  # (c, most)
        sums = np.cumsum(x[drawn], axis=1)
        means = np.stack([sums[:, m - 1] / m for m in shots])  # (s, c, d)
        rest = np.ones(len(y), dtype=bool)
        rest[drawn] = False
        queries = np.flatnonzero(rest)
        if len(queries) > MOST_QUERIES:
            queries = queries[np.argsort(key[queries])[:MOST_QUERIES]]
        label = y[queries]
        inner = (x[queries] @ means.reshape(-1, x.shape[1]).T).reshape(len(queries), len(shots), c)
        distance = np.square(means).sum(2) - 2 * inner  # (q, s, c), less |x|^2
        own = np.take_along_axis(distance, label[:, None, None], 2)
        nearer = distance <= own
        np.put_along_axis(nearer, np.broadcast_to(label[:, None, None], own.shape), False, 2)
        here = np.bincount(label, minlength=c)
        weight = 1 / np.maximum(here, 1)[label] / (here > 0).sum()
        errors += np.einsum("q,qs->s", weight, nearer.any(2))
        for i in np.flatnonzero(here):
            pairs[:, i] += nearer[label == i].mean(0)
    return errors / len(keys), pairs / len(keys)
