"""The saved record of a search for a counterexample: its manifest and, where one was found, its points."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from boundcheck.ingest import read_arrays, reading
from boundcheck.runs import OTHERS, read_manifest


@dataclass(frozen=True, eq=False)
class SearchRecord:
    """A search, as it is saved and as it is reported.

    Attributes:
        manifest: what run.json holds: claim, config, effort, and of a find data, result and certificate.
        z: (n, v, d) unit rows of the counterexample; None where none was found.
        labels: n class names.
    """

    manifest: Mapping[str, Any] = field(repr=False)
    z: np.ndarray | None = None
    labels: tuple[str, ...] = ()


def is_search(directory: Path) -> bool:
    """Whether a saved run is a search for a counterexample."""
    if (directory / OTHERS["falsify"]).is_file():
        return True
    return not (directory / "claims.csv").is_file() and "effort" in read_manifest(directory)


def load_search(directory: str | os.PathLike[str]) -> SearchRecord:
    """Load what `Search.save` saved.

    Raises:
        FileError: a file is missing or damaged, or is not the one that was saved.
    """
    manifest = read_manifest(Path(directory))
    path = Path(directory) / OTHERS["falsify"]
    if not manifest.get("found"):
        return SearchRecord(manifest)
    known = manifest.get("sha256") or {}
    arrays = read_arrays(path, ("z", "y", "classes"), "a counterexample", known.get(path.name))
    with reading(path, "a counterexample", "search again"):
        z, y, names = arrays["z"], arrays["y"], arrays["classes"]
        return SearchRecord(manifest, z.reshape(len(y), -1, z.shape[-1]), tuple(str(names[code]) for code in y))
