"""What an encoder is, in plain values, and our own files of them: a state dict and a configuration, written atomically.

Files are read by `boundcheck.checkpoints`, ours and those of other code bases.
"""

from __future__ import annotations

import io
import math
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import torch

from boundcheck._places import atomic_path
from boundcheck.errors import InputError

from .encoder import Encoder

OWN_FORMAT = "boundcheck encoder 1"


@dataclass(frozen=True)
class EncoderConfig:
    """What an encoder is and how it was trained, in plain values; None where not known or not applicable.

    Attributes:
        arch: a name in `ENCODERS`, or of another code base.
        in_channels: channels of the images; None where only a run tells.
        image_size: side of the images, pixels; None where the network takes any.
        feature_dim: width of the backbone's output; None where only a run tells.
        hidden_dim: width of the projection head's hidden layer; None without one.
        embedding_dim: width of the embedding; None where only a run tells.
        mean: per channel, of pixels in [0, 1]; one number for all where the channels are not known.
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
        format: the code base that wrote the file, a name in `checkpoints.FORMATS`.
        assumed: names of values that the file does not hold and that are its code base's defaults.
        unit_ball: whether the projection head scales its output into the unit ball.
    """

    arch: str
    in_channels: int | None
    image_size: int | None
    feature_dim: int | None
    hidden_dim: int | None
    embedding_dim: int | None
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
    format: str = "boundcheck"
    assumed: tuple[str, ...] = ()
    unit_ball: bool = False

    def __post_init__(self) -> None:
        for name in ("in_channels", "image_size", "feature_dim", "hidden_dim", "embedding_dim"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(f"{name}: must be a positive integer, received {value!r}; correct the configuration")
        for name, kinds in (("temperature", (float, int)), ("beta", (float, int)), ("epochs", int), ("seed", int)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, kinds) or not math.isfinite(value)):
                raise InputError(f"{name}: must be a finite number or None, received {value!r}; correct it")
        for name in ("objective", "positives", "dataset", "split", "command", "version"):
            if not isinstance(getattr(self, name), (str, type(None))):
                raise InputError(f"{name}: must be text or None, received {getattr(self, name)!r}; correct it")
        numbers = [*self.mean, *self.std]
        finite = all(isinstance(number, float) and math.isfinite(number) for number in numbers)
        channels = self.in_channels or 1
        if not (finite and len(self.mean) == len(self.std) == channels and min(self.std) > 0):
            raise InputError(
                f"mean, std: must be {channels} finite numbers each (one per channel), std positive, "
                f"received {self.mean} and {self.std}; correct the configuration"
            )


@dataclass(frozen=True)
class Checkpoint:
    """An encoder and where it comes from.

    Attributes:
        encoder: in evaluation mode, on the CPU.
        config: what it is and how it was trained.
        sha256: of the file, or of whatever decides the outputs, hexadecimal; "" where nothing tells, and no embeddings
            are kept.
        path: of the file, or a name in its place.
        notes: what a reader must know of how the file was understood.
    """

    encoder: Encoder
    config: EncoderConfig
    sha256: str
    path: Path
    notes: tuple[str, ...] = ()


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
    plain = {**asdict(config), "mean": list(config.mean), "std": list(config.std), "assumed": list(config.assumed)}
    content = io.BytesIO()  # not the file itself: torch would write its temporary name into it
    torch.save({"format": OWN_FORMAT, "config": plain, "state_dict": state}, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def shipped_checkpoint() -> Path:
    """The encoder that comes with the package: a convnet trained with H-SCL on scikit-learn's digits."""
    return Path(str(files(__package__).joinpath("digits.pt")))
