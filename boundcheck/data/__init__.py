"""Where samples come from: one file per source, all of them in `DATASETS`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from boundcheck.data import cifar, digits, fashion_mnist, hub, shards, stl10, tables, tiny_imagenet
from boundcheck.data.base import ImageSet, Places, Progress, Remote, Samples, Source, TextSet, places_for
from boundcheck.data.fetch import locate_file, locate_folder, remedy
from boundcheck.data.folder import read_folder
from boundcheck.errors import DataMissingError, InputError, unknown_name
from boundcheck.options import one_of

__all__ = [
    "DATASETS",
    "DatasetInfo",
    "ImageSet",
    "Progress",
    "Remote",
    "Samples",
    "Source",
    "TextSet",
    "describe_datasets",
    "load_dataset",
    "load_from",
]

DATASETS: dict[str, Source] = {
    source.name: source
    for source in (
        digits.SOURCE,
        fashion_mnist.SOURCE,
        cifar.CIFAR10,
        cifar.CIFAR100,
        stl10.SOURCE,
        tiny_imagenet.SOURCE,
    )
}


def load_dataset(
    name: str,
    split: str = "test",
    data_dir: Path | None = None,
    download: bool = True,
    progress: Progress | None = None,
) -> Samples:
    """One split of a named data set, of a folder or of a file of samples.

    A folder is one of pictures, `split/class/*.png` or `class/*.png`; of parquet files as on Hugging Face's hub; of
    webdataset shards, `.tar`; or written by `datasets.save_to_disk`. A file is `.csv`, `.tsv` or `.jsonl` of texts,
    `.parquet` of texts or images, or one `.tar`. `hf:NAME` is a name on the hub.

    Files are looked for in `data_dir`, where the operating system puts them, and in $BOUNDCHECK_DATA or the
    user's cache; what is in none of them is downloaded to `data_dir` (or the cache) and checked by hash.

    Args:
        name: a key of `DATASETS`, a path (`folder:PATH` says that it is one), or `hf:NAME`.
        split: which part.
        data_dir: a folder to look in first and to download to.
        download: whether missing files may be fetched.
        progress: told of bytes fetched.

    Raises:
        InputError: unknown name or split.
        DataMissingError: the files are not here and cannot be fetched; says what to put where.
        FileError: a file is truncated, corrupt or unsafe, or cannot be written.
    """
    if name in DATASETS:
        return load_from(DATASETS[name], split, data_dir, download, progress)
    if name.startswith("hf:"):
        return hub.read_hub(name.removeprefix("hf:"), split)
    path = Path(name.removeprefix("folder:"))
    if path.is_dir():
        return _read_folder(path, split)
    if path.is_file() and path.suffix in tables.SUFFIXES:
        return tables.read_table(path, split)
    if path.is_file() and path.suffix == ".tar":
        return shards.read_shards(path, split)
    if path.is_file():
        kinds = ", ".join((*tables.SUFFIXES, ".tar"))
        raise InputError(f"dataset: a file of samples is one of {kinds}, received '{name}'; convert it")
    if "/" in name or name.startswith("folder:"):
        raise DataMissingError(f"dataset: there is no folder {path}; give a folder laid out split/class/*.png")
    raise unknown_name("dataset", name, DATASETS)


def _read_folder(path: Path, split: str) -> Samples:
    """A folder of whatever kind it is."""
    if hub.is_saved(path):
        return hub.read_hub(str(path), split)
    if tables.is_parquet_folder(path):
        return tables.read_parquet_folder(path, split)
    if shards.is_shard_folder(path):
        return shards.read_shards(path, split)
    return read_folder(path, split)


def load_from(
    source: Source,
    split: str = "test",
    data_dir: Path | None = None,
    download: bool = True,
    progress: Progress | None = None,
) -> ImageSet:
    """`load_dataset` for a source that need not be registered, such as a mirror with other addresses."""
    if split in source.refused:
        raise InputError(f"split: '{split}' of {source.name} cannot be used, {source.refused[split]}")
    one_of("split", split, source.splits)
    return source.read(source, split, places_for(source, data_dir, download, progress))


@dataclass(frozen=True)
class DatasetInfo:
    """Where a data set stands on this machine.

    Attributes:
        name: its name.
        splits: the splits that can be loaded.
        searched: folders its files are looked for in, in order; empty when it is embedded.
        found: where it is, or None.
        remedy: how to get it, or "" when it is here.
    """

    name: str
    splits: tuple[str, ...]
    searched: tuple[Path, ...]
    found: Path | None
    remedy: str

    @property
    def present(self) -> bool:
        """Whether it can be loaded without the network."""
        return not self.remedy


def describe_datasets(data_dir: Path | None = None) -> list[DatasetInfo]:
    """Every registered data set, and whether it is on this machine."""
    return [_describe(source, places_for(source, data_dir)) for source in DATASETS.values()]


def _describe(source: Source, places: Places) -> DatasetInfo:
    if not source.remotes:
        return DatasetInfo(source.name, source.splits, (), None, "")
    files = [locate_file(remote, places) for remote in source.remotes]
    if source.folders:
        found = locate_folder(source, places) or next((path for path in files if path), None)
    else:
        found = files[0].parent if all(files) and files[0] else None
    how = "" if found else remedy(source, places)
    return DatasetInfo(source.name, source.splits, places.search, found, how)
