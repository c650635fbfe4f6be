"""The saved record of one verification: every number a report shows, and nothing that has to be recomputed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from boundcheck._places import Place, atomic_path, reserve_folder
from boundcheck._text import quoted_cell, unquoted_cell
from boundcheck.errors import FileError
from boundcheck.ingest import is_regular, read_arrays, read_csv, read_json, read_parquet, reading, sha256_of

T = TypeVar("T")

LOSS_COLUMNS = [
    "loss", "hardening", "beta", "q", "temperature", "positives", "estimator", "k", "estimate", "plugin", "se",
    "ci_low", "ci_high", "n_anchors", "ess", "design", "reliable",
]  # fmt: skip
CLAIM_COLUMNS = [
    "claim", "kind", "hardening", "beta", "q", "lhs", "rhs", "gap", "se", "ci_low", "ci_high", "p_value",
    "p_holm", "share_holding", "share_low", "share_high", "n_anchors", "premise_share", "premise_low",
    "premise_high", "vacuous", "reliable", "verdict", "reason", "remedy", "configuration",
]  # fmt: skip
ASSUMPTION_COLUMNS = [
    "hardening", "beta", "share_holding", "share_low", "share_high", "share_in_parts", "reliable",
    "median_margin", "min_margin", "median_ess", "n_anchors", "n_undefined",
]  # fmt: skip
HARDEST_COLUMNS = [
    "rank", "id", "view", "label", "margin", "hardening", "beta", "same_id", "same_label", "same_cosine",
    "diff_id", "diff_label", "diff_cosine",
]  # fmt: skip
FINITE_K_COLUMNS = [
    "loss", "hardening", "beta", "q", "k", "estimate", "plugin", "se", "ci_low", "ci_high", "gap", "gap_low",
    "gap_high", "gap_plugin", "gap_predicted", "minibatch", "minibatch_se",
    "minibatch_undefined", "n_anchors",
]  # fmt: skip
K_EPSILON_COLUMNS = ["loss", "hardening", "beta", "q", "epsilon", "k_epsilon"]
POPULATION_COLUMNS = [
    "quantity", "hardening", "beta", "q", "limit", "limit_se", "estimate", "se", "ci_low", "ci_high",
]  # fmt: skip
ANCHOR_COLUMNS = ["id", "view", "label", "beta_star"]
INFLUENCE_COLUMNS = ["id", "label"]
CSV_COLUMNS = {
    "losses": LOSS_COLUMNS,
    "claims": CLAIM_COLUMNS,
    "assumption": ASSUMPTION_COLUMNS,
    "hardest": HARDEST_COLUMNS,
}
# Tables that a run has only where they were asked for.
OPTIONAL_COLUMNS = {
    "finite_k": FINITE_K_COLUMNS,
    "k_epsilon": K_EPSILON_COLUMNS,
    "population": POPULATION_COLUMNS,
}
# What other commands save, known by a file that only they write.
OTHERS = {"sweep": "sweep.csv", "compare": "comparison.csv", "atlas": "atlas.csv", "falsify": "counterexample.npz"}
# Identifiers and labels stay text, so that a class called "NA" or "007" survives the round trip.
TEXT_COLUMNS = frozenset([
    "loss", "hardening", "positives", "estimator", "claim", "kind", "verdict", "reason", "remedy", "configuration",
    "design", "id", "label", "same_id", "same_label", "diff_id", "diff_label", "quantity", "encoder", "data",
    "modality",
])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Run:
    """One verification, as it is saved and as it is reported.

    Args:
        losses: One row per loss, hardening and Q (`LOSS_COLUMNS`; values in nats).
        claims: One row per claim, hardening and Q (`CLAIM_COLUMNS`).
        assumption: One row per hardening (`ASSUMPTION_COLUMNS`); "constant" is the kernel-mean end (beta = 0),
            "exp" with beta = inf the 1-nearest-neighbour end.
        anchors: One row per anchor: `ANCHOR_COLUMNS`, then `margin[KEY]`, `ess[KEY]` and `LOSS[KEY,q=Q]`, with KEY
            from `hardening_key`. beta_star is NaN where no critical hardness exists.
        hardest: The anchors of least margin, worst first (`HARDEST_COLUMNS`), with the nearest candidate of the same
            class and of another class.
        manifest: What made the run: command, config, versions, platform, data, cost, crossing, warnings, catalogue.
        finite_k: Losses at finite k with their gaps to the limit (`FINITE_K_COLUMNS`); empty where none was asked for.
        k_epsilon: Number of negatives within epsilon nats of the limit (`K_EPSILON_COLUMNS`); likewise.
        pictures: (rows of hardest, 3, ch, h, w) uint8: anchor, nearest same class, nearest other class; None for
            data without images.
        population: Exact limits beside the estimates (`POPULATION_COLUMNS`), where the data are a sample of a known
            population; else empty.
        influences: One row per instance: `INFLUENCE_COLUMNS`, then `LOSS[KEY,q=Q]`, its influence on the averaged
            loss, nats; the sum of squares over n (n - 1) is the squared standard error, and the influences of a
            difference are the difference of influences. Empty where the standard errors are of another kind.
    """

    losses: pd.DataFrame
    claims: pd.DataFrame
    assumption: pd.DataFrame
    anchors: pd.DataFrame
    hardest: pd.DataFrame
    manifest: Mapping[str, Any] = field(repr=False)
    pictures: np.ndarray | None = field(default=None, repr=False)
    finite_k: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FINITE_K_COLUMNS))
    k_epsilon: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=K_EPSILON_COLUMNS))
    population: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=POPULATION_COLUMNS))
    influences: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=INFLUENCE_COLUMNS), repr=False)

    def __post_init__(self) -> None:
        for name, columns in (CSV_COLUMNS | OPTIONAL_COLUMNS).items():
            object.__setattr__(self, name, typed(getattr(self, name), columns))
        for name in ("anchors", "influences"):
            object.__setattr__(self, name, getattr(self, name).astype({"id": str, "label": str}))


def hardening_key(hardening: str, beta: float) -> str:
    """The name of a hardening in column names: `exp:5`, `constant`, `threshold:0.5`.

    Args:
        hardening: As in the tables: "constant", "exp", "threshold:T" or "poly:P".
        beta: Exponential hardness; read only for "exp".
    """
    return f"exp:{beta:g}" if hardening == "exp" else hardening


def loss_column(loss: str, hardening: str, beta: float, q: float) -> str:
    """The name of a loss in column names: `hscl[exp:5,q=1]`."""
    return f"{loss}[{hardening_key(hardening, beta)},q={q:g}]"


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a run's table, with the columns as attributes."""
    return frame.itertuples(index=False)


def about_population(claims: pd.DataFrame) -> pd.DataFrame:
    """Of a table of verdicts, the rows of statements that may fail, where they were tested."""
    return claims[(claims["kind"] != "exact") & (claims["verdict"] != "inapplicable")]


def is_reliable(rows: pd.DataFrame) -> np.ndarray:
    """(rows,) bool: which rows of a run's table may be relied on; all, where the table or a cell does not say."""
    if "reliable" not in rows:
        return np.ones(len(rows), bool)
    return np.array([bool(pd.isna(cell) or cell) for cell in rows["reliable"]], bool)


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
    pictures = _read_pictures(images, manifest) if images.exists() else None
    anchors = _read_rows(source / "anchors.parquet", "the anchors of a run", ANCHOR_COLUMNS, manifest)
    rows = source / "influences.parquet"
    if rows.exists():
        tables["influences"] = _read_rows(rows, "the influences of a run", INFLUENCE_COLUMNS, manifest)
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


def write_table(frame: pd.DataFrame, path: Path | StringIO) -> None:
    """Writes a table as CSV, in which a spreadsheet finds nothing to compute; `read_table` reads it as it was."""
    text = [name for name in frame.columns if name in TEXT_COLUMNS]
    frame.assign(**{name: frame[name].map(quoted_cell) for name in text}).to_csv(path, index=False)


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


def read_table(path: Path, columns: Sequence[str], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A table of a saved run with its exact numbers.

    Args:
        path: The table.
        columns: Those it must have.
        manifest: Of the run; where it has the table's hash, the table must be the one that was saved.

    Raises:
        FileError: The file is missing or damaged, or a column is not there.
    """
    frame = read_csv(path, columns, _hash_of(path, manifest))
    with reading(path, "a table of a run", "run the verification again"):
        for name in columns:
            if name in TEXT_COLUMNS:
                frame[name] = frame[name].map(unquoted_cell)
            else:
                frame[name] = pd.Series([_number(cell) for cell in frame[name]], dtype=None if len(frame) else float)
        return typed(frame, columns)


def _hash_of(path: Path, manifest: Mapping[str, Any]) -> str | None:
    """SHA-256 (hex) of a file as it was saved; None where the run is older than such hashes."""
    hashes = manifest.get("sha256")
    if hashes is None:
        return None
    if not isinstance(hashes, dict) or not isinstance(hashes.get(path.name), str):
        raise FileError(f"{path}: not among the files of the run, whose hashes are in run.json; run it again")
    return str(hashes[path.name])


def _number(cell: str) -> float:
    if cell in ("True", "False"):
        return cell == "True"
    if not cell.isascii() or "_" in cell:  # which Python's numbers may be written with
        raise ValueError(f"'{cell}' is no number")
    return int(cell) if cell.isdigit() and len(cell) < 19 else float(cell or "nan")


def _read_rows(path: Path, what: str, columns: Sequence[str], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A table with a row for each anchor or instance: text, then numbers."""
    table = read_parquet(path, ("id", "label"), what, _hash_of(path, manifest))
    with reading(path, what, "run the verification again"):
        frame = table.to_pandas()
        if missing := [name for name in columns if name not in frame.columns]:
            raise ValueError(f"no column '{missing[0]}'")
        numbers = [name for name in frame.columns if name not in ("id", "label")]
        whole = {"view": "int64"} if "view" in columns else {}
        typed: pd.DataFrame = frame.astype({**dict.fromkeys(numbers, float), **whole, "id": str, "label": str})
    return typed


def _read_pictures(path: Path, manifest: Mapping[str, Any]) -> np.ndarray:
    arrays = read_arrays(path, ("pictures",), "the pictures of a run", _hash_of(path, manifest))
    with reading(path, "the pictures of a run", "run the verification again"):
        pictures = arrays["pictures"]
        if pictures.ndim != 5 or pictures.shape[1] != 3 or pictures.dtype != np.uint8:
            raise ValueError(f"expected (rows, 3, ch, h, w) uint8, received {pictures.shape} {pictures.dtype}")
    return pictures


def typed(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The columns in order: text without missing values, numbers as numbers."""
    return pd.DataFrame(
        {
            name: frame[name].astype(object).fillna("").astype(str)
            if name in TEXT_COLUMNS
            else pd.to_numeric(frame[name])
            for name in columns
        }
    )
