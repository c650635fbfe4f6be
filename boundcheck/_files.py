"""The package's own source, as what decides a kept result."""

from __future__ import annotations

import hashlib
from pathlib import Path


def source_digest(*names: str, but: tuple[str, ...] = ()) -> str:
    """SHA-256 (hex) over the source of these modules and folders of boundcheck: what a kept result was made by.

    Args:
        *names: relative to the package; none for all of it.
        but: top-level modules and folders to leave out.
    """
    sha, package = hashlib.sha256(), Path(__file__).parent
    every = sorted(path.name for path in package.iterdir() if path.is_dir() or path.suffix == ".py")
    for name in names or [name for name in every if name not in but]:
        place = package / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            sha.update(path.read_bytes())
    return sha.hexdigest()
