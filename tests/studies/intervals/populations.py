"""Finite sets that stand for populations: real ones, near-duplicates, two views, heavy tails; each seen whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.studies.validity.populations import _TAILS, Closed
from tests.studies.validity.sets import load

SEED = 20220904
MOST = 5000  # instances: the truth of some statistics takes all pairs
FEWEST = 2  # instances of a class in a sample: diagnostics need them


@dataclass(frozen=True, eq=False)
class Set:
    """A population.

    Attributes:
        z: (n, v, d) unit rows in float32.
        y: (n,) class codes.
        other: (n, e) the same instances by another encoder.
        outside: (m, d) data of none of the classes, the same for every sample.
    """

    z: np.ndarray
    y: np.ndarray
    other: np.ndarray
    outside: np.ndarray

    def chosen(self, n: int, seed: int, fewest: int = FEWEST) -> np.ndarray:
        """(n,) places of a sample without replacement, drawn again until every class has the fewest."""
        rng = np.random.default_rng([SEED, seed, n])
        while True:
            chosen = rng.choice(len(self.y), n, replace=False)
            if np.bincount(self.y[chosen], minlength=self.y.max() + 1).min() >= fewest:
                return chosen


def _of(z: np.ndarray, y: np.ndarray, other: np.ndarray | None = None) -> Set:
    """The classes but the last, whose rows are the data from outside; at most `MOST` instances."""
    if other is None:  # a random projection to a quarter of the dimensions
        rng = np.random.default_rng(SEED)
        other = z[:, 0] @ rng.standard_normal((z.shape[2], max(2, z.shape[2] // 4))).astype(np.float32)
        other = other / np.linalg.norm(other, axis=1, keepdims=True)
    kept = np.flatnonzero(y < y.max())
    kept = np.sort(np.random.default_rng(SEED).permutation(kept)[:MOST])
    return Set(z[kept], y[kept], other[kept], z[y == y.max(), 0])


def digits() -> Set:
    """1,617 handwritten digits, the nines left out, as their 16 leading principal components."""
    return _of(*load("digits"))


def fashion() -> Set:
    """5,000 pictures by a small trained network (64 dimensions), and by their 32 leading principal components."""
    z, y = load("fashion")
    return _of(z, y, load("fashion_pca")[0][:, 0])


def fashion_views() -> Set:
    """4,500 pictures in two random views by the same network."""
    return _of(*load("fashion_views"))


def newsgroups() -> Set:
    """5,000 posts of six groups by a sentence encoder; a tenth has a near-duplicate."""
    z, y = load("newsgroups")
    kept = y < 7
    return _of(z[kept], y[kept])


def heavy_tails() -> Set:
    """Two views of 5,000 points about nine vertices: nine in ten near, one in ten far out."""
    return _of(*_normalised(*Closed(_TAILS, 2).sample(MOST * 10 // 9 + 100, "iid", SEED)))


def _normalised(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (z / np.linalg.norm(z, axis=-1, keepdims=True)).astype(np.float32), y


_MADE = {
    "digits": digits, "fashion": fashion, "fashion, two views": fashion_views, "newsgroups": newsgroups,
    "heavy tails, two views": heavy_tails,
}  # fmt: skip
POPULATIONS = tuple(_MADE)


@cache
def population(name: str) -> Set:
    """By name, made once."""
    return _MADE[name]()
