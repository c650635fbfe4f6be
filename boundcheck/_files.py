"""The package's own source, as what decides a kept result."""

from __future__ import annotations

import hashlib
from pathlib import Path


def source_digest(*names: str) -> str:
    """SHA-256 (hex) over the source of these modules and folders of boundcheck: what a kept result was made by."""
    sha = hashlib.sha256()
    for name in names:
        place = Path(__file__).parent / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            sha.update(path.read_bytes())
    return sha.hexdigest()
