"""TorchScript and torch.export programs: code, run only where the user says that it is trusted."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from boundcheck.encoders import Checkpoint, Encoder, EncoderConfig, rows_of
from boundcheck.errors import FileError
from boundcheck.ingest import sha256_of

_NOTE = "a program: pixels in [0, 1] go in as they are, and what it returns is the embedding"


def load_program(path: Path, kind: str) -> Checkpoint:
    """A program as an encoder without a head; it standardises images itself, or they are given standardised.

    Args:
        path: the file.
        kind: "TorchScript" or "torch.export".

    Raises:
        FileError: it does not load.
    """
    try:
        if kind == "TorchScript":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # files by it remain, and no other call reads them
                program: Any = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        else:
            program = torch.export.load(path).module()
    except Exception as error:  # torch raises a dozen unrelated kinds
        raise FileError(f"checkpoint: the {kind} program '{path}' does not load ({error}); save it again") from error
    config = EncoderConfig(
        arch=kind,
        in_channels=None,
        image_size=None,
        feature_dim=None,
        hidden_dim=None,
        embedding_dim=None,
        mean=(0.0,),
        std=(1.0,),
        format=kind,
        assumed=("mean", "std"),
    )
    return Checkpoint(
        Encoder(_Program(program), nn.Identity(), (0.0,), (1.0,)), config, sha256_of(path), path, (_NOTE,)
    )


class _Program(nn.Module):
    """A program in evaluation mode; an exported one is so already, and refuses to be told."""

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> _Program:
        """Leaves the program as it is."""
        self.training = mode
        return self

    def forward(self, images: Tensor) -> Tensor:
        """A row per image."""
        return rows_of(self.program(images), "program", len(images))
