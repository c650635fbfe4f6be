"""The catalogue of claims as text, kept beside the claims: reading it takes no torch, which takes seconds to import.

`python -m boundcheck.cli.catalogue` writes it again, after a claim was added or changed; until then, as where a plugin
registers claims of its own, it is read from the claims themselves.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

CLAIMS = Path(__file__).parents[1] / "claims"
FILE = CLAIMS / "catalogue.json"
FIELDS = ("id", "title", "kind", "statement", "requirements", "premise", "source")


def catalogue() -> dict[str, dict[str, str]]:
    """Claims by id, with `FIELDS` as text."""
    if "boundcheck.claims" in sys.modules:
        return _registered()
    try:
        kept = json.loads(FILE.read_text(encoding="utf-8"))
        claims: dict[str, dict[str, str]] = kept["claims"] if kept["digest"] == digest() else _registered()
    except (OSError, ValueError, KeyError):
        claims = _registered()
    return claims


def digest() -> str:
    """SHA-256 (hex) of the sources of the claims: another one than the file's says that the file is out of date."""
    sources = sorted(CLAIMS.glob("*.py"))
    parts = (path.name.encode() + b"\n" + path.read_bytes().replace(b"\r\n", b"\n") for path in sources)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def write() -> None:
    """Writes the file again, and the formulas of pages."""
    from boundcheck.report import mathsvg

    claims = _registered()
    text = json.dumps({"digest": digest(), "claims": claims}, indent=1, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")
    mathsvg.write(claim["statement"] for claim in claims.values())


def _registered() -> dict[str, dict[str, str]]:
    from boundcheck.claims import CLAIMS as registered

    return {
        claim.id: {field: str(getattr(claim, field)) for field in FIELDS}
        | {"requirements": ", ".join(requirement.name for requirement in claim.requirements)}
        for claim in registered.values()
    }


if __name__ == "__main__":
    write()
