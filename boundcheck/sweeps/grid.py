"""The verb: encoders and temperatures in, one table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
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
from boundcheck.inference.multiplicity import holm, two_sided
from boundcheck.manifest import catalogue, environment, peak_memory_gb
from boundcheck.options import POSITIVE, check
from boundcheck.ranks import Ranks
from boundcheck.runs import Run
from boundcheck.spec import BETAS, TEMPERATURE, Execution, Progress, Variant, understood
from boundcheck.sweep_record import SWEEP_COLUMNS, SweepRecord
from boundcheck.sweeps.cells import cell_key, find_cell, keep_cell
from boundcheck.sweeps.result import Sweep
from boundcheck.sweeps.subjects import Encoders, Encoding, Subject, subjects_of
from boundcheck.verification import verify

_USUAL = {"temperature": (TEMPERATURE,), "beta": BETAS}


class Cell(NamedTuple):
    """One encoder at one temperature: its run, where it is kept, and whether it was there before."""

    subject: Subject
    temperature: float
    run: Run
    place: Path | None
    reused: bool


def sweep(
    encoders: Encoders,
    variant: Variant | None = None,
    execution: Execution | None = None,
    *,
    temperatures: Sequence[float] | None = None,
    claims: str | Sequence[str | Claim] = "all",
    cells: str | Path | None = None,
    ranks: Ranks | None = None,
    **options: Any,
) -> Sweep:
    """Verify many encoders at many temperatures, hardenings and betas, as one family of tests.

    Each encoder and temperature is one call of `verify`, whose passes over the pairs serve all hardenings and betas.
    The intervals, and so the verdicts, are those of `verify`; p-values are Holm-adjusted over every row of the sweep.

    Args:
        encoders: {name: embeddings or path}, or paths: of checkpoints, which encode a data set, or of embeddings.
        variant: which variant of the losses; without one, and without `betas`, those the encoders were trained with
            join the usual ones.
        execution: how they are computed.
        temperatures: tau > 0; None for all that the encoders were trained with, else 0.5.
        claims: as of `verify`; a user's own among them.
        cells: a folder that keeps each finished cell as a run; a cell in it is not computed again while encoder,
            data, options and code are the same. None keeps nothing.
        ranks: processes that share the cells; the first one's call, while the others `serve`.
        **options: fields of `Variant`, `Execution` and `Encoding`; `negatives`, `until_decided`, `confidence`,
            `duplicates`, `null` and `configurations` of `verify`, this "own" unless given: what would be tested
            elsewhere is true of any data, at a cost in every cell.

    Returns:
        The sweep: `.to_frame()`, `.save(directory)`.

    Raises:
        FileError: a checkpoint or an embeddings file cannot be read; found before anything is computed.
        InputError: an option is unknown or out of range, or an encoder lacks what it needs.
    """
    if "temperature" in options:
        raise unknown_name("option", "temperature", ["temperatures"])
    given = dict(options)
    of_encoding = {f.name: given.pop(f.name) for f in fields(Encoding) if f.name in given}
    verifying = {name: given.pop(name, usual) for name, usual in _OF_VERIFY.items()}
    asked, execution = understood(variant, execution, given)
    chosen = choose_claims(claims)
    encoding = Encoding(**of_encoding)
    subjects = subjects_of(encoders, encoding, execution)
    taus, notes = _values("temperature", temperatures, subjects)
    if not taus:
        raise InputError("temperatures: expected at least one, received none; the usual is 0.5")
    for tau in taus:
        check("temperatures", tau, POSITIVE, "the usual is 0.5")
    if variant is None and "betas" not in options:
        tilts, more = _values("beta", None, subjects)
        hardening = options.get("hardening", "exp")
        asked, notes = asked.but(betas=tilts, hardening=hardening), notes + more
    grid = Grid(asked, execution, verifying, chosen, taus, None if cells is None else Path(cells))
    if grid.folder is not None:
        check_writable(grid.folder / "cell")
    fresh: set[str] = set()
    if ranks is not None and ranks.size > 1:
        ranks.held.update(subjects=subjects, progress=execution.progress)
        # Afterwards every cell is there, and is read below.
        fresh = ranks.call(_finish_share, encoders, encoding, grid.plain())
    done: list[Cell] = []
    for subject in subjects:
        done += _cells_of(subject, grid, taus, (len(done), len(subjects) * len(taus)))
    done = [cell._replace(reused=cell.reused and not (cell.place and cell.place.name in fresh)) for cell in done]
    config = {**grid.settings(), "temperatures": taus, "split": encoding.split, "views": encoding.views}
    return Sweep(_record(done, chosen, config, notes))


_OF_VERIFY: dict[str, Any] = {
    "negatives": (), "until_decided": False, "confidence": 0.95, "duplicates": "keep", "null": True,
    "configurations": "own",
}  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """What every cell of a sweep is computed with."""

    variant: Variant
    execution: Execution
    verifying: Mapping[str, Any]
    claims: tuple[Claim, ...]
    temperatures: tuple[float, ...]
    folder: Path | None

    def settings(self) -> dict[str, Any]:
        """In plain values and names, but for the temperature and the claims."""
        of_variant = self.variant.plain()
        del of_variant["temperature"]
        return {
            **of_variant,
            **{name: getattr(self.execution, name) for name in ("estimator", "anchors", "seed", "device", "precision")},
            **self.verifying,
        }

    def key(self, subject: Subject, temperature: float) -> str | None:
        """Of the cell of an encoder at a temperature, see `cell_key`."""
        variant, device = self.variant.but(temperature=temperature), resolve_device(self.execution.device).type
        return cell_key(subject.identity, variant, {**self.settings(), "device": device}, self.claims)

    def plain(self) -> Grid:
        """As another rank may receive it: without the progress, which is this one's."""
        return replace(self, execution=replace(self.execution, progress=None))


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


def _cells_of(subject: Subject, grid: Grid, temperatures: Sequence[float], so_far: tuple[int, int]) -> list[Cell]:
    """The cells of one encoder; its embeddings are made only if one of them is missing."""
    cells: list[Cell] = []
    emb: EmbeddingSet | None = None
    folder, progress = grid.folder, grid.execution.progress
    for temperature in temperatures:
        where = f"{subject.name}, temperature {temperature:g}, cell {so_far[0] + len(cells) + 1} of {so_far[1]}"
        key = grid.key(subject, temperature) if folder else None
        kept = find_cell(folder, key) if folder and key else None
        if kept is not None:
            cells.append(Cell(subject, temperature, kept[1], kept[0], True))
            continue
        if emb is None:
            emb = subject.embeddings()
        shown = _labelled(progress, where) if progress is not None else None
        variant, execution = grid.variant.but(temperature=temperature), replace(grid.execution, progress=shown)
        run = verify(emb, variant, execution, claims=grid.claims, **grid.verifying).run
        place = keep_cell(folder, f"{subject.name}-t{temperature:g}", key, run) if folder and key else None
        cells.append(Cell(subject, temperature, run, place, False))
    return cells


def _finish_share(ranks: Ranks, encoders: Encoders, encoding: Encoding, grid: Grid) -> set[str]:
    """Computes the missing cells of one rank's share; on the first, folders of the cells that any rank computed."""
    grid = replace(grid, execution=replace(grid.execution, progress=ranks.held.pop("progress", None)))
    subjects = ranks.held.pop("subjects", None) or subjects_of(encoders, encoding, grid.execution)
    cells = [(subject, temperature) for subject in subjects for temperature in grid.temperatures]
    # Side by side, so that few encoders have their embeddings made on two ranks.
    own = np.array_split(np.arange(len(cells)), ranks.size)[ranks.rank]
    names: list[str] = []
    for subject, group in groupby(own.tolist(), lambda number: cells[number][0]):
        numbers = list(group)
        done = _cells_of(subject, grid, [cells[number][1] for number in numbers], (numbers[0], len(cells)))
        names += [cell.place.name for cell in done if cell.place is not None and not cell.reused]
    return {name for of_rank in ranks.gather_on_first(names) for name in of_rank}


def _labelled(progress: Progress, where: str) -> Progress:
    return lambda done, total, unit: progress(done, total, f"{unit} ({where})")


def _record(cells: Sequence[Cell], claims: Sequence[Claim], config: Mapping[str, Any], notes: list[str]) -> SweepRecord:
    """The cells in one table, with p-values adjusted over all of them."""
    tables = {name: pd.concat([_placed(cell, name) for cell in cells], ignore_index=True) for name in SWEEP_COLUMNS}
    tables["claims"]["p_holm"] = holm(two_sided(tables["claims"]["p_value"].to_numpy(float)))
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
