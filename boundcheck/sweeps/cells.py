"""One cell of a sweep, an encoder at a temperature, kept on disk as a run under the hash of all that decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from boundcheck._places import reserve_folder
from boundcheck.claims import Claim
from boundcheck.runs import Run, load_run, read_manifest, save_run
from boundcheck.spec import Variant
from boundcheck.store import find, key_of, source_digest, source_of

# What makes embeddings (their hash says which they are), trains, draws or talks decides no number of a verification;
# whatever else there is may.
_NOT_MADE_BY = (
    "__main__.py", "atlas", "atlas_record.py", "augment.py", "cache.py", "checkpoints", "cli", "data", "encoders",
    "extraction.py", "lab", "report", "sharded_extraction.py", "sweep_record.py", "sweeps",
)  # fmt: skip


def cell_key(identity: str, variant: Variant, settings: Mapping[str, Any], claims: Sequence[Claim]) -> str | None:
    """SHA-256 (hex) of all that decides a cell's numbers; None where that cannot be known.

    Args:
        identity: hash of the embeddings, or of what makes them.
        variant: of the losses.
        settings: the options of `verify`, each of them plain.
        claims: what is verified. A claim or a hardening of the user's own counts by the source of its file; one without
            a file (in a notebook) or a claim with values of its own (a closure) can change unseen, so its cells are
            always computed.
    """
    own = [source_of(claim.evaluate) for claim in claims if not _is_ours(claim.evaluate)]
    own += [source_of(type(h)) for h in variant.tilts if not _is_ours(type(h))]
    if None in own:
        return None
    decides = {
        "embeddings": identity,
        "variant": repr(variant),
        "settings": dict(settings),
        "claims": [claim.id for claim in claims],
        "own": own,
        "code": source_digest(but=_NOT_MADE_BY),
        "torch": torch.__version__,
    }
    return key_of(decides)


def find_cell(folder: Path, key: str, names: str = "") -> tuple[Path, Run] | None:
    """The run of that key in a folder; a damaged one is as good as none.

    Args:
        folder: of runs.
        key: as its run.json has it.
        names: pattern of the runs' names; those of cells end in their key.
    """
    for place in sorted(folder.glob(names or f"[!.]*-{key[:12]}*")):  # hidden ones are of a process that writes there
        manifest = find(place / "run.json", lambda file: read_manifest(file.parent))
        if manifest is not None and manifest.get("key") == key and (run := find(place, load_run)) is not None:
            return place, run
    return None


def keep_cell(folder: Path, label: str, key: str, run: Run) -> Path:
    """Saves a cell as a run with a page, which the sweep's links to; `boundcheck report` draws its figures.

    Raises:
        FileError: it cannot be written.
    """
    place = reserve_folder(folder / f"{label.replace('/', '-')}-{key[:12]}", numbered=True)
    from boundcheck.report.page import write_page  # draws: half a second to import

    own = replace(run, manifest={**run.manifest, "key": key, "cell": True})
    return save_run(own, place, also=[partial(write_page, figures=[])])


def _is_ours(thing: Any) -> bool:
    """Whether this package defines it, whose source counts as a whole."""
    return str(thing.__module__).partition(".")[0] == __name__.partition(".")[0]
