"""Saved runs, newest first: what each was about and how it ended, from its manifest and its table of verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck.errors import BoundcheckError, FileError
from boundcheck.report.words import STOOD, claim_standing, counted, plural
from boundcheck.runs import OTHERS, of_own, read_manifest, read_table

# The file that only a folder of that kind has; a training run and a reproduction are none of them.
_KINDS = {**OTHERS, "verify": "claims.csv"}
_VERDICTS = ["claim", "kind", "verdict", "premise_share"]
_ORDER = ("contradicted", "violated", "undecided", "sometimes holds", "holds", "vacuous")


@dataclass(frozen=True)
class SavedRun:
    """One saved run.

    Attributes:
        folder: where it is.
        kind: the command that made it: "verify", "sweep", "compare" or "falsify".
        data: name of the data, with instances.
        encoder: the checkpoint's file, the encoders compared, or "embeddings".
        temperature: tau, or several.
        verdict: how the theorems stand, in a few words; what is wrong with the folder where it cannot be read.
        created: ISO 8601, UTC; empty where it is not known.
    """

    folder: str
    kind: str
    data: str
    encoder: str
    temperature: tuple[float, ...]
    verdict: str
    created: str


def saved_runs(folder: str | os.PathLike[str]) -> list[SavedRun]:
    """Every saved run in a folder and the folders in it, newest first; cells of a sweep count with their sweep.

    Raises:
        FileError: there is no such folder.
    """
    top = Path(folder)
    if not top.is_dir():
        raise FileError(f"runs: expected a folder of saved runs, received '{folder}'; name one that is there")
    return sorted(_found(top), key=lambda run: (run.created, run.folder), reverse=True)


def _found(top: Path) -> Iterator[SavedRun]:
    for place, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        kind = next((kind for kind, file in _KINDS.items() if file in files), None)
        if kind is None or "run.json" not in files:
            continue
        folders.clear()  # what is in a run is its own
        try:
            manifest = read_manifest(Path(place))
            if "cell" not in manifest:
                yield _summary(Path(place), kind, manifest)
        except BoundcheckError as error:
            reason = str(error).removeprefix(f"{place}{os.sep}")
            yield SavedRun(place, kind, "", "", (), f"cannot be read: {reason}", "")


def _summary(place: Path, kind: str, manifest: Mapping[str, Any]) -> SavedRun:
    config = _part(manifest, "config")
    encoders = manifest.get("encoders") or []
    one = encoders[0] if encoders else manifest
    data, checkpoint = _part(one, "data"), _part(one, "checkpoint")
    name = str(data.get("name") or "points found" * (kind == "falsify"))
    size = f", n = {data['n']:,}" if isinstance(data.get("n"), int) and "n=" not in name else ""
    taus = config.get("temperatures", config.get("temperature"))
    encoder = str(checkpoint.get("path") or "embeddings")
    if encoders:
        encoder = ", ".join(dict.fromkeys(str(each.get("method", each.get("name"))) for each in encoders))
    return SavedRun(
        folder=str(place),
        kind=kind,
        data=f"{name}{size}",
        encoder="" if kind == "falsify" else encoder,
        temperature=tuple(float(tau) for tau in (taus if isinstance(taus, list) else [taus]) if tau is not None),
        verdict=_verdict(place, kind, manifest),
        created=str(manifest.get("created") or ""),
    )


def _verdict(place: Path, kind: str, manifest: Mapping[str, Any]) -> str:
    if kind == "falsify":
        return f"counterexample to {_part(manifest, 'config').get('claim', manifest.get('claim', 'a claim'))}"
    if kind == "compare":
        return ""
    return standing(_claims(place / _KINDS[kind], manifest), manifest)


def standing(claims: pd.DataFrame, manifest: Mapping[str, Any]) -> str:
    """How the theorems of a run stand in its own configuration, in a few words; of others what is contradicted alone.

    Args:
        claims: its table of verdicts.
        manifest: its run.json.
    """
    if manifest.get("collapse"):
        return "collapsed: nothing concluded"
    standings = {str(claim): (rows["kind"].iloc[0], claim_standing(rows)) for claim, rows in claims.groupby("claim")}
    if failing := [claim for claim, (_, word) in standings.items() if word == "fails"]:
        return f"in error: {', '.join(failing)}"
    own = set(of_own(claims)["claim"])
    words = [
        word
        for claim, (of_kind, word) in standings.items()
        if of_kind in ("theorem", "conjecture") and (claim in own or word == "contradicted")
    ]
    counts = {word: words.count(word) for word in _ORDER if word in words}
    told = [counted(n, STOOD.get(word, word)) for word, n in counts.items()]
    tested = sum(word in _ORDER for word in words)
    return f"{plural(tested, 'theorem')}: {', '.join(told)}" if tested else "no theorem applies"


def _claims(path: Path, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """The verdicts; runs of earlier versions do not say in which configuration, earlier ones not which are vacuous."""
    for later in (["vacuous", "configuration"], ["vacuous"]):
        with suppress(FileError):
            return read_table(path, [*_VERDICTS, *later], manifest)
    return read_table(path, _VERDICTS, manifest).assign(vacuous=False)


def _part(manifest: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = manifest.get(key)
    return part if isinstance(part, Mapping) else {}
