"""Training of encoders: the loop, and what is measured while it runs."""

from __future__ import annotations

from boundcheck.workers import is_first_process

from .record import EpochEnd, EpochRecord, read_history
from .start import train

__all__ = ["EpochEnd", "EpochRecord", "is_first_process", "read_history", "train"]
