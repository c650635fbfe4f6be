"""Where samples come from: one file per source, all of them in `DATASETS`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from boundcheck.data import cifar, digits, fashion_mnist, stl10, tiny_imagenet
from boundcheck.data.base import ImageSet, Places, Progress, Remote, Samples, Source, TextSet, places_for
from boundcheck.data.fetch import locate_file, locate_folder, remedy
from boundcheck.data.folder import read_folder
from boundcheck.errors import DataMissingError, InputError, unknown_name

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
) -> ImageSet:
    """One split of a named data set, or of a folder of pictures laid out `split/class/*.png`.

    Files are looked for in `data_dir`, where the operating system puts them, and in $BOUNDCHECK_DATA or the
    user's cache; what is in none of them is downloaded to `data_dir` (or the cache) and checked by hash.

    Args:
        name: a key of `DATASETS`, or the path of a folder.
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
    if Path(name).is_dir():
        return read_folder(Path(name), split)
    if "/" in name:
        raise DataMissingError(f"dataset: there is no folder {name}; give a folder laid out split/class/*.png")
    raise unknown_name("dataset", name, DATASETS)


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
    if split not in source.splits:
        raise unknown_name("split", split, source.splits)
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
