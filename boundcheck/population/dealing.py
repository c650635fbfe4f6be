"""Embeddings dealt to several ranks: each keeps a shard, the first keeps the whole on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.population.plan import Shard, sorted_order
from boundcheck.population.sharing import Ring, shard_edges
from boundcheck.workers import Workers, meeting


@dataclass(frozen=True, eq=False, init=False, repr=False)
class DealtEmbeddings(EmbeddingSet):
    """An embedding set whose pairs all ranks visit together; `z` is mapped from a temporary file.

    Attributes:
        ring: the first rank's.
    """

    ring: Ring

    def __init__(self, emb: EmbeddingSet, z: np.ndarray, ring: Ring) -> None:
        put = object.__setattr__
        for field in fields(EmbeddingSet):
            put(self, field.name, getattr(emb, field.name))
        put(self, "z", z)
        put(self, "ring", ring)


@contextmanager
def dealt(emb: EmbeddingSet, workers: Workers) -> Iterator[DealtEmbeddings]:
    """Deals an embedding set to all ranks; the first one's to call, the others serve.

    The caller should keep no other reference to the set: its embeddings are then in memory nowhere as a whole.

    Args:
        emb: the set, on the first rank alone.
        workers: the ranks.

    Yields:
        The set as `verify` takes it; its temporary file is removed afterwards.

    Raises:
        LostRankError: a rank is gone.
    """
    y, z = torch.from_numpy(emb.y), torch.from_numpy(emb.z)
    largest_norm = float(z.norm(dim=2).max())
    with tempfile.TemporaryDirectory(prefix="boundcheck-") as folder:
        path = Path(folder) / "z.npy"
        np.save(path, emb.z)
        workers.held["z"] = z
        del z
        ring = workers.call(take_shard, y, (emb.v, emb.d), torch.from_numpy(emb.z[:0]).dtype, largest_norm)
        # Pages that are written would be copied; nothing writes to an embedding set.
        yield DealtEmbeddings(emb, np.load(path, mmap_mode="c"), ring)


def take_shard(workers: Workers, y: Tensor, shape: tuple[int, int], dtype: torch.dtype, largest_norm: float) -> Ring:
    """Receives a rank's shard and keeps it for the visits to come."""
    order, edges = sorted_order(y), shard_edges(len(y), workers.size)
    start, stop = edges[workers.rank : workers.rank + 2]
    if workers.is_first:
        z = workers.held.pop("z")
        for rank in range(1, workers.size):
            part = z[order[edges[rank] : edges[rank + 1]]]
            if len(part):
                with meeting():
                    dist.send(part, rank)
        own = z[order[start:stop]]
    else:
        own = torch.empty(stop - start, *shape, dtype=dtype)
        if len(own):
            with meeting():
                dist.recv(own, 0)
    ring = Ring(workers, Shard(own.to(workers.device), start), y, largest_norm)
    workers.held["ring"] = ring
    return ring
