"""Every reader of files that may be anything: a small good input, and the call that reads it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

import boundcheck
from boundcheck.checkpoints import load_encoder
from boundcheck.data import DATASETS, Source, load_from
from boundcheck.data.base import Remote
from boundcheck.data.fashion_mnist import read_idx
from boundcheck.data.folder import read_folder
from boundcheck.embeddings import EmbeddingSet, load_embeddings, save_embeddings
from boundcheck.encoders import shipped_checkpoint
from boundcheck.ingest import sha256_of
from boundcheck.report import summary_html, summary_text
from boundcheck.report.sweep import sweep_text
from boundcheck.report.tables import write_tables
from boundcheck.runs import load_run
from boundcheck.sweep_record import load_sweep

sys.path.insert(0, str(Path(__file__).parents[1] / "data_sources"))
import layouts


@dataclass(frozen=True)
class Reader:
    """How one kind of file is read.

    Attributes:
        make: puts a good input into a folder; returns the files that are damaged in turn.
        read: reads what lies in the folder.
    """

    make: Callable[[Path], list[Path]]
    read: Callable[[Path], object]


def _points() -> EmbeddingSet:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(24, 2, 4)).astype(np.float32)
    return EmbeddingSet(z, np.arange(24) % 3, meta={"dataset": "points"}, groups=np.arange(24) % 3 // 2)


def _embeddings(suffix: str) -> Reader:
    def make(folder: Path) -> list[Path]:
        save_embeddings(_points(), folder / f"emb{suffix}")
        return [folder / f"emb{suffix}"]

    return Reader(make, lambda folder: load_embeddings(folder / f"emb{suffix}"))


@cache
def _saved(kind: str) -> Path:
    """A run or a sweep, made once; without the hashes of its files, which no damage would pass."""
    folder = Path(mkdtemp(prefix="fuzz-")) / kind
    options = {"betas": [1.0], "negatives": [10]}
    if kind == "run":
        boundcheck.verify(_points(), **options).save(folder)
    else:
        boundcheck.sweep({"a": _points(), "b": _points()}, temperatures=[0.5, 1.0], **options).save(folder)
    manifest = json.loads((folder / "run.json").read_text())
    del manifest["sha256"]
    (folder / "run.json").write_text(json.dumps(manifest, indent=2))
    return folder


def _run(kind: str, read: Callable[[Path], object]) -> Reader:
    def make(folder: Path) -> list[Path]:
        names = [path for path in sorted(_saved(kind).iterdir()) if path.is_file() and path.suffix != ".html"]
        for path in names:
            (folder / path.name).write_bytes(path.read_bytes())
        return [folder / path.name for path in names]

    return Reader(make, read)


def _read_run(folder: Path) -> None:
    run = load_run(folder)
    with boundcheck.ingest.reading(folder, "a run that can be shown"):
        summary_text(run), summary_html(run)
        write_tables(run, folder / "tables")


def _read_sweep(folder: Path) -> None:
    record = load_sweep(folder)
    with boundcheck.ingest.reading(folder, "a sweep that can be shown"):
        sweep_text(record)


def _folder(name: str, make: Callable[[Path], Path], split: str) -> Reader:
    """A data set that was unpacked by hand: without hashes of its files."""
    return Reader(
        lambda folder: [path for path in sorted(make(folder).rglob("*")) if path.is_file()],
        lambda folder: load_from(DATASETS[name], split, folder, download=False),
    )


def _archive(name: str, pack: Callable[[Path, Path], Path], make: Callable[[Path], Path], split: str) -> Reader:
    """An archive whose hash is right, so that its content is looked at."""

    def pack_it(folder: Path) -> list[Path]:
        return [pack(make(folder / "made"), folder / DATASETS[name].remotes[0].filename)]

    def read(folder: Path) -> object:
        remote = DATASETS[name].remotes[0]
        known = Remote(remote.url, remote.filename, f"sha256:{sha256_of(folder / remote.filename)}")
        source: Source = replace(DATASETS[name], remotes=(known,))
        return load_from(source, split, folder, download=False)

    return Reader(pack_it, read)


def _idx(folder: Path) -> list[Path]:
    (folder / "plain").write_bytes(layouts.idx(layouts.pixels(3, 784).reshape(3, 28, 28)))
    layouts.idx_gz(folder / "packed", layouts.pixels(3, 784).reshape(3, 28, 28))
    return [folder / "plain", folder / "packed"]


def _pictures(folder: Path) -> list[Path]:
    for code in (0, 1):
        for suffix in ("png", "jpg", "gif"):
            layouts.picture(folder / "photos" / "test" / f"c{code}" / f"a.{suffix}", code, size=(8, 8))
    return sorted((folder / "photos").rglob("a.*"))


def _checkpoint(folder: Path) -> list[Path]:
    (folder / "encoder.pt").write_bytes(shipped_checkpoint().read_bytes())
    return [folder / "encoder.pt"]


READERS: Mapping[str, Reader] = {
    **{f"embeddings{suffix}": _embeddings(suffix) for suffix in (".npz", ".safetensors", ".pt", ".parquet")},
    "checkpoint": Reader(_checkpoint, lambda folder: load_encoder(folder / "encoder.pt")),
    "run": _run("run", _read_run),
    "sweep": _run("sweep", _read_sweep),
    "idx": Reader(_idx, lambda folder: [read_idx(folder / name, 3) for name in ("plain", "packed")]),
    "cifar10 binary": _folder("cifar10", layouts.cifar10_binary, "train"),
    "cifar10 python": _folder("cifar10", layouts.cifar10_python, "train"),
    "cifar100 binary": _folder("cifar100", layouts.cifar100_binary, "test"),
    "stl10": _folder("stl10", layouts.stl10, "test"),
    "tiny_imagenet": _folder("tiny_imagenet", layouts.tiny_imagenet, "val"),
    "tar": _archive("cifar10", layouts.tar_gz, layouts.cifar10_binary, "test"),
    "zip": _archive("tiny_imagenet", layouts.zipped, layouts.tiny_imagenet, "val"),
    "pictures": Reader(_pictures, lambda folder: read_folder(folder / "photos", "test")),
}
