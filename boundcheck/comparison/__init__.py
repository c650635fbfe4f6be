"""Several encoders beside each other: seeds of one method, and methods on the same instances.

The module is called `comparison` because `boundcheck.compare` is the function.
"""

from __future__ import annotations

from boundcheck.comparison.result import Comparison
from boundcheck.comparison.study import compare

__all__ = ["Comparison", "compare"]
