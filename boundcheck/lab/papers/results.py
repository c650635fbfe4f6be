"""The tables of a recipe: what its finished trials say, put together, and read again for the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boundcheck._places import atomic_path
from boundcheck.errors import FileError
from boundcheck.ingest import read_json
from boundcheck.lab.training.epoch_table import read_rows

from .presets import Trial
from .queue import failure
from .trial import is_finished

_TEXT = (
    "dataset", "objective", "probe", "features", "loss", "gap", "split", "hardening", "positives", "estimator",
    "reason",
)  # fmt: skip
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, eq=False)
class Results:
    """Every table begins with dataset, objective, beta (NaN: no hardness) and seed of the trained encoder.

    Attributes:
        accuracy: probes at the end of training: epochs, probe, features, top1, top5 and their intervals over test
            instances.
        epochs: accuracy over epochs: epoch, probe, features, top1, top5.
        tracking: losses over epochs: epoch, loss, loss_beta, estimate and interval (nats), share of anchors with
            Assumption 1 at loss_beta and its interval.
        gaps: paired gaps over epochs: epoch, gap, loss_beta, estimate and interval (nats).
        losses: losses at the end: losses.csv of a verification, its beta renamed loss_beta.
        assumption: shares and margins at the end: assumption.csv of a verification, its beta renamed loss_beta.
        margins: quantiles of the anchors' margins at the end: loss_beta, quantile, margin (nats).
        crossing: crossing_beta, the hardness at which H-SCL meets UCL at the end; NaN where they never meet.
        batch_losses: of the training batches over epochs, see `BatchLosses`: epoch, loss, loss_beta, mean (nats).
        geometry: distances from neural collapse over epochs, see `Geometry`: epoch, split, one column each.
        spectrum: singular values of the class means over epochs: epoch, split, index from 1, value, and covariance, the
            eigenvalues of their covariance.
        failed: the trials that cannot be finished, and in no other table: reason.
    """

    accuracy: pd.DataFrame
    epochs: pd.DataFrame
    tracking: pd.DataFrame
    gaps: pd.DataFrame
    losses: pd.DataFrame
    assumption: pd.DataFrame
    margins: pd.DataFrame
    crossing: pd.DataFrame
    batch_losses: pd.DataFrame
    geometry: pd.DataFrame
    spectrum: pd.DataFrame
    failed: pd.DataFrame


def collect(trials: Sequence[Trial], folder: Path) -> Results:
    """The tables of the trials that are finished, of which there must be one, and those that failed.

    Args:
        trials: in the order of the rows.
        folder: of all trials.
    """
    finished = [trial for trial in trials if is_finished(folder / trial.key)]
    failed = [trial.facts | {"reason": reason} for trial in trials if (reason := failure(folder / trial.key))]
    return Results(
        failed=pd.DataFrame(failed, columns=["dataset", "objective", "beta", "seed", "reason"]),
        **{
            name: pd.concat([read(trial, folder / trial.key) for trial in finished], ignore_index=True)
            for name, read in _READERS.items()
        },
    )


def save_results(results: Results, out: Path) -> None:
    """Writes every table as NAME.csv, each atomically."""
    for field in fields(results):
        with atomic_path(out / f"{field.name}.csv") as temporary:
            getattr(results, field.name).to_csv(temporary, index=False)


def load_results(out: Path) -> Results:
    """Reads what `save_results` wrote.

    Raises:
        FileError: a table is missing.
    """
    missing = next((f"{field.name}.csv" for field in fields(Results) if not (out / f"{field.name}.csv").exists()), None)
    if missing:
        raise FileError(f"results: '{out / missing}' is missing; run `boundcheck reproduce` again")
    return Results(**{field.name: _read_csv(out / f"{field.name}.csv") for field in fields(Results)})


def _read_csv(path: Path) -> pd.DataFrame:
    return read_rows(path, _TEXT)


def _plain(name: str) -> Callable[[Trial, Path], pd.DataFrame]:
    """A table of a trial as it is."""
    return lambda trial, folder: _read_csv(folder / f"{name}.csv")


def _verified(name: str) -> Callable[[Trial, Path], pd.DataFrame]:
    """A table of the final verification, behind the trial's own columns."""

    def read(trial: Trial, folder: Path) -> pd.DataFrame:
        frame = _read_csv(folder / "verification" / f"{name}.csv").rename(columns={"beta": "loss_beta"})
        return _behind(trial, frame)

    return read


def _margins(trial: Trial, folder: Path) -> pd.DataFrame:
    anchors = pd.read_parquet(folder / "verification" / "anchors.parquet")
    return _behind(trial, pd.DataFrame(_quantile_rows(anchors)))


def _quantile_rows(anchors: pd.DataFrame) -> Iterator[dict[str, float]]:
    for name in anchors.columns[anchors.columns.str.startswith("margin[")]:
        tilt = name.removeprefix("margin[").removesuffix("]")
        loss_beta = 0.0 if tilt == "constant" else float(tilt.removeprefix("exp:"))
        for quantile, margin in zip(_QUANTILES, np.nanquantile(anchors[name], _QUANTILES), strict=True):
            yield {"loss_beta": loss_beta, "quantile": quantile, "margin": margin}


def _crossing(trial: Trial, folder: Path) -> pd.DataFrame:
    manifest: dict[str, Any] = read_json(folder / "verification" / "run.json", "the record of a run")
    found = manifest["crossing"][0]["beta"]
    return _behind(trial, pd.DataFrame({"crossing_beta": [np.nan if found is None else found]}))


def _behind(trial: Trial, frame: pd.DataFrame) -> pd.DataFrame:
    """The trial's columns, then the frame's."""
    facts = pd.DataFrame([trial.facts] * len(frame)).astype({"beta": float})
    return pd.concat([facts, frame], axis=1)


_READERS: dict[str, Callable[[Trial, Path], pd.DataFrame]] = {
    "accuracy": _plain("accuracy"),
    "epochs": _plain("epochs"),
    "tracking": _plain("tracking"),
    "gaps": _plain("gaps"),
    "losses": _verified("losses"),
    "assumption": _verified("assumption"),
    "margins": _margins,
    "crossing": _crossing,
    "batch_losses": _plain("batch_losses"),
    "geometry": _plain("geometry"),
    "spectrum": _plain("spectrum"),
}
