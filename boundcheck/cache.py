"""Embeddings kept between runs: the same encoder on the same images is run once.

They lie in `embeddings/` of the folder that downloads go to, one file for each key, the least recently used removed
first when all take more than `LIMIT` bytes. Deleting the folder loses nothing but time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from boundcheck._device import resolve_device
from boundcheck.data import Progress, Samples
from boundcheck.data.base import user_cache
from boundcheck.embeddings import EmbeddingSet, load_embeddings, save_embeddings
from boundcheck.encoders import Checkpoint
from boundcheck.errors import FileError
from boundcheck.extraction import extract, provenance
from boundcheck.store import find, key_of, source_digest

LIMIT = 4 * 10**9
_MADE_BY = ("augment.py", "extraction.py", "encoders", "checkpoints", "embeddings/given.py", "embeddings/set.py")


def extraction_key(
    checkpoint: Checkpoint,
    samples: Samples,
    *,
    views: int = 2,
    seed: int = 0,
    device: str = "auto",
    output: str = "embedding",
    layer: str | None = None,
) -> str:
    """SHA-256 (hex) of all that decides the embeddings: weights, images, views, the code that makes them, the device.

    Args:
        checkpoint, samples, views, seed, device, output, layer: as `extract` takes them.

    Raises:
        InputError: as `extract` raises them.
    """
    decides = {
        "provenance": provenance(checkpoint, samples, views=views, seed=seed, output=output, layer=layer),
        "views": views,
        "ids": hashlib.sha256("\0".join(map(str, samples.ids)).encode()).hexdigest(),
        "device": resolve_device(device).type,
        "code": source_digest(*_MADE_BY),
        "torch": torch.__version__,
    }
    return key_of(decides)


def cached_extract(
    checkpoint: Checkpoint,
    samples: Samples,
    *,
    views: int = 2,
    seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    output: str = "embedding",
    layer: str | None = None,
    progress: Progress | None = None,
    extractor: Callable[..., EmbeddingSet] = extract,
) -> tuple[EmbeddingSet, Path | None]:
    """What `extract` gives, from the cache where it was made before, else made and kept.

    A damaged file is made anew, and a cache that cannot be written is done without.

    Args:
        checkpoint, samples, views, seed, batch_size, device, output, layer, progress: as `extract` takes them.
        extractor: makes them; takes what `extract` takes.

    Returns:
        The embeddings, and the file they were read from; None when they were made now.

    Raises:
        InputError: as `extract` raises them.
    """
    key = extraction_key(checkpoint, samples, views=views, seed=seed, device=device, output=output, layer=layer)
    path = kept_at(key)
    kept = find(path, partial(load_embeddings, normalize=checkpoint.config.normalize)) if checkpoint.sha256 else None
    if kept is not None:
        with suppress(OSError):
            os.utime(path)  # used now
        return kept, path
    emb = extractor(
        checkpoint,
        samples,
        views=views,
        seed=seed,
        batch_size=batch_size,
        device=device,
        output=output,
        layer=layer,
        progress=progress,
    )
    if emb.z.nbytes < LIMIT and checkpoint.sha256:
        with suppress(FileError):
            save_embeddings(emb, path)
            shrink()
    return emb, None


def kept_at(key: str, part: str = "") -> Path:
    """The file of the cache that holds the embeddings of a key, or a part of them."""
    return user_cache() / "embeddings" / f"{key[:32]}{part}.npz"


def shrink() -> None:
    """Removes the least recently used files until the rest takes at most `LIMIT` bytes."""
    with suppress(OSError):  # another process may have removed a file first
        files = [(path.stat().st_mtime, path.stat().st_size, path) for path in kept_at("").parent.glob("*.npz")]
        room = LIMIT
        for _, size, path in sorted(files, reverse=True):
            room -= size
            if room < 0:
                path.unlink()
