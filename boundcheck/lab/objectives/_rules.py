"""The rules that hyperparameters of the batch losses must keep, each with its remedy."""

from __future__ import annotations

from boundcheck.errors import InputError
from boundcheck.options import BELOW_ONE, NOT_NEGATIVE, POSITIVE, SHARE, Rule, check, one_of, whole

POSITIVES = ("augmentation", "class")
AVERAGES = ("anchors", "pairs")

_RULES: dict[str, tuple[Rule, str]] = {
    "temperature": (POSITIVE, "the usual is 0.5"),
    "beta": (NOT_NEGATIVE, "0 means no tilt"),
    "q": (POSITIVE, "None stands for the number of negatives"),
    "tau_plus": (BELOW_ONE, "with C balanced classes it is 1 / C"),
    "hardest": (whole(1), "the usual is 64"),
    "drawn": (whole(0), "0 weighs every negative instead"),
    "synthetic": (whole(0), "0 means no synthetic negatives"),
    "contrast_weight": (SHARE, "1 leaves the cross-entropy out"),
}


def check_all(**values: float | None) -> None:
    """Raises InputError for the first value that breaks its rule; None always keeps it."""
    for name, value in values.items():
        check(name, value, *_RULES[name], optional=True)


def check_positives(positives: str, views: int) -> None:
    """Raises InputError for an unknown kind of positives, or one that needs more views."""
    one_of("positives", positives, POSITIVES)
    if positives == "augmentation" and views < 2:
        raise InputError(
            "positives: 'augmentation' needs two views of each instance, received 1; use 'class' or two views"
        )


def check_average(average: str) -> None:
    """Raises InputError for an unknown kind of average."""
    one_of("average", average, AVERAGES)


def check_drawn(drawn: int, weight_gradient: bool) -> None:
    """Raises InputError where gradients are asked for through a draw, which has none."""
    if drawn and weight_gradient:
        raise InputError(
            f"weight_gradient: must be false with negatives that are drawn, received true and drawn = {drawn}; no "
            "gradient goes through a draw"
        )
