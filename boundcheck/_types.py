"""The axis legend, and the array types that carry it; the test run checks them on every call (jaxtyping, beartype).

Letters used in shapes throughout the package:

    n  instances (images, sentences, ...)      v  views (augmentations) of an instance
    a  anchors, one view of one instance each  b  candidates (views that may be negatives)
    d  embedding dimension                     c  classes
    parts  of the candidates, by how their labels are related to the anchor's
    g  log-sum terms                           f  losses: a loss, a tilt and a Q
"""

from __future__ import annotations

from typing import TypeAlias

from jaxtyping import Float, Int
from torch import Tensor

AnchorIndex: TypeAlias = Int[Tensor, " a"]
PerAnchorAndPart: TypeAlias = Float[Tensor, "a parts"]
LogSums: TypeAlias = Float[Tensor, "a parts g"]
PerAnchorAndLoss: TypeAlias = Float[Tensor, "a f"]
PerInstanceAndLoss: TypeAlias = Float[Tensor, "n f"]
