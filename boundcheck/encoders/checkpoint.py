"""Encoder files: a state dict and a plain configuration, written atomically, read without running code.

Readers for files of other code bases belong beside this one, and are chosen in `load_checkpoint`.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor

from boundcheck._places import atomic_path
from boundcheck.errors import FileError, InputError, unknown_name
from boundcheck.ingest import load_tensors

from .encoder import ENCODERS, Encoder, build_encoder

_FORMAT = "boundcheck encoder 1"


@dataclass(frozen=True)
class EncoderConfig:
    """What an encoder is and how it was trained, in plain values; None where not known or not applicable.

    Attributes:
        arch: a name in `ENCODERS`.
        in_channels: channels of the images.
        image_size: side of the images, pixels.
        feature_dim: width of the backbone's output.
        hidden_dim: width of the projection head's hidden layer.
        embedding_dim: width of the embedding.
        mean: per channel, of pixels in [0, 1].
        std: per channel, of pixels in [0, 1].
        normalize: whether the embedding was trained, and is meant to be used, L2-normalised.
        objective: a name in `OBJECTIVES`.
        positives: `augmentation` or `class`.
        temperature: of the training loss.
        beta: hardness of the training loss; None for losses without one.
        weight_gradient: whether gradients went through the tilt's weights; None for losses without a tilt.
        dataset: name of the training data.
        split: its split.
        epochs: passes over the training data that the weights have seen.
        seed: of initial weights, data order and views.
        command: the command that trained it.
        version: of boundcheck.
    """

    arch: str
    in_channels: int
    image_size: int
    feature_dim: int
    hidden_dim: int
    embedding_dim: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    normalize: bool = True
    objective: str | None = None
    positives: str | None = None
    temperature: float | None = None
    beta: float | None = None
    weight_gradient: bool | None = None
    dataset: str | None = None
    split: str | None = None
    epochs: int | None = None
    seed: int | None = None
    command: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if self.arch not in ENCODERS:
            raise unknown_name("arch", str(self.arch), ENCODERS)
        for name in ("in_channels", "image_size", "feature_dim", "hidden_dim", "embedding_dim"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{name}: must be a positive integer, received {value!r}; correct the configuration")
        numbers = [*self.mean, *self.std]
        finite = all(isinstance(number, float) and math.isfinite(number) for number in numbers)
        if not (finite and len(self.mean) == len(self.std) == self.in_channels and min(self.std) > 0):
            raise InputError(
                f"mean, std: must be {self.in_channels} finite numbers each (one per channel), std positive, "
                f"received {self.mean} and {self.std}; correct the configuration"
            )


@dataclass(frozen=True)
class Checkpoint:
    """An encoder read from a file.

    Attributes:
        encoder: in evaluation mode, on the CPU.
        config: what it is and how it was trained.
        sha256: of the file, hexadecimal.
        path: of the file.
    """

    encoder: Encoder
    config: EncoderConfig
    sha256: str
    path: Path


def save_checkpoint(path: str | Path, encoder: Encoder, config: EncoderConfig) -> None:
    """Writes the encoder's weights and configuration, atomically.

    Args:
        path: where to, usually `encoder.pt`.
        encoder: on any device.
        config: describes it.

    Raises:
        FileError: the file cannot be written.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in encoder.state_dict().items()}
    plain = {**asdict(config), "mean": list(config.mean), "std": list(config.std)}
    content = io.BytesIO()  # not the file itself: torch would write its temporary name into it
    torch.save({"format": _FORMAT, "config": plain, "state_dict": state}, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def load_checkpoint(path: str | Path, arch: str | None = None) -> Checkpoint:
    """Reads an encoder; nothing in the file is executed.

    Args:
        path: a file that `boundcheck train` or `save_checkpoint` wrote.
        arch: read it as this architecture instead of the one it names.

    Returns:
        The encoder, its configuration and the file's hash.

    Raises:
        FileError: the file is missing, damaged, unsafe or no checkpoint, or does not fit the architecture.
        InputError: the architecture is unknown.
    """
    path = Path(path)
    if arch is not None and arch not in ENCODERS:
        raise unknown_name("arch", arch, ENCODERS)
    config, state = _read_own(path, _read_tensors(path))
    config = config if arch is None else replace(config, arch=arch)
    encoder = build_encoder(
        config.arch,
        in_channels=config.in_channels,
        image_size=config.image_size,
        mean=config.mean,
        std=config.std,
        hidden_dim=config.hidden_dim,
        embedding_dim=config.embedding_dim,
    )
    _fit(encoder, state, config.arch, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    config = replace(config, feature_dim=encoder.backbone.feature_dim)
    return Checkpoint(encoder.eval(), config, sha256, path)


def shipped_checkpoint() -> Path:
    """The encoder that comes with the package: a convnet trained with H-SCL on scikit-learn's digits."""
    return Path(str(files(__package__).joinpath("digits.pt")))


def _read_tensors(path: Path) -> object:
    """What the file holds, read by torch's restricted unpickler."""
    if not path.is_file():
        raise FileError(f"checkpoint: must be an existing file, received '{path}'; check the path")
    try:
        return load_tensors(path)
    except Exception as error:  # torch raises a dozen unrelated kinds for damaged and unsafe files
        raise FileError(
            f"checkpoint: must be a complete torch file of tensors and plain values, received '{path}' "
            f"({type(error).__name__} while reading); it is damaged, unsafe or no checkpoint: save it again"
        ) from error


def _read_own(path: Path, payload: object) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """The configuration and state dict of a file in our own format."""
    parts = payload if isinstance(payload, dict) else {}
    plain, state = parts.get("config"), parts.get("state_dict")
    if parts.get("format") != _FORMAT or not isinstance(plain, dict) or not _is_state_dict(state):
        raise FileError(
            f"checkpoint: must be in the format '{_FORMAT}', received '{path}' without that mark; "
            "write it with `boundcheck train` or `save_checkpoint`"
        )
    odd = sorted(set(plain) ^ {field.name for field in fields(EncoderConfig)})
    if odd:
        raise FileError(
            f"checkpoint: its configuration must have the fields of EncoderConfig, received '{path}' that "
            f"differs in {', '.join(odd)}; write it with this version of boundcheck"
        )
    try:
        return EncoderConfig(**{**plain, "mean": tuple(plain["mean"]), "std": tuple(plain["std"])}), state
    except (InputError, TypeError) as error:
        raise FileError(
            f"checkpoint: its configuration is not usable, received '{path}' ({error}); save it again"
        ) from error


def _is_state_dict(value: object) -> TypeGuard[dict[str, Tensor]]:
    return isinstance(value, dict) and all(isinstance(item, Tensor) for item in value.values())


def _fit(encoder: Encoder, state: Mapping[str, Tensor], arch: str, path: Path) -> None:
    """Loads the state dict, or says where it does not fit."""
    own = encoder.state_dict()
    missing = next((key for key in own if key not in state), None)
    unexpected = next((key for key in state if key not in own), None)
    if missing or unexpected:
        raise FileError(
            f"checkpoint: its keys must be those of '{arch}', received '{path}' "
            f"(first missing key: {missing or 'none'}; first unexpected key: {unexpected or 'none'}); "
            f"pass the architecture it was trained with (one of {', '.join(ENCODERS)})"
        )
    for key, value in own.items():
        if value.shape != state[key].shape:
            raise FileError(
                f"checkpoint: '{key}' must have shape {tuple(value.shape)} for '{arch}', received "
                f"{tuple(state[key].shape)} in '{path}'; pass the architecture it was trained with"
            )
    encoder.load_state_dict(dict(state))
