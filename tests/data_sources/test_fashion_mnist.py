"""Fashion-MNIST: the 70,000 real images where they are installed, and the IDX reader on damaged files."""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layouts import idx, idx_gz, pixels

from boundcheck.data import DATASETS, ImageSet, load_from
from boundcheck.data.fashion_mnist import CLASSES, read_idx
from boundcheck.errors import DataMissingError, FileError

SOURCE = DATASETS["fashion_mnist"]


@pytest.fixture(scope="module")
def real() -> dict[str, ImageSet]:
    """Both splits; CI sets BOUNDCHECK_REQUIRE_FASHION_MNIST=1, so that they cannot go missing unnoticed."""
    try:
        return {split: load_from(SOURCE, split, download=False) for split in SOURCE.splits}
    except DataMissingError as error:
        if os.environ.get("BOUNDCHECK_REQUIRE_FASHION_MNIST") == "1":
            raise
        pytest.skip(str(error))


def test_the_real_images(real: dict[str, ImageSet]) -> None:
    assert {split: data.images.shape for split, data in real.items()} == {
        "train": (60_000, 1, 28, 28),
        "test": (10_000, 1, 28, 28),
    }
    for data in real.values():
        assert set(np.bincount(data.labels)) == {len(data) // 10}
        assert data.classes == CLASSES
    assert real["test"].labels[:5].tolist() == [9, 2, 1, 1, 6]
    content = idx(real["train"].images[:, 0])
    assert SOURCE.remotes[0].content_hash == "sha256:" + hashlib.sha256(content).hexdigest()


def small(folder: Path) -> Path:
    """Two test files as the web has them, but small."""
    folder.mkdir(parents=True, exist_ok=True)
    idx_gz(folder / "t10k-images-idx3-ubyte.gz", pixels(3, 784).reshape(3, 28, 28))
    idx_gz(folder / "t10k-labels-idx1-ubyte.gz", np.array([2, 0, 9], dtype=np.uint8))
    return folder


@pytest.fixture
def unchecked() -> object:
    """The source without hashes of content and without the operating system's files."""
    return replace(SOURCE, remotes=tuple(replace(r, content_hash=None) for r in SOURCE.remotes), system_dirs=())


@pytest.mark.parametrize("below", ["", "fashion_mnist", "FashionMNIST/raw"])
def test_folders(below: str, unchecked, tmp_path: Path) -> None:
    small(tmp_path / below)
    data = load_from(unchecked, "test", data_dir=tmp_path, download=False)
    assert data.images.shape == (3, 1, 28, 28) and data.labels.tolist() == [2, 0, 9]


def test_unpacked_files_will_do(unchecked, tmp_path: Path) -> None:
    for file in small(tmp_path).glob("*.gz"):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert len(load_from(unchecked, "test", data_dir=tmp_path, download=False)) == 3


def test_content_is_checked(tmp_path: Path) -> None:
    small(tmp_path)
    with pytest.raises(FileError, match=r"t10k-images-idx3-ubyte.gz: corrupt, its sha256 is .* should be 5b4141f0"):
        load_from(SOURCE, "test", data_dir=tmp_path, download=False)


def test_absent_says_what_to_do(unchecked, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"download https\S+ https\S+ https\S+ https\S+ and put them in"):
        load_from(unchecked, "test", data_dir=tmp_path, download=False)


def test_counts_and_labels_must_agree(unchecked, tmp_path: Path) -> None:
    small(tmp_path)
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    idx_gz(labels, np.zeros(2, dtype=np.uint8))
    with pytest.raises(FileError, match="3 images but 2 labels"):
        load_from(unchecked, "test", data_dir=tmp_path, download=False)
    idx_gz(labels, np.array([0, 1, 10], dtype=np.uint8))
    with pytest.raises(FileError, match="label 10 is beyond the 10 classes"):
        load_from(unchecked, "test", data_dir=tmp_path, download=False)


GOOD = idx(pixels(3, 784).reshape(3, 28, 28))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD[:-1], "2351 bytes of data where 2352 are due"),
        (GOOD + b"\0", "2353 bytes of data where 2352 are due"),
        (GOOD[:9], "not an IDX file"),
        (b"", "starts with nothing"),
        (b"\0\0\x09\x03" + GOOD[4:], "starts with 00 00 09 03"),  # signed bytes
        (b"\0\0\x08\x01" + GOOD[4:], "not an IDX file of bytes with 3 axes"),
        (gzip.compress(GOOD)[:-5], "truncated or corrupt gzip"),
        (gzip.compress(GOOD)[:5], "truncated or corrupt gzip"),
        (gzip.compress(GOOD)[:40] + b"\xff" * 40, "truncated or corrupt gzip"),
        (bytes((0, 0, 8, 3)) + b"\xff" * 12 + b"\0", "truncated or corrupt, 1 bytes"),
    ],
    # Compressed content holds the time, and workers must agree on the names of tests.
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else value,
)
def test_damaged_idx(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FileError, match=message) as caught:
        read_idx(path, 3)
    assert "\n" not in str(caught.value)
