"""What a diagnostic is: a number of the embeddings that says whether, and how, a representation has collapsed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

ROUNDING = 1e-13
"""Squared distances below this share of the squared lengths are what float32 leaves of equal rows."""


@dataclass(frozen=True)
class Diagnostic:
    """A number with its meaning.

    Attributes:
        id: the name in tables.
        title: one line of plain words.
        reading: what its ends mean.
        source: paper, and the variant where several are in use.
        low, high: what it can be at all; intervals stay within.
        share: a share of instances: it moves in steps, so its interval is `Share`'s, about the plug-in.
    """

    id: str
    title: str
    reading: str
    source: str
    low: float = -math.inf
    high: float = math.inf
    share: bool = False


def is_point(x: Float[np.ndarray, "n d"]) -> bool:
    """Whether all rows are one point, up to rounding: what compares directions or classes is then undefined."""
    return bool(np.square(x - x.mean(0)).sum() <= ROUNDING * np.square(x).sum())
