"""Near-duplicates: instances whose embeddings all but agree, joined into clusters.

Two texts that differ in a signature, two frames of a video: they are not two draws from the population, and a steep
tilt reads little else. Where most instances have such a neighbour it is the encoder that tells nothing apart.
How standard errors take a cluster for one draw: docs/theory.md, eq. (91).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from boundcheck.embeddings.set import EmbeddingSet
from boundcheck.errors import InputError

COSINE = 0.98
FEWEST = 0.2  # clusters for each instance: fewer are no duplicates but an encoder that lets classes collapse
MOST_SEARCHED = 40_000  # instances compared with each other
_ROWS = 1024


@dataclass(frozen=True)
class Duplicates:
    """Clusters of near-duplicates.

    Attributes:
        cluster: (n,) the cluster of every instance; one of its own where it has no near-duplicate.
        cosine: above which two instances are joined.
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
    """Clusters of instances joined by a pair of views above a cosine; None where there are none, or too many to be any.

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
    z = np.asarray(emb.z[some], dtype=np.float32)
    z = z / np.linalg.norm(z, axis=2, keepdims=True)
    rows, columns = [], []
    for start in range(0, len(some), _ROWS):
        block = z[start : start + _ROWS]
        best = np.max([block[:, a] @ z[:, b].T for a in range(emb.v) for b in range(emb.v)], axis=0)
        row, column = np.nonzero(best >= cosine)
        rows.append(row + start)
        columns.append(column)
    at = np.concatenate(rows), np.concatenate(columns)
    joined = coo_array((np.ones(len(at[0]), dtype=bool), at), shape=(len(some), len(some)))
    _, found = connected_components(joined, directed=False)
    cluster = np.arange(emb.n)
    cluster[some] = emb.n + found
    _, cluster = np.unique(cluster, return_inverse=True)
    duplicates = Duplicates(cluster, cosine)
    return duplicates if duplicates.instances and len(duplicates.first) >= FEWEST * emb.n else None
