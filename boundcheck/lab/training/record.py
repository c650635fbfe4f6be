"""What a training run leaves behind: `encoder.pt`, `history.csv`, `run.json`, and `state.pt` until it ends."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

import boundcheck
from boundcheck._places import atomic_path, collect_leftovers
from boundcheck.encoders import Encoder, EncoderConfig, save_checkpoint
from boundcheck.errors import FileError
from boundcheck.ranks import Ranks

STATE = "state.pt"


@dataclass(frozen=True)
class EpochRecord:
    """One line of `history.csv`.

    Attributes:
        epoch: from 1.
        batch_loss: mean of the training batches' losses while the weights moved, in training mode; not an
            estimate of any population value. Nats.
        images_per_s: instances (each in two views) per second.
        seconds: duration of the epoch.
    """

    epoch: int
    batch_loss: float
    images_per_s: float
    seconds: float


@dataclass(frozen=True)
class EpochEnd:
    """What a callback of `train` is told after an epoch, once the epoch's files are written.

    Attributes:
        epoch: the epoch that ended, from 1.
        epochs: epochs of the whole run.
        encoder: as it is now, in evaluation mode on the training device; a callback must not change it.
        config: describes it.
        batch_loss: mean of the training batches' losses, as in `EpochRecord`. Nats.
        out: folder of the run.
    """

    epoch: int
    epochs: int
    encoder: Encoder
    config: EncoderConfig
    batch_loss: float
    out: Path


def read_history(out: str | Path) -> list[EpochRecord]:
    """The finished epochs of the run in a folder.

    Args:
        out: folder of the run.

    Raises:
        FileError: it holds no complete `history.csv`.
    """
    path = Path(out) / "history.csv"
    try:
        with path.open(newline="") as file:
            return [
                EpochRecord(int(row["epoch"]), *(float(row[field.name]) for field in fields(EpochRecord)[1:]))
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileError(f"history: must be a complete file of `train`, received '{path}'; train again") from error


def check_folder(out: Path, overwrite: bool, resume: bool) -> None:
    """Refuses the folder of a run, held by this process, before any work is spent on it.

    Args:
        out: the folder.
        overwrite: whether an earlier run in it may be replaced.
        resume: whether a run in it is to go on.

    Raises:
        FileError: it is in use, or cannot be read.
    """
    try:
        collect_leftovers(out)
        in_use = any(out.iterdir())
        resumable = (out / STATE).exists()
    except OSError as error:
        raise FileError(f"out: must be a folder that can be read, received '{out}' ({error.strerror})") from error
    if resume and in_use and not resumable:
        raise FileError(f"resume: needs '{STATE}' or an empty folder, received '{out}'; choose another or --overwrite")
    if in_use and not (overwrite or resume):
        raise FileError(
            f"out: must be a new or empty folder, received '{out}'; choose another, or pass --overwrite or --resume"
        )


def write_run(
    out: Path,
    encoder: Encoder,
    config: EncoderConfig,
    history: Sequence[EpochRecord],
    settings: Mapping[str, Any],
    ranks: Ranks,
) -> Path:
    """Writes the state of a run after an epoch, each file atomically.

    Args:
        out: folder of the run.
        encoder: as it is now.
        config: describes it.
        history: one record per finished epoch.
        settings: what else decided the weights.
        ranks: the processes that trained it.

    Returns:
        The checkpoint's path.

    Raises:
        FileError: a file cannot be written.
    """
    save_checkpoint(out / "encoder.pt", encoder, config)
    rows = [asdict(record) for record in history]
    with atomic_path(out / "history.csv") as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    manifest = {
        "kind": "training",
        "command": config.command,
        **settings,
        "config": asdict(config),
        "epochs_done": len(rows),
        "seconds": sum(record.seconds for record in history),
        "images_per_s": float(np.mean([record.images_per_s for record in history])),
        "device": str(ranks.device),
        "processes": ranks.size,
        "threads": torch.get_num_threads(),
        "versions": {
            "boundcheck": boundcheck.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "platform": platform.platform(),
    }
    with atomic_path(out / "run.json") as temporary:
        temporary.write_text(json.dumps(manifest, indent=2) + "\n")
    return out / "encoder.pt"
