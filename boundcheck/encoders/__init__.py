"""Encoders: a backbone, a projection head, and the files they are kept in."""

from __future__ import annotations

from .checkpoint import OWN_FORMAT, Checkpoint, EncoderConfig, save_checkpoint, shipped_checkpoint
from .encoder import ENCODERS, Architecture, Encoder, build_encoder

__all__ = [
    "ENCODERS",
    "OWN_FORMAT",
    "Architecture",
    "Checkpoint",
    "Encoder",
    "EncoderConfig",
    "build_encoder",
    "save_checkpoint",
    "shipped_checkpoint",
]
