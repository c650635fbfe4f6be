"""Encoders in the files of published code bases: one file per format, all of them in `FORMATS`."""

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.registry import FORMATS, candidates, load_encoder

__all__ = ["FORMATS", "CheckpointFile", "Format", "Reading", "candidates", "load_encoder"]
