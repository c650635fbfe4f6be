"""Training of encoders: the loop, and what is measured while it runs."""

from __future__ import annotations

from .record import EpochEnd, EpochRecord, read_history
from .start import train

__all__ = ["EpochEnd", "EpochRecord", "read_history", "train"]
