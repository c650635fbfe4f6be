"""What a killed run needs to go on as if it had never stopped: `state.pt`, beside the checkpoint.

Everything random (order of the data, views, draws of the objective) follows from the seed and the position, and
the learning rate from the position, so the position stands for all generators and the schedule; with it are
stored the weights, the optimizer and the epoch's losses.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from boundcheck._places import atomic_path
from boundcheck.errors import FileError, InputError
from boundcheck.ingest import load_tensors

from .record import STATE, EpochRecord

_FORMAT = "boundcheck training state 1"
_UNCOMPARED = ("epochs", "command", "version")  # of the encoder's configuration


@dataclass(frozen=True)
class Position:
    """How far a run is.

    Attributes:
        epoch: finished epochs.
        step: finished steps of the epoch under way.
        losses: of those steps, nats.
        seconds: spent on them.
        history: one record per finished epoch.
    """

    epoch: int = 0
    step: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    history: tuple[EpochRecord, ...] = ()


def trained_modules(encoder: nn.Module, classifier: nn.Module | None) -> dict[str, nn.Module]:
    """What a state holds, by name."""
    return {"encoder": encoder} | ({} if classifier is None else {"classifier": classifier})


def save_state(
    out: Path,
    position: Position,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    settings: Mapping[str, Any],
) -> None:
    """Writes the state of a run, atomically.

    Args:
        out: folder of the run.
        position: how far it is.
        modules: what is trained, as it is now: `encoder` and, where there is one, `classifier`.
        optimizer: likewise.
        settings: what decides the weights, in plain values.

    Raises:
        FileError: the file cannot be written.
    """
    content = io.BytesIO()
    payload = {
        "format": _FORMAT,
        "settings": json.dumps(settings),
        "position": asdict(position),
        **{name: module.state_dict() for name, module in modules.items()},
        "optimizer": optimizer.state_dict(),
    }
    torch.save(payload, content)
    with atomic_path(out / STATE) as temporary:
        temporary.write_bytes(content.getbuffer())


def load_state(
    out: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer, settings: Mapping[str, Any]
) -> Position:
    """Puts modules and optimizer where the run stopped; nothing in the file is executed.

    Args:
        out: folder of the run.
        modules: as given to `save_state`; changed in place.
        optimizer: of their parameters; changed in place.
        settings: of this call; they must be the run's.

    Returns:
        How far the run was; its beginning where there is no state.

    Raises:
        FileError: the file is damaged.
        InputError: the settings differ.
    """
    path = out / STATE
    if not path.exists():
        return Position()
    try:
        payload = load_tensors(path)
        if payload["format"] != _FORMAT:
            raise ValueError(payload["format"])
        saved, plain = json.loads(payload["settings"]), payload["position"]
        history = tuple(EpochRecord(**record) for record in plain["history"])
        weights = {name: payload[name] for name in modules}
    except Exception as error:  # torch raises a dozen unrelated kinds for damaged files
        raise FileError(
            f"resume: needs a complete {STATE} of this version, received '{path}' ({type(error).__name__} while "
            "reading); start again with --overwrite"
        ) from error
    _check_same(saved, settings, out)
    for name, module in modules.items():
        module.load_state_dict(weights[name])
    optimizer.load_state_dict(payload["optimizer"])
    return Position(**{**plain, "losses": tuple(plain["losses"]), "history": history})


def is_finished(out: Path, settings: Mapping[str, Any]) -> bool:
    """Whether the folder holds a run that has nothing left to do.

    Args:
        out: folder of the run.
        settings: of this call; they must be a finished run's.

    Raises:
        FileError: `run.json` is damaged.
        InputError: the settings differ.
    """
    if (out / STATE).exists() or not (out / "run.json").is_file():
        return False
    try:
        manifest = json.loads((out / "run.json").read_text())
        saved = {name: manifest[name] for name in settings}
        done = manifest["epochs_done"] == manifest["epochs"]
    except (ValueError, KeyError) as error:
        raise FileError(f"resume: needs a complete run.json in '{out}'; start again with --overwrite") from error
    _check_same(saved, settings, out)
    return bool(done)


def _check_same(saved: Mapping[str, Any], settings: Mapping[str, Any], out: Path) -> None:
    """The run's settings, but for what does not decide its weights."""
    before, now = dict(_flat("", saved)), dict(_flat("", json.loads(json.dumps(settings))))
    for name in (*now, *before):
        old, new = before.get(name), now.get(name)
        if old != new:
            raise InputError(
                f"resume: {name} must be that of the run in '{out}', {old}, received {new}; use it, or another --out"
            )


def _flat(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Nested settings as (dotted name, value)."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        elif prefix != "config." or name not in _UNCOMPARED:
            yield f"{prefix}{name}", value
