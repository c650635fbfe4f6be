"""Encoders: a backbone, a projection head, and the files they are kept in."""

from __future__ import annotations

from .any_module import adapt, outputs_of, rows_of
from .checkpoint import OWN_FORMAT, Checkpoint, EncoderConfig, save_checkpoint, shipped_checkpoint
from .encoder import ENCODERS, Architecture, Encoder, build_encoder

__all__ = [
    "ENCODERS",
    "OWN_FORMAT",
    "Architecture",
    "Checkpoint",
    "Encoder",
    "EncoderConfig",
    "adapt",
    "build_encoder",
    "outputs_of",
    "rows_of",
    "save_checkpoint",
    "shipped_checkpoint",
]
