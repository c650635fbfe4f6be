"""Near-duplicates: instances whose embeddings all but agree, joined into clusters.

Two texts that differ in a signature, two frames of a video: they are not two draws from the population, and a steep
tilt reads little else. They stand apart: what is no copy is far from all of a cluster. In a class that an encoder packs
densely neighbours are as near, but each has others about as near as they are: these are draws like any others.
How standard errors take a cluster for one draw: docs/theory.md, eq. (91).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from boundcheck.embeddings.set import EmbeddingSet
from boundcheck.errors import InputError

COSINE = 0.98
# How many times as far as the nearest within a cluster (in 1 - cosine) the nearest outside must be. Of points spread
# evenly in m dimensions one in 3^m is so by chance.
APART = 10.0
IDENTICAL = 1 - 1e-5  # where clusters do not stand apart, copies within them are looked for
FEWEST = 0.2  # clusters for each instance: fewer are no duplicates but an encoder that lets classes collapse
MOST_SEARCHED = 40_000  # instances compared with each other
_ROWS = 1024


@dataclass(frozen=True)
class Duplicates:
    """Clusters of near-duplicates.

    Attributes:
        cluster: (n,) the cluster of every instance; one of its own where it has no near-duplicate.
        cosine: above which two instances are joined, if their cluster stands apart.
    """

    cluster: np.ndarray
    cosine: float

    @property
    def sizes(self) -> np.ndarray:
        """(m,) instances of each cluster of two or more."""
        counts = np.bincount(self.cluster)
        return counts[counts > 1]

    @property
    def instances(self) -> int:
        """How many have a near-duplicate."""
        return int(self.sizes.sum())

    @property
    def first(self) -> np.ndarray:
        """The first instance of every cluster, ascending."""
        return np.sort(np.unique(self.cluster, return_index=True)[1])


def near_duplicates(emb: EmbeddingSet, nearest: np.ndarray | None = None, cosine: float = COSINE) -> Duplicates | None:
    """Clusters of instances joined by a pair of views above a cosine, and apart from all others; None without any.

    Args:
        emb: of unit norm.
        nearest: (n,) cosine of each instance with its nearest other one, where that is known: only those above are
            searched.
        cosine: above which two are joined.

    Raises:
        InputError: more instances than can be compared with each other.
    """
    some = np.arange(emb.n) if nearest is None else np.flatnonzero(nearest >= cosine)
    if not len(some):
        return None
    if len(some) > MOST_SEARCHED:
        raise InputError(
            f"duplicates: at most {MOST_SEARCHED:,} instances are compared with each other, received {len(some):,}; "
            "use duplicates=keep"
        )
    cluster = np.arange(emb.n)
    for at in (cosine, max(cosine, IDENTICAL)):
        joined = _joined(emb.z, some[cluster[some] < emb.n], at, FEWEST * emb.n)
        if joined is None:
            continue
        members, found = joined
        apart = _standing_apart(emb.z, members, found)
        first = members[np.unique(found, return_index=True)[1]]
        cluster[members[apart]] = emb.n + first[found[apart]]
    _, cluster = np.unique(cluster, return_inverse=True)
    duplicates = Duplicates(cluster, cosine)
    return duplicates if duplicates.instances else None


def _joined(z: np.ndarray, some: np.ndarray, cosine: float, fewest: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Those of some instances that a pair of views above a cosine joins to another, and their components 0, 1, ...

    None without any, or where fewer than so many components of all instances are left: once they are, no pair more can
    add one, and a densely packed encoder is seen to be one by its first rows.
    """
    from scipy.sparse import coo_array  # a tenth of a second to import
    from scipy.sparse.csgraph import connected_components

    count = len(some)
    found: np.ndarray = np.arange(count)
    for start, best in _best(z, some, some, once=True):
        row, column = np.nonzero(best >= cosine)
        ends = found[row + start], found[column + start]
        joined = coo_array((np.ones(len(row), dtype=bool), ends), shape=(count, count))
        count, merged = connected_components(joined, directed=False)
        found = merged[found]
        if len(z) - len(some) + count < fewest:
            return None
    repeated = np.bincount(found, minlength=1)[found] > 1
    return (some[repeated], np.unique(found[repeated], return_inverse=True)[1]) if repeated.any() else None


def _standing_apart(z: np.ndarray, some: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Mask over some instances: those in a cluster that all others are `APART` times as far from as its members are.

    Args:
        z: (n, v, d) all instances.
        some: (s,) the members of clusters.
        found: (s,) the cluster of each.
    """
    code = np.full(len(z), -1)
    code[some] = found
    inner, outer = np.zeros(found.max() + 1), np.full(found.max() + 1, np.inf)
    for start, best in _best(z, some, np.arange(len(z))):
        own = slice(start, start + len(best))
        best[np.arange(len(best)), some[own]] = -np.inf  # no instance is near itself
        same = code == found[own, None]
        np.maximum.at(inner, found[own], 1 - np.where(same, best, -np.inf).max(1))
        np.minimum.at(outer, found[own], 1 - np.where(same, -np.inf, best).max(1))
    return np.asarray((outer >= APART * inner)[found])


def _best(
    z: np.ndarray, some: np.ndarray, others: np.ndarray, *, once: bool = False
) -> Iterator[tuple[int, np.ndarray]]:
    """The best cosine over views of some instances, a few at a time, with others: where they start, (rows, others).

    With `once` others are the same instances and each pair is met once: the others are those from the first row on.
    """
    one, two = (_unit(z[index]) for index in (some, others))
    for start in range(0, len(some), _ROWS):
        block, rest = one[start : start + _ROWS], two[start if once else 0 :]
        best = block[:, 0] @ rest[:, 0].T
        for a, b in list(np.ndindex(z.shape[1], z.shape[1]))[1:]:
            np.maximum(best, block[:, a] @ rest[:, b].T, out=best)
        yield start, best


def _unit(z: np.ndarray) -> np.ndarray:
    z = np.asarray(z, dtype=np.float32)
    return np.asarray(z / np.linalg.norm(z, axis=2, keepdims=True))
