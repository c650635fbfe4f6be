"""What is measured after an epoch of a trial: losses and Assumption 1, geometry of the class means, 200-NN accuracy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from boundcheck.lab.training import EpochEnd
from boundcheck.lab.training.epoch_table import EpochTable
from boundcheck.lab.training.probes import probe
from boundcheck.lab.training.tracker import Tracker, held_out_views

from .geometry import geometry
from .images import TrialData, represent
from .presets import Trial

_MEASURES = ("zero_sum", "unit_norm", "equal_inner_product", "within_class")


def epoch_callbacks(trial: Trial, data: TrialData, folder: Path) -> list[Callable[[EpochEnd], None]]:
    """Callbacks for `train` that keep tracking.csv, gaps.csv, geometry.csv, spectrum.csv and epochs.csv in a folder.

    Args:
        trial: what is trained.
        data: its images.
        folder: of the trial; rows of an interrupted run that are there are taken up.
    """
    every, facts = trial.training.track_every, trial.facts
    tracker = Tracker(
        *held_out_views(data.held_out),
        temperature=trial.training.temperature,
        betas=trial.training.tracked_betas,
        every=every,
        folder=folder,
        **facts,
    )
    shapes = EpochTable(("split", *_MEASURES), facts, folder / "geometry.csv", text=["split"])
    spectra = EpochTable(("split", "index", "value"), facts, folder / "spectrum.csv", text=["split"])
    accuracies = EpochTable(("probe", "features", "top1", "top5"), facts, folder / "epochs.csv", ["probe", "features"])

    def measure(end: EpochEnd) -> None:
        if end.epoch % every and end.epoch != end.epochs:
            return
        outputs = {split: represent(end.encoder, getattr(data, split)) for split in ("train", "test")}
        found = {split: geometry(_unit(z), getattr(data, split).labels) for split, (_, z) in outputs.items()}
        shapes.put(end.epoch, [{"split": s} | {name: getattr(g, name) for name in _MEASURES} for s, g in found.items()])
        values = [(split, *item) for split, g in found.items() for item in enumerate(g.singular_values, start=1)]
        spectra.put(end.epoch, [{"split": split, "index": index, "value": value} for split, index, value in values])
        result = probe("knn", outputs["train"][0], data.train.labels, outputs["test"][0], data.test.labels)
        row = {"probe": "knn", "features": "backbone", "top1": result.top1.value, "top5": result.top5.value}
        accuracies.put(end.epoch, [row])

    return [tracker.at_epoch_end, measure]


def _unit(z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    unit: np.ndarray = z / np.linalg.norm(z, axis=1, keepdims=True)
    return unit
