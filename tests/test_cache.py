from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import boundcheck.cache
from boundcheck.cache import cached_extract, extraction_key
from boundcheck.checkpoints import load_encoder
from boundcheck.data import ImageSet, load_dataset
from boundcheck.encoders import Checkpoint, shipped_checkpoint
from boundcheck.extraction import extract


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load_dataset("digits").subset(slice(0, 40))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_encoder(shipped_checkpoint())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path))
    return tmp_path / "embeddings"


def test_the_second_time_reads_what_the_first_one_made(checkpoint, digits, folder, monkeypatch):
    made, source = cached_extract(checkpoint, digits)
    assert source is None and len(list(folder.iterdir())) == 1
    monkeypatch.setattr(boundcheck.cache, "extract", lambda *_, **__: pytest.fail("encoded again"))
    kept, source = cached_extract(checkpoint, digits)
    assert source == next(folder.iterdir())
    plain = extract(checkpoint, digits)
    assert kept.digest == made.digest == plain.digest
    assert kept.meta == made.meta == plain.meta and kept.normalize == plain.normalize
    assert np.array_equal(kept.ids, plain.ids) and kept.classes == plain.classes


def changes(checkpoint: Checkpoint, digits: ImageSet) -> dict[str, tuple[Checkpoint, ImageSet, dict[str, Any]]]:
    flipped = digits.images.copy()
    flipped[0, 0, 0, 0] ^= 1
    relabelled = np.roll(digits.labels, 1)
    return {
        "views": (checkpoint, digits, {"views": 3}),
        "seed": (checkpoint, digits, {"seed": 1}),
        "output": (checkpoint, digits, {"output": "features"}),
        "weights": (replace(checkpoint, sha256="0" * 64), digits, {}),
        "architecture": (replace(checkpoint, config=replace(checkpoint.config, arch="resnet18")), digits, {}),
        "one pixel": (checkpoint, replace(digits, images=flipped), {}),
        "labels": (checkpoint, replace(digits, labels=relabelled), {}),
        "names": (checkpoint, replace(digits, ids=np.array([f"x{i}" for i in range(40)])), {}),
        "data set": (checkpoint, replace(digits, name="mine"), {}),
    }


def test_whatever_decides_the_embeddings_is_in_the_key(checkpoint, digits, monkeypatch):
    keys = [extraction_key(checkpoint, digits)]
    keys += [extraction_key(c, images, **options) for c, images, options in changes(checkpoint, digits).values()]
    monkeypatch.setattr(boundcheck.cache, "source_digest", lambda *names: "another version of the code")
    keys.append(extraction_key(checkpoint, digits))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("damage", ["truncated", "bit", "text"])
def test_a_damaged_file_is_made_anew(checkpoint, digits, folder, damage):
    made, _ = cached_extract(checkpoint, digits)
    path = next(folder.iterdir())
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes({"truncated": content[:500], "bit": content, "text": b"no archive"}[damage])
    again, source = cached_extract(checkpoint, digits)
    assert source is None and again.digest == made.digest
    _, source = cached_extract(checkpoint, digits)
    assert source == path


def test_a_cache_that_cannot_be_written_is_done_without(checkpoint, digits, tmp_path):
    (tmp_path / "embeddings").write_text("a file in the way")
    emb, source = cached_extract(checkpoint, digits)
    assert source is None and emb.digest == extract(checkpoint, digits).digest


def test_the_least_recently_used_goes_first(checkpoint, digits, folder, monkeypatch):
    for seed in (0, 1):
        cached_extract(checkpoint, digits, seed=seed)
    size = max(path.stat().st_size for path in folder.iterdir())
    for age, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (1000 + age, 1000 + age))
    _, used = cached_extract(checkpoint, digits, seed=0)  # now the more recent one
    monkeypatch.setattr(boundcheck.cache, "LIMIT", int(2.5 * size))
    cached_extract(checkpoint, digits, seed=2)
    left = set(folder.iterdir())
    assert len(left) == 2 and used in left
    monkeypatch.setattr(boundcheck.cache, "LIMIT", 10)
    cached_extract(checkpoint, digits, seed=3)
    assert set(folder.iterdir()) == left  # larger than the cache: not kept, and nothing makes way for it
