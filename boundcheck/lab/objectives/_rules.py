"""The rules that hyperparameters of the batch losses must keep, each with its remedy."""

from __future__ import annotations

import math
from collections.abc import Callable

from boundcheck.errors import InputError, unknown_name

POSITIVES = ("augmentation", "class")
AVERAGES = ("anchors", "pairs")

_RULES: dict[str, tuple[Callable[[float], bool], str, str]] = {
    "temperature": (lambda x: x > 0, "must be positive", "0.5 is usual"),
    "beta": (lambda x: x >= 0, "must be zero or positive", "0 means no tilt"),
    "q": (lambda x: 0 < x < math.inf, "must be positive and finite", "None stands for the number of negatives"),
    "tau_plus": (lambda x: 0 <= x < 1, "must be at least 0 and less than 1", "with C balanced classes it is 1 / C"),
    "hardest": (lambda x: x >= 1, "must be at least 1", "64 is usual"),
    "drawn": (lambda x: x >= 0, "must be zero or positive", "0 weighs every negative instead"),
    "synthetic": (lambda x: x >= 0, "must be zero or positive", "0 means no synthetic negatives"),
    "contrast_weight": (lambda x: 0 <= x <= 1, "must be between 0 and 1", "1 leaves the cross-entropy out"),
}


def check(**values: float | None) -> None:
    """Raises InputError for the first value that breaks its rule; None always keeps it."""
    for name, value in values.items():
        keeps, rule, remedy = _RULES[name]
        if value is not None and not keeps(value):
            raise InputError(f"{name}: {rule}, received {value}; {remedy}")


def check_positives(positives: str, views: int) -> None:
    """Raises InputError for an unknown kind of positives, or one that needs more views."""
    if positives not in POSITIVES:
        raise unknown_name("positives", positives, POSITIVES)
    if positives == "augmentation" and views < 2:
        raise InputError(
            "positives: 'augmentation' needs two views of each instance, received 1; use 'class' or two views"
        )


def check_average(average: str) -> None:
    """Raises InputError for an unknown kind of average."""
    if average not in AVERAGES:
        raise unknown_name("average", average, AVERAGES)


def check_drawn(drawn: int, weight_gradient: bool) -> None:
    """Raises InputError where gradients are asked for through a draw, which has none."""
    if drawn and weight_gradient:
        raise InputError(
            f"weight_gradient: must be false with negatives that are drawn, received true and drawn = {drawn}; no "
            "gradient goes through a draw"
        )
