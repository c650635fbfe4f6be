"""The atlas: every claim and every bound on error, on public data of several modalities by public encoders."""

from __future__ import annotations

from boundcheck.atlas.entries import ENTRIES
from boundcheck.atlas.entry import Entry, Making, rows_of
from boundcheck.atlas.run import atlas

__all__ = ["ENTRIES", "Entry", "Making", "atlas", "rows_of"]
