"""One trial, from training to its last number. Its accuracies are written last: where they are, it is finished."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck._device import resolve_device
from boundcheck._places import atomic_path
from boundcheck.checkpoints import load_encoder
from boundcheck.data import Progress
from boundcheck.embeddings import EmbeddingSet
from boundcheck.encoders import Encoder
from boundcheck.lab.objectives import OBJECTIVES
from boundcheck.lab.objectives.options import hyperparameters
from boundcheck.lab.training import train
from boundcheck.lab.training.encode import encode
from boundcheck.lab.training.probes import PROBES, probe
from boundcheck.runs import save_run
from boundcheck.verification import verify

from .batch_losses import BatchLosses
from .epochs import epoch_callbacks, measured_views
from .images import TrialData, load_trial_data, represent
from .presets import Trial


def run_trial(
    trial: Trial,
    folder: Path,
    *,
    data_dir: Path | None = None,
    device: str = "auto",
    command: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Trains, tracks, probes and verifies one encoder; what an earlier, interrupted call finished is kept.

    Args:
        trial: what to train.
        folder: of this trial; gets `train/`, `tracking.csv`, `gaps.csv`, `geometry.csv`, `spectrum.csv`,
            `epochs.csv`, `batch_losses.csv`, `verification/` and, last, `accuracy.csv`.
        data_dir: folder of data sets to look in first.
        device: one of `auto`, `cpu`, `cuda`, `mps`.
        command: the command line to record.
        progress: called with (done, total, unit).
    """
    data = load_trial_data(trial.training, data_dir)
    checkpoint = _train(trial, folder, data, device, command, progress)
    encoder = load_encoder(checkpoint).encoder.to(resolve_device(device))
    if not (folder / "verification").exists():
        training = trial.training
        inputs, labels = measured_views(training, data)
        emb = EmbeddingSet(
            encode(encoder, inputs),
            labels,
            ids=data.held_out.ids,
            classes=data.held_out.classes,
            normalize=not training.unit_ball,
        )
        verification = verify(
            emb,
            temperature=training.temperature,
            betas=training.tracked_betas,
            q=(training.measured_q,),
            device=device,
        )
        save_run(verification.run, folder / "verification")
    facts = trial.facts | {"epochs": trial.training.epochs}
    rows = [facts | row for row in _accuracies(encoder, data, trial.training.unit_ball)]
    with atomic_path(folder / "accuracy.csv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


def is_finished(folder: Path) -> bool:
    """Whether a trial's last file is there."""
    return (folder / "accuracy.csv").exists()


def _train(
    trial: Trial, folder: Path, data: TrialData, device: str, command: str | None, progress: Progress | None
) -> Path:
    """Trains the encoder and measures it over epochs."""
    training = trial.training
    statistic = BatchLosses(trial, folder)
    known = hyperparameters(OBJECTIVES[trial.loss])
    return train(
        data.train,
        objective=trial.loss,
        out=folder / "train",
        arch=training.arch,
        epochs=training.epochs,
        batch_size=training.batch_size,
        temperature=training.temperature,
        beta=0.0 if trial.beta is None else trial.beta,
        positives=training.positives,
        weight_gradient=trial.weight_gradient,
        options={name: value for name, value in training.options.items() if name in known},
        n_views=training.n_views,
        augment=training.augment,
        views_apart=training.views_apart,
        embedding_dim=training.embedding_dim,
        unit_ball=training.unit_ball,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        seed=trial.seed,
        device=device,
        resume=True,
        callbacks=[statistic.at_epoch_end, *epoch_callbacks(trial, data, folder)],
        watch=statistic.watch,
        command=command,
        progress=progress,
    )


def _accuracies(encoder: Encoder, data: TrialData, unit_ball: bool) -> Iterator[dict[str, Any]]:
    """Every probe on backbone features and on embeddings, whose norms count where they lie in the unit ball."""
    train_outputs, test_outputs = represent(encoder, data.train), represent(encoder, data.test)
    for kind, x, x_test in zip(("backbone", "embedding"), train_outputs, test_outputs, strict=True):
        for name in PROBES:
            as_they_are = name == "mean" and kind == "embedding" and unit_ball
            options = {"normalise": False} if as_they_are else {}
            result = probe(name, x, data.train.labels, x_test, data.test.labels, **options)
            yield {
                "probe": name,
                "features": kind,
                "top1": result.top1.value,
                "top5": result.top5.value,
                "top1_low": result.top1.low,
                "top1_high": result.top1.high,
                "top5_low": result.top5.low,
                "top5_high": result.top5.high,
            }
