"""What encoders are trained with: the four losses, and H-SCL with its weights detached, an objective of its own."""

from __future__ import annotations

OBJECTIVES = ("ucl", "hucl", "scl", "hscl", "hscl_detached")
LOSSES = ("ucl", "hucl", "scl", "hscl")
PLAIN = {"hucl": "ucl", "hscl": "scl", "hscl_detached": "scl"}  # the objective a tilted one is without its tilt
TILTED = tuple(PLAIN)
FAMILIES = {
    "unsupervised": ("ucl", "hucl"),
    "supervised": ("scl", "hscl"),
    "supervised, detached": ("scl", "hscl_detached"),
}

_DETACHED = "_detached"


def loss_of(objective: str) -> str:
    """The loss whose value an objective has."""
    return objective.removesuffix(_DETACHED)


def is_detached(objective: str) -> bool:
    """Whether its weights are detached where the loss's own are not."""
    return objective.endswith(_DETACHED)
