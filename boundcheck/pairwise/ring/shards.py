"""Embeddings sharded among several ranks: each keeps a shard, the first keeps the whole on disk."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import FileError
from boundcheck.pairwise.labels import Labels
from boundcheck.pairwise.ring.sharing import Ring, Shard, shard_edges
from boundcheck.ranks import Ranks, meeting


@dataclass(frozen=True, eq=False, init=False, repr=False)
class ShardedEmbeddings(EmbeddingSet):
    """An embedding set whose pairs all ranks pass over together; `z` is mapped from a temporary file.

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


def shard(emb: EmbeddingSet, ranks: Ranks) -> ShardedEmbeddings:
    """Shards an embedding set among all ranks; the first one's to call, while the others serve.

    The caller should keep no reference to the set: its embeddings are then in memory nowhere as a whole, but in a file
    in the folder of temporary files, which ends with them.

    Args:
        emb: the set.
        ranks: the ranks.

    Returns:
        The set as `verify` takes it.

    Raises:
        FileError: the file cannot be written.
        LostRankError: a rank is gone.
    """
    z = torch.from_numpy(emb.z)
    ranks.held["z"] = z
    labels = Labels(torch.from_numpy(emb.y), None if emb.groups is None else torch.from_numpy(emb.groups))
    ring = ranks.call(take_shard, labels, (emb.v, emb.d), z.dtype, emb.largest_norm)
    return ShardedEmbeddings(emb, _on_disk(emb.z), ring)


def _on_disk(z: np.ndarray) -> np.ndarray:
    """The same numbers, mapped from a file without a name."""
    try:
        with tempfile.TemporaryDirectory(prefix="boundcheck-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "z.npy"
            np.save(path, z)
            # Pages that are written to would be copied; nothing writes to an embedding set.
            return np.asarray(np.load(path, mmap_mode="c"))
    except OSError as error:
        raise FileError(
            f"TMPDIR: needs {z.nbytes / 1e9:.1f} GB for the embeddings, received '{tempfile.gettempdir()}' "
            f"({error.strerror}); set another"
        ) from error


def take_shard(ranks: Ranks, labels: Labels, shape: tuple[int, int], dtype: torch.dtype, largest_norm: float) -> Ring:
    """Receives a rank's shard and keeps it for the passes to come."""
    order, edges = labels.order, shard_edges(len(labels.y), ranks.size)
    start, stop = edges[ranks.rank : ranks.rank + 2]
    if ranks.is_first:
        z = ranks.held.pop("z")
        for rank in range(1, ranks.size):
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
    ring = Ring(ranks, Shard(own.to(ranks.device), start), labels, largest_norm)
    ranks.held["ring"] = ring
    return ring
