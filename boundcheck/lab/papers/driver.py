"""Running a recipe: missing trials one after the other, numbers after each, tables and figures at the end."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import boundcheck
from boundcheck._device import resolve_device
from boundcheck._locks import lock
from boundcheck._places import atomic_path, writing
from boundcheck.data import Progress
from boundcheck.errors import InputError
from boundcheck.ingest import read_json
from boundcheck.manifest import hardware

from .departures import departures
from .page import write_page
from .presets import Trial
from .queue import Said, failure, work_through
from .recipe import Recipe
from .results import Results, collect, save_results
from .trial import is_finished
from .writing import write_figures, write_tables


def run_recipe(
    recipe: Recipe,
    preset_name: str,
    out: Path,
    folder: Path,
    train: bool,
    data_dir: Path | None,
    device: str,
    command: str | None,
    say: Said | None,
    progress: Progress | None,
) -> Path:
    """See `reproduce`; `folder` is that of all trials."""
    trials = list(recipe.presets[preset_name].trials())
    tell = say or (lambda line: None)
    finished = sum(is_finished(folder / trial.key) for trial in trials)
    tell(f"{recipe.id}, preset {preset_name}: {finished} of {len(trials)} trials are finished")
    if train:
        resolve_device(device)  # a mistake is told before any work
        queue = work_through(
            trials, folder, data_dir=data_dir, device=device, command=command, tell=tell, progress=progress
        )
        for _ in queue:
            _write_numbers(recipe, preset_name, folder, out, command)
    results, manifest = _write_numbers(recipe, preset_name, folder, out, command)
    with writing(out):
        write_tables(recipe, results, out)
        write_figures(recipe, results, out)
    write_page(recipe, results, manifest, out)
    return out


def _write_numbers(
    recipe: Recipe, preset_name: str, folder: Path, out: Path, command: str | None
) -> tuple[Results, dict[str, Any]]:
    """The tables of the finished trials, and what made them; one process at a time."""
    trials = list(recipe.presets[preset_name].trials())
    if not any(is_finished(folder / trial.key) for trial in trials):
        raise InputError(_nothing(preset_name, trials, folder))
    with lock(folder / ".lock", wait=True):
        results = collect(trials, folder)
        save_results(results, out)
        manifest = _manifest(recipe, preset_name, trials, folder, command)
        with atomic_path(out / "run.json") as temporary:
            temporary.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return results, manifest


def _nothing(preset_name: str, trials: Sequence[Trial], folder: Path) -> str:
    """Why there is nothing to show."""
    reasons = [reason for trial in trials if (reason := failure(folder / trial.key))]
    failed = f" ({len(reasons)} failed, the first: {reasons[0]})" if reasons else ""
    return (
        f"trials: none of preset {preset_name} is finished in '{folder}'{failed}; run it without --no-train, or wait "
        "for the process that is working on it"
    )


def _manifest(
    recipe: Recipe, preset_name: str, trials: Sequence[Trial], folder: Path, command: str | None
) -> dict[str, Any]:
    """What was run, on what, for how long, and where it departs from the paper."""
    preset = recipe.presets[preset_name]
    finished = [folder / trial.key for trial in trials if is_finished(folder / trial.key)]
    runs = [read_json(place / "train" / "run.json", "the record of a training") for place in finished]
    return {
        "kind": "reproduction",
        "recipe": recipe.id,
        "source": recipe.source,
        "preset": preset_name,
        "command": command,
        "config": asdict(preset),
        "deviations": departures(preset, recipe.presets.get("paper", preset), runs),
        "trials": len(trials),
        "trials_finished": len(finished),
        "trials_failed": sum(failure(folder / trial.key) is not None for trial in trials),
        "training": {
            "seconds": sum(run["seconds"] for run in runs),
            "images_per_s": float(np.mean([run["images_per_s"] for run in runs])),
            "devices": sorted({run["device"] for run in runs}),
            "threads": sorted({run["threads"] for run in runs}),
        },
        "platform": hardware(),
        "versions": {
            "boundcheck": boundcheck.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }
