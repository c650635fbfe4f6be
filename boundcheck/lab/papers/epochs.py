"""What is measured after an epoch of a trial: losses, Assumption 1, geometry of the class means, accuracies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from boundcheck.augment import IDENTITY
from boundcheck.lab.training import EpochEnd
from boundcheck.lab.training.epoch_table import EpochTable
from boundcheck.lab.training.probes import probe
from boundcheck.lab.training.tracker import Tracker, held_out_views

from .geometry import Geometry, geometry
from .images import TrialData, represent
from .presets import Training, Trial

_MEASURES = ("zero_sum", "unit_norm", "equal_inner_product", "equal_cosine", "within_class", "dimensions")


def epoch_callbacks(trial: Trial, data: TrialData, folder: Path) -> list[Callable[[EpochEnd], None]]:
    """Callbacks for `train` that keep tracking.csv, gaps.csv, geometry.csv, spectrum.csv and epochs.csv in a folder.

    Args:
        trial: what is trained.
        data: its images.
        folder: of the trial; rows of an interrupted run that are there are taken up.
    """
    every, facts = trial.training.track_every, trial.facts
    tracker = Tracker(
        *measured_views(trial.training, data),
        temperature=trial.training.temperature,
        betas=trial.training.tracked_betas,
        q=trial.training.measured_q,
        normalize=not trial.training.unit_ball,
        every=every,
        folder=folder,
        **facts,
    )
    shapes = EpochTable(("split", *_MEASURES), facts, folder / "geometry.csv", text=["split"])
    spectra = EpochTable(("split", "index", "value", "covariance"), facts, folder / "spectrum.csv", text=["split"])
    accuracies = EpochTable(("probe", "features", "top1", "top5"), facts, folder / "epochs.csv", ["probe", "features"])

    def measure(end: EpochEnd) -> None:
        if end.epoch % every and end.epoch != end.epochs:
            return
        images = {"train": data.train, "test": data.held_out}
        outputs = {split: represent(end.encoder, part) for split, part in images.items()}
        embeddings = {split: z if trial.training.unit_ball else _unit(z) for split, (_, z) in outputs.items()}
        found = {split: geometry(z, images[split].labels) for split, z in embeddings.items()}
        shapes.put(end.epoch, [{"split": s} | {name: getattr(g, name) for name in _MEASURES} for s, g in found.items()])
        spectra.put(end.epoch, [{"split": split} | row for split, g in found.items() for row in _spectrum(g)])
        accuracies.put(end.epoch, _accuracies(outputs, embeddings, data))

    return [tracker.at_epoch_end, measure]


def measured_views(training: Training, data: TrialData) -> tuple[Tensor, Int[np.ndarray, " n"]]:
    """Views of the held-out images and their labels, as many and as augmented as in training."""
    recipe = None if training.augment else IDENTITY
    return held_out_views(data.held_out, n_views=training.n_views, recipe=recipe)


def _spectrum(found: Geometry) -> list[dict[str, float]]:
    """Both spectra by index; the covariance has as many values, the least of them zero."""
    pairs = zip(found.singular_values, found.covariance_values, strict=True)
    return [
        {"index": k, "value": value, "covariance": covariance} for k, (value, covariance) in enumerate(pairs, start=1)
    ]


def _accuracies(
    outputs: dict[str, tuple[np.ndarray, np.ndarray]], embeddings: dict[str, np.ndarray], data: TrialData
) -> list[dict[str, Any]]:
    """200-NN on features (Jiang 2022) and the mean classifier on embeddings (Jiang 2024)."""
    rows = []
    for name, features in (("knn", "backbone"), ("mean", "embedding")):
        x = {split: pair[0] for split, pair in outputs.items()} if features == "backbone" else embeddings
        options = {"normalise": False} if name == "mean" else {}
        result = probe(name, x["train"], data.train.labels, x["test"], data.held_out.labels, **options)
        rows.append({"probe": name, "features": features, "top1": result.top1.value, "top5": result.top5.value})
    return rows


def _unit(z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    unit: np.ndarray = z / np.linalg.norm(z, axis=1, keepdims=True)
    return unit
