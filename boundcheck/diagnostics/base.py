"""What a diagnostic is: a number of the embeddings that says whether, and how, a representation has collapsed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Form = Literal["smooth", "ratio", "kink", "unbiased", "share"]
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
        form: what its interval is made of: "smooth", the jackknife's; "ratio", that of its logarithm; "kink", a norm or
            a mean of absolute values, see `inference.scales`; "unbiased", the jackknife's, about the plug-in; "share",
            of instances: it moves in steps, so its interval is `Share`'s, about the plug-in.
        per_dimension: instances for each dimension that its interval needs, where it reads every direction: from fewer
            spectra and least squares are the sample's more than the population's (results/validation/intervals.csv).
        per_class: likewise for each class, in the mean, where it rests on lines between class means.
    """

    id: str
    title: str
    reading: str
    source: str
    low: float = -math.inf
    high: float = math.inf
    form: Form = "smooth"
    per_dimension: int = 0
    per_class: int = 0

    def carried(self, n: int, d: int, classes: int) -> bool:
        """Whether so many instances in so many dimensions and classes carry an interval."""
        return n >= max(self.per_dimension * d, self.per_class * classes)


def is_point(x: Float[np.ndarray, "n d"]) -> bool:
    """Whether all rows are one point, up to rounding: what compares directions or classes is then undefined."""
    return bool(np.square(x - x.mean(0)).sum() <= ROUNDING * np.square(x).sum())
