"""Files of weights, read without running what they hold.

torch's restricted unpickler admits tensors and plain values. Code bases also save a few objects of the standard
library, of numpy and of their optimizers; those named here are replaced by `Inert`, which keeps nothing and does
nothing, so that no function of the file is ever called. Whatever else a file names is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from boundcheck.checkpoints.base import CheckpointFile
from boundcheck.errors import FileError
from boundcheck.ingest import open_regular, read_regular


class Inert:
    """Stands for an object that a file holds beside its weights and that nobody needs."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __new__(cls, *args: object, **kwargs: object) -> Inert:
        """Takes whatever the object was made of."""
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


def _empty(*args: object) -> dict[Any, Any]:
    """Stands for what makes a kind of dict; its items follow."""
    return {}


_INERT = (
    "functools.partial",
    "builtins.getattr",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "torch.optim.sgd.SGD",
    "torch.optim.adam.Adam",
    "torch.optim.adamw.AdamW",
    # solo-learn wraps its scheduler's step in a partial of these
    "solo.methods.base.static_lr",
    "solo.utils.lr_scheduler.LinearWarmupCosineAnnealingLR",
    "solo.utils.lars.LARS",
)
_DICTS = (
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
)
_STAND_INS: list[Any] = [
    argparse.Namespace,
    *((Inert, name) for name in _INERT),
    *((OrderedDict, name) for name in _DICTS),
    (_empty, "collections.defaultdict"),
    (_empty, "builtins.dict"),
]
ALLOWED = ("argparse.Namespace", *_INERT, *_DICTS, "collections.defaultdict", "builtins.dict")

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
    return CheckpointFile(path, digest(path), _plain_names(state), extra, _sidecar(path), arch, container)


def read_payload(path: Path) -> dict[Any, Any]:
    """What a file holds, as it is."""
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        raise FileError(f"checkpoint: must be an existing file, received '{path}', which {state}; check the path")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if kind := program_kind(path):
        raise FileError(
            f"checkpoint: '{path}' is a {kind} program, which is code; pass --trust-checkpoint (trust=True) if you "
            "trust who made it, or save the model's state_dict() instead"
        )
    try:
        with torch.serialization.safe_globals(_STAND_INS):
            payload = _loaded(path)
    except Exception as error:  # torch raises a dozen unrelated kinds for damaged and unsafe files
        raise _refusal(path, error) from error
    if not isinstance(payload, dict):
        raise FileError(
            f"checkpoint: '{path}' holds a {type(payload).__name__}, no weights by name; save the model's state_dict()"
        )
    return payload


def _loaded(path: Path) -> Any:
    """What torch's restricted unpickler makes of a regular file."""
    with open_regular(path) as (file, _), warnings.catch_warnings():
        # torch warns of a pickle protocol it does not expect; the error that follows says what matters
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(file, map_location="cpu", weights_only=True)


def program_kind(path: Path) -> str | None:
    """ "TorchScript" or "torch.export" where a file is a program rather than weights, told by the archive's names."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # damaged, as its reader will say
        return None
    if any(name.endswith("/constants.pkl") for name in names):
        return "TorchScript"
    exported = ("serialized_exported_program.json", "/models/model.json")
    return "torch.export" if any(name.endswith(exported) for name in names) else None


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refusal(path: Path, error: Exception) -> FileError:
    """What to say of a file that torch does not load: another object in it, or damage."""
    text = str(error)
    named = re.search(r"Unsupported global: GLOBAL (\S+)|unsupported GLOBAL (\S+)|Unsupported class (\S+)", text)
    if named:
        name = next(group for group in named.groups() if group)
        return FileError(
            f"checkpoint: may hold tensors, plain values and a few named classes, received '{path}' with {name}, which "
            "would run code when read; in the program that made it, save the weights alone: "
            "torch.save(model.state_dict(), 'weights.pth')"
        )
    return FileError(
        f"checkpoint: must be a complete torch file, received '{path}' ({type(error).__name__} while reading); "
        "it is damaged or of another kind: save it again"
    )


def _read_safetensors(path: Path) -> dict[Any, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(
            f"checkpoint: must be a complete .safetensors file, received '{path}' ({error}); save it again"
        ) from error
    return {"state_dict": state, "metadata": metadata}


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
        if place.is_file():
            try:
                content = json.loads(read_regular(place, _SIDECAR_LIMIT))
            except ValueError as error:
                raise FileError(
                    f"checkpoint: '{place}' beside it is no JSON ({error}); correct or remove it"
                ) from error
            return content if isinstance(content, dict) else {}
    return {}
