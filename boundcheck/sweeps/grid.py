"""The verb: encoders and temperatures in, one table out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from boundcheck._device import resolve_device
from boundcheck._places import check_writable
from boundcheck.claims import Claim, choose_claims
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError, unknown_name
from boundcheck.estimators import DEFAULT_BETAS
from boundcheck.hardening import parse_hardening
from boundcheck.inference.multiplicity import holm
from boundcheck.manifest import catalogue, environment, peak_memory_gb
from boundcheck.pairwise.tiles import Progress
from boundcheck.ranks import Ranks
from boundcheck.runs import Run
from boundcheck.sweep_record import SWEEP_COLUMNS, SweepRecord
from boundcheck.sweeps.cells import cell_key, find_cell, keep_cell
from boundcheck.sweeps.result import Sweep
from boundcheck.sweeps.subjects import Encoders, Encoding, Subject, subjects_of
from boundcheck.verification import verify

_USUAL = {"temperature": (0.5,), "beta": DEFAULT_BETAS}


class Cell(NamedTuple):
    """One encoder at one temperature: its run, where it is kept, and whether it was there before."""

    subject: Subject
    temperature: float
    run: Run
    place: Path | None
    reused: bool


def sweep(
    encoders: Encoders,
    *,
    temperatures: Sequence[float] | None = None,
    betas: Sequence[float] | None = None,
    hardening: str | Sequence[str] = "exp",
    claims: str | Sequence[str | Claim] = "all",
    dataset: str | None = None,
    split: str = "test",
    views: int = 2,
    data_dir: Path | None = None,
    arch: str | None = None,
    normalize: bool = True,
    cache: bool = True,
    cells: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
    ranks: Ranks | None = None,
    **options: Any,
) -> Sweep:
    """Verify many encoders at many temperatures, hardenings and betas, as one family of tests.

    Each encoder and temperature is one call of `verify`, whose pass over the pairs serves all hardenings and betas. The
    intervals, and so the verdicts, are those of `verify`; p-values are Holm-adjusted over every row of the sweep.

    Args:
        encoders: {name: embeddings or path}, or paths: of checkpoints, which encode `dataset`, or of embeddings.
        temperatures: tau > 0; None for all that the encoders were trained with, else 0.5.
        betas: as of `verify`; None for the usual ones and all that the encoders were trained with.
        hardening: as of `verify`.
        claims: as of `verify`; a user's own among them.
        dataset: what checkpoints encode; None for what each was trained on.
        split, views, data_dir, arch: of the data set and the checkpoints, as of `load_dataset`, `extract` and
            `load_checkpoint`.
        normalize: scale the rows of embeddings files to norm 1.
        cache: read embeddings from the cache, and keep them there.
        cells: a folder that keeps each finished cell as a run; a cell in it is not computed again while encoder,
            data, options and code are the same. None keeps nothing.
        seed: of views and of what is sampled.
        device, progress: as of `verify`.
        ranks: processes that share the cells; the first one's call, while the others `serve`.
        **options: the other options of `verify`.

    Returns:
        The sweep: `.to_frame()`, `.save(directory)`.

    Raises:
        FileError: a checkpoint or an embeddings file cannot be read; found before anything is computed.
        InputError: an option is unknown or out of range, or an encoder lacks what it needs.
    """
    settings = {
        name: parameter.default
        for name, parameter in inspect.signature(verify).parameters.items()
        if name not in ("emb", "temperature", "claims", "progress")
    }
    for name in options:
        if name not in settings:
            raise unknown_name("option", name, [*settings, "temperatures"])
    chosen = choose_claims(claims)
    encoding = Encoding(dataset, split, views, data_dir, arch, normalize, cache, seed, device, progress)
    subjects = subjects_of(encoders, encoding)
    taus, notes = _values("temperature", temperatures, subjects)
    if not taus or not all(0 < tau < math.inf for tau in taus):
        raise InputError(f"temperatures: expected finite numbers > 0, received {list(taus)}; the usual is 0.5")
    tilts, more = _values("beta", betas, subjects)
    for name in (hardening,) if isinstance(hardening, str) else hardening:
        parse_hardening(name, tilts)
    settings |= options | {"betas": tilts, "hardening": hardening, "seed": seed, "device": device}
    folder = None if cells is None else Path(cells)
    if folder is not None:
        check_writable(folder / "cell")
    fresh: set[str] = set()
    if ranks is not None and ranks.size > 1:
        ranks.held.update(subjects=subjects, progress=progress)
        ids = [claim.id for claim in chosen]
        # Afterwards every cell is there, and is read below.
        fresh = ranks.call(_finish_share, encoders, replace(encoding, progress=None), taus, settings, ids, folder)
    done: list[Cell] = []
    for subject in subjects:
        done += _cells_of(subject, taus, settings, chosen, folder, progress, (len(done), len(subjects) * len(taus)))
    done = [cell._replace(reused=cell.reused and not (cell.place and cell.place.name in fresh)) for cell in done]
    config = {**settings, "temperatures": taus, "split": split, "views": views}
    return Sweep(_record(done, chosen, config, notes + more))


def _values(
    name: str, given: Sequence[float] | None, subjects: Sequence[Subject]
) -> tuple[tuple[float, ...], list[str]]:
    """The temperatures or betas to sweep, and what there is to say about where they come from."""
    if given is not None:
        return tuple(dict.fromkeys(float(value) for value in given)), []
    stored = {subject.stored[name] for subject in subjects if name in subject.stored}
    if not stored:
        return _USUAL[name], []
    # an encoder's own temperature stands for the usual one; its beta is one more of them
    values = stored if name == "temperature" else {*_USUAL[name], *stored}
    said = ", ".join(f"{value:g}" for value in sorted(stored))
    return tuple(sorted(values)), [f"{name}s include {said}, as stored in the checkpoints"]


def _cells_of(
    subject: Subject,
    temperatures: Sequence[float],
    settings: Mapping[str, Any],
    claims: Sequence[Claim],
    folder: Path | None,
    progress: Progress | None,
    so_far: tuple[int, int],
) -> list[Cell]:
    """The cells of one encoder; its embeddings are made only if one of them is missing."""
    cells: list[Cell] = []
    emb: EmbeddingSet | None = None
    resolved = {**settings, "device": resolve_device(settings["device"]).type}
    for temperature in temperatures:
        where = f"{subject.name}, temperature {temperature:g}, cell {so_far[0] + len(cells) + 1} of {so_far[1]}"
        key = cell_key(subject.identity, {**resolved, "temperature": temperature}, claims) if folder else None
        kept = find_cell(folder, key) if folder and key else None
        if kept is not None:
            if progress is not None:
                progress(1, 1, f"finished cell read ({where})")
            cells.append(Cell(subject, temperature, kept[1], kept[0], True))
            continue
        if emb is None:
            emb = subject.embeddings()
        shown = _labelled(progress, where) if progress is not None else None
        run = verify(emb, temperature=temperature, claims=claims, progress=shown, **settings).run
        place = keep_cell(folder, f"{subject.name}-t{temperature:g}", key, run) if folder and key else None
        cells.append(Cell(subject, temperature, run, place, False))
    return cells


def _finish_share(
    ranks: Ranks,
    encoders: Encoders,
    encoding: Encoding,
    temperatures: Sequence[float],
    settings: Mapping[str, Any],
    claims: Sequence[str],
    folder: Path | None,
) -> set[str]:
    """Computes the missing cells of one rank's share; on the first, folders of the cells that any rank computed."""
    subjects = ranks.held.pop("subjects", None) or subjects_of(encoders, encoding)
    progress = ranks.held.pop("progress", None)
    cells = [(subject, temperature) for subject in subjects for temperature in temperatures]
    # Side by side, so that few encoders have their embeddings made on two ranks.
    own = np.array_split(np.arange(len(cells)), ranks.size)[ranks.rank]
    names: list[str] = []
    for subject, group in groupby(own.tolist(), lambda number: cells[number][0]):
        numbers = list(group)
        taus = [cells[number][1] for number in numbers]
        done = _cells_of(subject, taus, settings, choose_claims(claims), folder, progress, (numbers[0], len(cells)))
        names += [cell.place.name for cell in done if cell.place is not None and not cell.reused]
    return {name for of_rank in ranks.gather_on_first(names) for name in of_rank}


def _labelled(progress: Progress, where: str) -> Progress:
    return lambda done, total, unit: progress(done, total, f"{unit} ({where})")


def _record(cells: Sequence[Cell], claims: Sequence[Claim], config: Mapping[str, Any], notes: list[str]) -> SweepRecord:
    """The cells in one table, with p-values adjusted over all of them."""
    tables = {name: pd.concat([_placed(cell, name) for cell in cells], ignore_index=True) for name in SWEEP_COLUMNS}
    tables["claims"]["p_holm"] = holm(tables["claims"]["p_value"].to_numpy(float))
    fresh = [cell for cell in cells if not cell.reused]
    manifest = {
        **environment(),
        "command": [],
        "config": {**config, "claims": [claim.id for claim in claims]},
        "seed": config["seed"],
        "encoders": [_encoder(cell) for cell in cells if cell.temperature == cells[0].temperature],
        "cells": [_cell(cell) for cell in cells],
        "family": int(tables["claims"]["p_value"].notna().sum()),
        "cost": {
            "wall_seconds": sum(cell.run.manifest["cost"]["wall_seconds"] for cell in fresh),
            "pairs": sum(cell.run.manifest["cost"]["pairs"] for cell in fresh),
            "cells_computed": len(fresh),
            "cells_reused": len(cells) - len(fresh),
            "peak_memory_gb": peak_memory_gb(),
        },
        "notes": notes,
        "warnings": _warnings(cells),
        "catalogue": catalogue(claims),
    }
    return SweepRecord(**tables, manifest=manifest)


def _placed(cell: Cell, table: str) -> pd.DataFrame:
    """A table of a cell's run with the cell's name and temperature."""
    frame: pd.DataFrame = getattr(cell.run, table)
    return frame.assign(encoder=cell.subject.name, temperature=cell.temperature)[SWEEP_COLUMNS[table]]


def _encoder(cell: Cell) -> dict[str, Any]:
    data = {key: value for key, value in cell.run.manifest["data"].items() if key not in ("source", "class_counts")}
    path = None if cell.subject.path is None else str(cell.subject.path)
    return {"name": cell.subject.name, "path": path, "checkpoint": cell.run.manifest["checkpoint"], "data": data}


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "encoder": cell.subject.name,
        "temperature": cell.temperature,
        "reused": cell.reused,
        "run": None if cell.place is None else str(cell.place),
        "key": cell.run.manifest.get("cell"),
        "created": cell.run.manifest["created"],
        "estimator": cell.run.manifest["config"]["estimator"],
        "cost": cell.run.manifest["cost"],
    }


def _warnings(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Each warning of the runs once, with the cells it is about."""
    about: dict[str, list[str]] = {}
    for cell in cells:
        for warning in cell.run.manifest["warnings"]:
            about.setdefault(warning, []).append(f"{cell.subject.name} at τ = {cell.temperature:g}")
    return [{"warning": warning, "cells": where, "all": len(where) == len(cells)} for warning, where in about.items()]
