"""One row of the atlas: a data set by an encoder, and how its embeddings are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from boundcheck.embeddings import EmbeddingSet

MODALITIES = ("text", "images", "series", "graphs")


@dataclass(frozen=True)
class Making:
    """What every entry is made with.

    Attributes:
        instances: the most that are taken of a data set.
        seed: of what is drawn and of what is fitted at random.
        folder: keeps encoders that are trained on the way.
        data_dir: folder of image data sets, as of `load_dataset`.
    """

    instances: int
    seed: int
    folder: Path
    data_dir: Path | None = None

    def drawn(self, n: int) -> np.ndarray:
        """Positions of the instances to take of n, ascending; all where there are no more than `instances`."""
        return np.sort(np.random.default_rng(self.seed).permutation(n)[: self.instances])


@dataclass(frozen=True)
class Entry:
    """A data set by an encoder.

    Attributes:
        data: the data set.
        modality: one of `MODALITIES`, or another of the user's own.
        encoder: what turns an instance into a vector.
        needs: distributions of the registry that hold the data or the encoder, beyond those boundcheck depends on.
        make: the embeddings.
    """

    data: str
    modality: str
    encoder: str
    needs: tuple[str, ...]
    make: Callable[[Making], EmbeddingSet]

    @property
    def name(self) -> str:
        """In the tables."""
        return f"{self.data}, {self.encoder}"


def rows_of(z: np.ndarray, labels: ArrayLike, source: str) -> EmbeddingSet:
    """Rows (n, d) with their labels, without rows of norm zero, which have no direction.

    Args:
        z: features.
        labels: (n,) of any kind; they become text.
        source: what made the rows, kept with how many were left out.
    """
    there = np.linalg.norm(z, axis=1) > 0
    meta = {"source": source, "zero_rows_left_out": int((~there).sum())}
    ids = np.flatnonzero(there).astype(str)
    return EmbeddingSet(z[there].astype(np.float32), np.asarray(labels).astype(str)[there], ids, meta)
