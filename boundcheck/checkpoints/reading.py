"""Files of weights, read without running what they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from boundcheck.checkpoints.admitted import Admitted, NotAdmittedError
from boundcheck.checkpoints.base import CheckpointFile
from boundcheck.errors import FileError
from boundcheck.ingest import (
    budget,
    is_regular,
    load_safetensors,
    load_tensors,
    members_of,
    open_regular,
    parse_json_value,
    read_regular,
    reading,
    sha256_of,
)

_CONTAINERS = ("state_dict", "model", "MODEL_STATE", "model_state_dict", "model_state", "net", "weights")
_SIDECARS = ("args.json", "config.json")
_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod)\.")
_COUNTED = (".total_ops", ".total_params")  # what thop, which counts operations, leaves in HCL's files
_SIDECAR_LIMIT = 10**7


def read_file(path: Path, arch: str | None = None) -> CheckpointFile:
    """The weights in a `.pth`, `.pt`, `.ckpt` or `.safetensors` file, and what lies beside them.

    Args:
        path: the file.
        arch: what the user says it is.

    Raises:
        FileError: it is missing, damaged, holds an object that is not admitted, or no weights.
    """
    payload = read_payload(path)
    container, state = _weights(payload, path)
    extra = {key: value for key, value in payload.items() if key != container} if container else {}
    return CheckpointFile(path, sha256_of(path), _plain_names(state), extra, _sidecar(path), arch)


def read_payload(path: Path) -> dict[Any, Any]:
    """What a file holds, as it is."""
    if not is_regular(path):
        state = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
        raise FileError(f"checkpoint: must be an existing file, received '{path}', which {state}; check the path")
    if path.suffix == ".safetensors":
        return dict(load_safetensors(path))
    if kind := program_kind(path):
        raise FileError(
            f"checkpoint: '{path}' is a {kind} program, which is code; pass --trust-checkpoint (trust=True) if you "
            "trust who made it, or save the model's state_dict() instead"
        )
    try:
        payload = load_tensors(path, Admitted)
    except NotAdmittedError as error:
        raise FileError(
            f"checkpoint: may hold tensors, plain values and a few named classes, received '{path}' with {error}, "
            "which would run code when read; in the program that made it, save the weights alone: "
            "torch.save(model.state_dict(), 'weights.pth')"
        ) from error
    if not isinstance(payload, dict):
        raise FileError(
            f"checkpoint: '{path}' holds a {type(payload).__name__}, no weights by name; save the model's state_dict()"
        )
    return payload


def program_kind(path: Path) -> str | None:
    """ "TorchScript" or "torch.export" where a file is a program rather than weights, told by the archive's names."""
    try:
        with open_regular(path) as (file, size), reading(path, "an archive"):
            names = list(members_of(file, size, budget(size))) if file.read(4) == b"PK\3\4" else []
    except FileError:  # damaged, as its reader will say
        return None
    if any(name.endswith("/constants.pkl") for name in names):
        return "TorchScript"
    exported = ("serialized_exported_program.json", "/models/model.json")
    return "torch.export" if any(name.endswith(exported) for name in names) else None


def _weights(payload: Mapping[Any, Any], path: Path) -> tuple[str, dict[str, Tensor]]:
    """The entry that holds the weights, "" for the whole, and they."""
    if payload and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in payload.items()):
        return "", dict(payload)
    for container in _CONTAINERS:
        inner = payload.get(container)
        if isinstance(inner, dict) and any(isinstance(value, Tensor) for value in inner.values()):
            return container, {str(key): value for key, value in inner.items() if isinstance(value, Tensor)}
    shown = ", ".join(str(key) for key in list(payload)[:8]) or "nothing"
    raise FileError(
        f"checkpoint: must hold weights by name, at the top or under one of {', '.join(_CONTAINERS)}, received "
        f"'{path}', which is intact and holds {shown}; save the model's state_dict()"
    )


def _plain_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights without what DataParallel and torch.compile add to their names."""
    return {_WRAPPERS.sub("", key): value for key, value in state.items() if not key.endswith(_COUNTED)}


def _sidecar(path: Path) -> dict[str, Any]:
    """The first JSON object that lies beside the file under a name that code bases use."""
    for name in _SIDECARS:
        place = path.with_name(name)
        if is_regular(place):
            text = read_regular(place, _SIDECAR_LIMIT)
            with reading(place, "the JSON beside a checkpoint", "correct or remove it"):
                content = parse_json_value(text)
            return content if isinstance(content, dict) else {}
    return {}
