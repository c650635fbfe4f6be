"""How data sets, encoders and differences of accuracy are written in tables, figures and sentences."""

from __future__ import annotations

import math

from boundcheck.report.style import loss_name

from .variants import is_detached, loss_of

_DATASETS = {
    "fashion_mnist": "Fashion-MNIST", "digits": "digits", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100",
    "stl10": "STL-10", "tiny_imagenet": "Tiny ImageNet",
}  # fmt: skip


def dataset_name(dataset: str) -> str:
    """A data set's usual spelling."""
    return _DATASETS.get(dataset, dataset)


def encoder_name(objective: str, beta: float | None) -> str:
    """What an encoder was trained with: `SCL`, `H-SCL, β = 5`."""
    return objective_name(objective) + ("" if beta is None or math.isnan(beta) else f", β = {beta:g}")


def objective_name(objective: str) -> str:
    """What an encoder was trained with, but for its hardness: `H-SCL`, `H-SCL detached`."""
    return loss_name(loss_of(objective)) + (" detached" if is_detached(objective) else "")


def points(difference: float, low: float, high: float) -> str:
    """A difference of shares in percentage points, with its interval where there is one: `+0.66 [-0.10, +1.42]`."""
    text = _signed(difference)
    return text if math.isnan(low) else f"{text} [{_signed(low)}, {_signed(high)}]"


def _signed(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:+.2f}"  # a sum with 0.0 has no negative zero
