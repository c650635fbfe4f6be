"""Encoders in the files of published code bases, one file per format, all in `FORMATS`; and encoders by name."""

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.inspection import inspect_file
from boundcheck.checkpoints.named import named_encoder
from boundcheck.checkpoints.registry import FORMATS, candidates, load_encoder

__all__ = [
    "FORMATS",
    "CheckpointFile",
    "Format",
    "Reading",
    "candidates",
    "inspect_file",
    "load_encoder",
    "named_encoder",
]
