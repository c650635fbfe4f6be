"""What every format shares: a file that was read, and what it turns out to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from boundcheck.encoders import Checkpoint
from boundcheck.errors import FileError


@dataclass(frozen=True)
class CheckpointFile:
    """The content of a file of weights.

    Attributes:
        path: of the file.
        sha256: of its content, hexadecimal.
        state: weights by name; what wrappers for several GPUs and compilation add to the names is taken off.
        extra: what else the file holds: options, epoch, optimizer.
        sidecar: the JSON object beside it that some code bases write (`args.json`, `config.json`); empty without one.
        arch: the architecture that the user names; None to let the file say.
    """

    path: Path
    sha256: str
    state: Mapping[str, Tensor]
    extra: Mapping[str, Any]
    sidecar: Mapping[str, Any]
    arch: str | None = None

    def has(self, *names: str) -> bool:
        """Whether there are weights under each of these names, or their beginnings up to a dot."""
        return all(any(key == name or key.startswith(f"{name}.") for key in self.state) for name in names)

    def part(self, name: str) -> dict[str, Tensor]:
        """The weights below a name, without it."""
        start = f"{name}."
        return {key.removeprefix(start): value for key, value in self.state.items() if key.startswith(start)}

    def epochs(self, name: str = "epoch") -> int | None:
        """The passes over the data that the file says it has seen; None where it says nothing that is a number."""
        value = self.extra.get(name)
        return value if isinstance(value, int) else None

    def misfit(self, needs: str) -> FileError:
        """The error for a file that lacks what its format needs."""
        shown = ", ".join(list(self.state)[:3])
        return FileError(
            f"checkpoint: {needs}, received '{self.path}' with keys {shown}, ...; name another --checkpoint-format, "
            "or encode with --encoder FILE:FUNCTION"
        )


@dataclass(frozen=True)
class Reading:
    """What a format makes of a file.

    Attributes:
        backbone: maps standardised images to features, in evaluation mode or not.
        head: maps features to embeddings; None where the file has none, and features are the embeddings.
        arch: the backbone's name.
        mean, std: per channel, of pixels in [0, 1].
        temperature, dataset, objective, epochs: of the training, as far as they are known.
        assumed: which of these the file does not hold: they are the code base's defaults.
        notes: what a reader must know.
    """

    backbone: nn.Module
    head: nn.Module | None
    arch: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    temperature: float | None = None
    dataset: str | None = None
    objective: str | None = None
    epochs: int | None = None
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """How one code base saves its encoders.

    Attributes:
        name: on the command line.
        title: the code base.
        recognise: whether a file is one of its.
        read: the encoder, or all of a checkpoint where the file holds it; raises `FileError` for a file that is not.
    """

    name: str
    title: str
    recognise: Callable[[CheckpointFile], bool]
    read: Callable[[CheckpointFile], Reading | Checkpoint]
