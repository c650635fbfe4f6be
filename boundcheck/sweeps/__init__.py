"""Many encoders, temperatures and hardenings in one table: which claims hold where.

The module is called `sweeps` because `boundcheck.sweep` is the function.
"""

from __future__ import annotations

from boundcheck.sweeps.grid import sweep
from boundcheck.sweeps.result import Sweep

__all__ = ["Sweep", "sweep"]
