"""The batch statistic against its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from boundcheck.lab.objectives import hscl, hucl, scl, ucl
from boundcheck.lab.papers.batch_losses import BatchLosses
from boundcheck.lab.papers.presets import Training, Trial
from tests.lab.objectives.batches import LABELS, batch
from tests.oracles.batch_losses import looped_loss

TRAINING = Training("digits", "convnet", 1, batch_size=6)


def written(trial: Trial, folder: Path, batches: list[torch.Tensor]) -> dict[str, float]:
    statistic = BatchLosses(trial, folder)
    for z in batches:
        statistic.watch(z, LABELS)
    statistic.write(1)
    rows = pd.read_csv(folder / "batch_losses.csv")
    assert rows["loss"].tolist() == ["ucl", "hucl", "scl", "hscl"]
    assert rows["loss_beta"].isna().tolist() == [True, False, True, False]
    assert (rows["loss_beta"].dropna() == (trial.beta or 0.5)).all()
    return dict(zip(rows["loss"], rows["mean"], strict=True))


def test_two_views_are_each_others_positives_with_every_pair_alike(tmp_path):
    """As main_loss.py of the authors: positives are the other view, Q the views of other instances."""
    batches = [batch(seed=0), batch(seed=1)]
    means = written(Trial(TRAINING, "hucl", 2.0, 0), tmp_path, batches)
    for name, supervised, beta in (("ucl", False, 0), ("hucl", False, 2), ("scl", True, 0), ("hscl", True, 2)):
        expected = np.mean([
            float(looped_loss(z, LABELS, supervised_negatives=supervised, positives="augmentation", temperature=0.5,
                              beta=beta, q=10))
            for z in batches
        ])  # fmt: skip
        assert means[name] == pytest.approx(expected), name


def test_one_view_has_positives_by_class_and_the_options_of_the_training(tmp_path):
    options = {"q": 1.0, "average": "pairs", "keep_anchor": True}
    training = Training("digits", "convnet", 1, n_views=1, temperature=1.0, drawn=256, **options)
    z = 0.8 * batch(views=1)
    means = written(Trial(training, "scl", None, 0), tmp_path, [z])
    shared = {"temperature": 1.0, "positives": "class", **options}
    for name, loss in (("ucl", ucl), ("hucl", hucl), ("scl", scl), ("hscl", hscl)):
        tilt = {"beta": 0.5} if name in ("hucl", "hscl") else {}
        assert means[name] == pytest.approx(float(loss(z, LABELS, **shared, **tilt))), name


def test_an_epoch_begins_anew(tmp_path):
    statistic = BatchLosses(Trial(TRAINING, "ucl", None, 0), tmp_path)
    for epoch in (1, 2):
        statistic.watch(batch(seed=epoch), LABELS)
        statistic.write(epoch)
    rows = pd.read_csv(tmp_path / "batch_losses.csv")
    last = rows[(rows["epoch"] == 2) & (rows["loss"] == "ucl")]["mean"].item()
    expected = ucl(batch(seed=2), LABELS, temperature=0.5, average="pairs")
    assert last == pytest.approx(float(expected))
