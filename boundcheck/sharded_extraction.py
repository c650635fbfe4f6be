"""Encoding by several processes: they take pieces of the images in turn, and keep each as soon as it is finished."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Float

from boundcheck._places import atomic_path
from boundcheck.cache import extraction_key, kept_at, shrink
from boundcheck.data import Progress, Samples
from boundcheck.embeddings import EmbeddingSet
from boundcheck.encoders import Checkpoint
from boundcheck.errors import FileError, InputError
from boundcheck.extraction import embedding_set, encode_span, provenance
from boundcheck.ingest import read_arrays
from boundcheck.ranks import Ranks
from boundcheck.store import find

# Images of a piece: a multiple of the usual batch sizes, so that batches, and all bits, are those of one process.
PIECE = 8192


def extract_sharded(
    ranks: Ranks,
    checkpoint: Checkpoint,
    samples: Samples,
    *,
    key: str,
    keep: bool,
    views: int,
    seed: int,
    batch_size: int | None,
    device: str,
    output: str,
    layer: str | None = None,
    progress: Progress | None,
) -> EmbeddingSet | None:
    """What `extract` gives, by all ranks together; each of them calls this.

    Args:
        ranks: the ranks.
        checkpoint, samples: as each rank read them.
        key: the first rank's `extraction_key`.
        keep: whether finished pieces are kept in the cache until all are there, and taken from it.
        views, seed, batch_size, device, output, layer: as `extract` takes them.
        progress: called with this rank's share.

    Returns:
        The embeddings on the first rank, None elsewhere.

    Raises:
        InputError: this rank reads another encoder or other images than the first.
    """
    if extraction_key(checkpoint, samples, views=views, seed=seed, device=device, output=output, layer=layer) != key:
        raise InputError(
            f"checkpoint, dataset: must be the same on every machine, received others on rank {ranks.rank}; "
            "copy them, and the same versions of boundcheck and torch"
        )
    n = len(samples)
    own: dict[tuple[int, int], np.ndarray] = {}
    for start in range(ranks.rank * PIECE, n, ranks.size * PIECE):
        span = start, min(start + PIECE, n)
        path = kept_at(key, f"-{span[0]}-{span[1]}")
        piece = find(path, _read) if keep else None
        if piece is None:
            piece = encode_span(
                checkpoint,
                samples,
                span,
                views=views,
                seed=seed,
                batch_size=batch_size,
                device=device,
                output=output,
                layer=layer,
                progress=progress,
            )
            if keep:
                _write(path, piece)
        own[span] = piece
    z: np.ndarray | None = None
    for pieces in ranks.gather_on_first(own):
        for (start, stop), piece in pieces.items():
            z = np.empty((n, *piece.shape[1:]), piece.dtype) if z is None else z
            z[start:stop] = piece
    for start, stop in own:
        kept_at(key, f"-{start}-{stop}").unlink(missing_ok=True)
    if z is None:
        return None
    meta = provenance(checkpoint, samples, views=views, seed=seed, output=output, layer=layer)
    return embedding_set(checkpoint, samples, z, meta)


def _read(path: Path) -> Float[np.ndarray, "m v d"] | None:
    """A finished piece."""
    return read_arrays(path, ["z"], "a piece of embeddings").get("z")


def _write(path: Path, piece: Float[np.ndarray, "m v d"]) -> None:
    """Keeps a piece, if the cache can be written."""
    with suppress(FileError):
        with atomic_path(path) as temporary:
            np.savez(temporary, z=piece)
        shrink()
