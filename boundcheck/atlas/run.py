"""The verb: sets of embeddings by many encoders in, one table out; what is finished is kept and not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from boundcheck._places import check_writable
from boundcheck.atlas.entries import ENTRIES, choose_entries
from boundcheck.atlas.entry import Entry, Making
from boundcheck.atlas.errors import EPISODES, SHOTS, error_rows
from boundcheck.atlas.packages import how_to_install, missing_of, version_of
from boundcheck.atlas.table import atlas_frame
from boundcheck.atlas_record import AtlasRecord
from boundcheck.bounds import BOUNDS
from boundcheck.embeddings import EmbeddingSet, load_embeddings, save_embeddings
from boundcheck.errors import DataMissingError
from boundcheck.options import check, whole
from boundcheck.spec import Progress
from boundcheck.store import key_of, once, source_digest, source_of
from boundcheck.sweeps import sweep

TEMPERATURES, BETAS = (0.1, 0.5, 1.0), (0.5, 1.0, 2.0, 5.0)
INSTANCES, LEAST = 1500, 50
FOLDER = Path("runs/atlas")


def atlas(
    only: Sequence[str] | None = None,
    *,
    entries: Sequence[Entry] = ENTRIES,
    temperatures: Sequence[float] = TEMPERATURES,
    betas: Sequence[float] = BETAS,
    instances: int = INSTANCES,
    seed: int = 0,
    folder: Path = FOLDER,
    data_dir: Path | None = None,
    installed: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
) -> AtlasRecord:
    """Every claim and every bound on downstream error, on public data by public encoders.

    Each data set by an encoder is made once, verified at every temperature (claims about another configuration in it),
    and its few-shot error is measured beside the bounds on it. All of that is kept in a folder and read from there
    while data, options and code are the same, so that an interrupted atlas goes on.

    Args:
        only: modalities, data sets or encoders; None for all.
        entries: what there is to choose from.
        temperatures: tau > 0.
        betas: of the exponential tilts.
        instances: the most of a data set, drawn at random.
        seed: of what is drawn.
        folder: of what is kept.
        data_dir: folder of image data sets.
        installed: leave out what needs a package that is not installed, instead of refusing.
        tell: given a line for each set.
        progress: given the work done.

    Raises:
        InputError: an option is out of range, or names nothing.
        DataMissingError: a package or a data set is not installed.
    """
    check("instances", instances, whole(LEAST), f"the usual is {INSTANCES}")
    chosen = choose_entries(only, entries)
    absent = {entry.name: missing for entry in chosen if (missing := missing_of(entry.needs))}
    if absent and (not installed or len(absent) == len(chosen)):
        raise DataMissingError(_missing(absent, len(absent) < len(chosen)))
    check_writable(folder / "embeddings" / "set")
    began = time.perf_counter()
    making = Making(instances, seed, folder, data_dir)
    sets: dict[str, tuple[Entry, EmbeddingSet]] = {}
    for entry in chosen:
        if entry.name in absent:
            tell(f"{entry.name}: left out, needs {', '.join(absent[entry.name])}")
            continue
        sets[entry.name] = entry, _embeddings(entry, making)
        emb = sets[entry.name][1]
        tell(f"{entry.name}: {emb.n:,} instances, {emb.v} views, {emb.d:,} dimensions, {emb.c} classes")
    swept = sweep(
        {name: emb for name, (_, emb) in sets.items()}, temperatures=temperatures, betas=list(betas), seed=seed,
        configurations="all", cells=folder / "cells", progress=progress,
    )  # fmt: skip
    errors = {}
    for done, (name, (_, emb)) in enumerate(sets.items()):
        if progress is not None:
            progress(done, len(sets), f"few-shot errors ({name})")
        errors[name] = error_rows(emb, folder / "errors", seed)
    frame = atlas_frame(swept.record, errors, sets)
    source = swept.record.manifest
    bounds = {
        f"error_{bound.id}": {"title": bound.title, "kind": "theorem", "statement": bound.statement,
                              "source": bound.source, "premise": "", "unit": "share"}
        for bound in BOUNDS.values()
    }  # fmt: skip
    manifest = {name: source[name] for name in source if name not in ("cells", "encoders", "family", "notes")}
    manifest |= {
        "config": {**source["config"], "instances": instances, "shots": list(SHOTS), "episodes": EPISODES},
        "catalogue": {**source["catalogue"], **bounds},
        "sets": [_about(entry, emb) for entry, emb in sets.values()],
        "left_out": absent,
        "cost": {
            "seconds_of_cells": round(sum(cell["cost"]["wall_seconds"] for cell in source["cells"]), 1),
            "pairs": sum(cell["cost"]["pairs"] for cell in source["cells"]),
            "cells_computed": source["cost"]["cells_computed"],
            "cells_reused": source["cost"]["cells_reused"],
            "seconds": round(time.perf_counter() - began, 1),
        },
    }
    return AtlasRecord(frame, manifest)


def _missing(absent: dict[str, list[str]], others: bool) -> str:
    """What to install, or, where there are other sets, how to do without."""
    packages = list(dict.fromkeys(name for names in absent.values() for name in names))
    return (
        f"atlas: {len(absent)} of its sets ({'; '.join(absent)}) need packages of the extra atlas that are not "
        f"installed: {', '.join(packages)}; {how_to_install(packages)}"
        + (", or leave these sets out with --installed" if others else "")
    )


def _embeddings(entry: Entry, making: Making) -> EmbeddingSet:
    """From the folder where they were kept by the same code and packages, else made and kept."""
    code = _code_of(entry.make)
    if code is None:
        return entry.make(making)
    versions = {name: version_of(name) for name in entry.needs}
    decides = [entry.name, making.instances, making.seed, versions, torch.__version__, code]
    words = "".join(letter if letter.isalnum() else "-" for letter in entry.name.lower())
    path = making.folder / "embeddings" / f"{words}-{key_of(decides)[:12]}.npz"
    return once(path, partial(entry.make, making), load_embeddings, save_embeddings)


def _code_of(make: Callable[[Making], EmbeddingSet]) -> str | None:
    """A hash of the code that makes embeddings; None where it can change unseen: in a notebook, or a closure."""
    function = make.func if isinstance(make, partial) else make
    package, _, name = function.__module__.rpartition(".")
    if package == "boundcheck.atlas":
        parts = ("atlas/entry.py", "augment.py", "checkpoints", "data", "encoders", "extraction.py", "lab")
        return source_digest(f"atlas/{name}.py", *parts)
    given = (make.args, sorted(make.keywords.items())) if isinstance(make, partial) else ()
    source = source_of(function)
    return source and key_of([source, function.__qualname__, given])


def _about(entry: Entry, emb: EmbeddingSet) -> dict[str, Any]:
    """One set, for the manifest."""
    return {
        "data": entry.data, "modality": entry.modality, "encoder": entry.encoder,
        "packages": {name: version_of(name) for name in entry.needs},
        "n": emb.n, "views": emb.v, "d": emb.d, "classes": emb.c, "smallest_class": int(emb.class_counts.min()),
        "largest_class": int(emb.class_counts.max()), "mean_cosine": emb.mean_cosine, "sha256": emb.digest,
    }  # fmt: skip
