"""Training of encoders: the loop, and what is measured while it runs."""

from __future__ import annotations

from .lightning import lightning_callback
from .record import EpochEnd, EpochRecord, read_history
from .start import train
from .tracker import Tracker, held_out_views

__all__ = ["EpochEnd", "EpochRecord", "Tracker", "held_out_views", "lightning_callback", "read_history", "train"]
