"""Every reader of files that may be anything: a small good input, and the call that reads it."""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tarfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file

import boundcheck
from boundcheck.checkpoints import inspect_file
from boundcheck.checkpoints.reading import read_file
from boundcheck.data import DATASETS, Source, load_dataset, load_from
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


def _told(folder: Path) -> str:
    return json.dumps(inspect_file(folder / "encoder.pt"), ensure_ascii=False, allow_nan=False)


def _weights(folder: Path) -> list[Path]:
    """What code bases save beside the weights, in both formats of torch, and the JSON that some write."""
    state = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1)
    beside = {
        "opt": argparse.Namespace(dataset="cifar10", temp=0.1),
        "best": np.float64(0.9),
        "folder": Path("runs"),
        "state": defaultdict(dict, {1: torch.ones(2)}),
        "optimizer": optimizer,
        "scheduler": functools.partial(getattr, 1, "real"),
        "epoch": 3,
    }
    torch.save({"state_dict": state, **beside}, folder / "new.pth")
    torch.save({"model": state, **beside}, folder / "old.pth", _use_new_zipfile_serialization=False)
    save_file(state, folder / "plain.safetensors")
    (folder / "args.json").write_text(json.dumps({"data": {"dataset": "cifar10"}, "method": "simclr"}))
    return sorted(folder.iterdir())


def _read_weights(folder: Path) -> None:
    for name in ("new.pth", "old.pth", "plain.safetensors"):
        file = read_file(folder / name)
        with boundcheck.ingest.reading(folder / name, "weights"):
            json.dumps([sorted(file.state), file.sha256, file.epochs(), file.sidecar])


def _texts(suffix: str) -> Reader:
    """A table of texts."""

    def make(folder: Path) -> list[Path]:
        frame = pd.DataFrame({"text": ["a cat", "the dog", "é"], "label": ["x", "y", "x"], "group": ["g", "g", "g"]})
        if suffix == ".parquet":
            frame.to_parquet(folder / "t.parquet")
        elif suffix == ".jsonl":
            (folder / "t.jsonl").write_text(frame.to_json(orient="records", lines=True))
        else:
            frame.to_csv(folder / f"t{suffix}", index=False, sep="\t" if suffix == ".tsv" else ",")
        return [folder / f"t{suffix}"]

    return Reader(make, lambda folder: load_dataset(str(folder / f"t{suffix}")))


def _hub(folder: Path) -> list[Path]:
    layouts.picture(folder / "a.png", 0, size=(8, 8))
    content = (folder / "a.png").read_bytes()
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["zebra", "ant"]}}
    table = pa.table({"image": [{"bytes": content, "path": None}] * 3, "label": [0, 1, 0]})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), folder / "test-0.parquet")
    return [folder / "test-0.parquet"]


def _shards(folder: Path) -> list[Path]:
    layouts.picture(folder / "a.png", 0, size=(8, 8))
    with tarfile.open(folder / "test-0.tar", "w") as archive:
        for key, label in (("0", "cls"), ("1", "cls"), ("2", "json")):
            (folder / "label").write_text("1" if label == "cls" else json.dumps({"label": 0}))
            archive.add(folder / "a.png", f"{key}.png")
            archive.add(folder / "label", f"{key}.{label}")
    (folder / "classnames.txt").write_text("zero\none\n")
    return [folder / "test-0.tar", folder / "classnames.txt"]


READERS: Mapping[str, Reader] = {
    **{f"embeddings{suffix}": _embeddings(suffix) for suffix in (".npz", ".safetensors", ".pt", ".parquet")},
    "checkpoint": Reader(_checkpoint, _told),
    "weights": Reader(_weights, _read_weights),
    **{f"texts{suffix}": _texts(suffix) for suffix in (".csv", ".tsv", ".jsonl", ".parquet")},
    "hub": Reader(_hub, lambda folder: load_dataset(str(folder), "test")),
    "shards": Reader(_shards, lambda folder: load_dataset(str(folder), "test")),
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
