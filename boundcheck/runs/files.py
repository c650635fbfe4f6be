"""The saved record of one verification: every number a report shows, and nothing that has to be recomputed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from boundcheck._places import Place, atomic_path, reserve_folder
from boundcheck.errors import FileError
from boundcheck.ingest import is_regular, read_json, reading, sha256_of
from boundcheck.runs.record import ANCHOR_COLUMNS, CSV_COLUMNS, INFLUENCE_COLUMNS, OPTIONAL_COLUMNS, Run
from boundcheck.runs.tables import read_pictures, read_rows, read_table, write_table

# What other commands save, known by a file that only they write.
OTHERS = {"sweep": "sweep.csv", "compare": "comparison.csv", "atlas": "atlas.csv", "falsify": "counterexample.npz"}


def save_run(
    run: Run,
    directory: str | os.PathLike[str],
    overwrite: bool = False,
    also: Sequence[Callable[[Run, Path], object]] = (),
) -> Path:
    """Save a run as one directory that appears whole or not at all.

    Args:
        run: The run.
        directory: Where; missing parents are made.
        overwrite: Replace a run that is already there. Anything but a run is never replaced.
        also: Writers of further files (the report), called with the run and the directory before it takes its name.

    Returns:
        The directory.

    Raises:
        FileError: The directory is in use, or cannot be written.
    """

    def write_all(folder: Path) -> None:
        _write_numbers(run, folder)
        for write in also:
            write(run, folder)

    return save_directory(directory, overwrite, write_all)


def save_directory(directory: str | os.PathLike[str], overwrite: bool, write: Callable[[Path], None]) -> Path:
    """Saves what `write` puts into an empty folder, run.json among it, as one that appears whole or not at all.

    Args:
        directory: Where: a name, whose missing parents are made, or a place reserved earlier.
        overwrite: Replace a run that is already there. Anything but a run is never replaced.
        write: Fills the folder.

    Returns:
        The directory.

    Raises:
        FileError: The directory is in use, or cannot be written.
    """
    place = directory if isinstance(directory, Place) else reserve_folder(directory, overwrite=overwrite)
    with place:
        with atomic_path(place) as unfinished:
            unfinished.mkdir()
            write(unfinished)
        return place.path


def load_run(directory: str | os.PathLike[str]) -> Run:
    """Load what `save_run` saved.

    Args:
        directory: A run's directory.

    Raises:
        FileError: It is not a run, or one of its files is missing or damaged.
    """
    source = Path(directory)
    manifest = read_manifest(source)
    if kind := next((kind for kind, file in OTHERS.items() if (source / file).is_file()), None):
        raise FileError(f"run: expected the folder of a verification, received '{directory}' of {kind}; name another")
    there = {name: columns for name, columns in OPTIONAL_COLUMNS.items() if (source / f"{name}.csv").exists()}
    tables = {
        name: read_table(source / f"{name}.csv", columns, manifest) for name, columns in (CSV_COLUMNS | there).items()
    }
    images = source / "pictures.npz"
    pictures = read_pictures(images, manifest) if images.exists() else None
    anchors = read_rows(source / "anchors.parquet", "the anchors of a run", ANCHOR_COLUMNS, manifest)
    rows = source / "influences.parquet"
    if rows.exists():
        tables["influences"] = read_rows(rows, "the influences of a run", INFLUENCE_COLUMNS, manifest)
    return Run(**tables, anchors=anchors, manifest=manifest, pictures=pictures)


def _write_numbers(run: Run, directory: Path) -> None:
    for name in (*CSV_COLUMNS, *OPTIONAL_COLUMNS):
        table = getattr(run, name)
        if len(table) or name in CSV_COLUMNS:
            write_table(table, directory / f"{name}.csv")
    run.anchors.to_parquet(directory / "anchors.parquet", index=False)
    if len(run.influences):
        run.influences.to_parquet(directory / "influences.parquet", index=False)
    if run.pictures is not None:
        np.savez_compressed(directory / "pictures.npz", pictures=run.pictures)
    write_manifest(run.manifest, directory)


def write_manifest(manifest: Mapping[str, Any], directory: Path) -> None:
    """Write run.json in strict JSON, with the hashes of the files beside it: NaN becomes null, infinities "inf"."""
    hashes = {path.name: sha256_of(path) for path in sorted(directory.iterdir()) if path.name != "run.json"}
    text = json.dumps(_plain({**manifest, "sha256": hashes}), indent=2, ensure_ascii=False, allow_nan=False)
    (directory / "run.json").write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """The same value in strict JSON's types: NaN becomes null, infinities "inf" and "-inf"."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def read_manifest(directory: Path) -> dict[str, Any]:
    """The content of a run's run.json.

    Raises:
        FileError: It is not there, or damaged.
    """
    path = directory / "run.json"
    if not is_regular(path):
        raise FileError(f"run: expected a directory with run.json, received '{directory}'; name a saved run")
    manifest = read_json(path, "the manifest of a run")
    with reading(path, "the manifest of a run", "run the verification again"):
        if "boundcheck" not in manifest:
            raise ValueError("not the manifest of a run")
    return manifest
