"""How data sets and encoders are written in tables and figures."""

from __future__ import annotations

import math

from boundcheck.report.style import LOSS_NAME

_DATASETS = {
    "fashion_mnist": "Fashion-MNIST", "digits": "digits", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100",
    "stl10": "STL-10", "tiny_imagenet": "Tiny ImageNet",
}  # fmt: skip


def dataset_name(dataset: str) -> str:
    """A data set's usual spelling."""
    return _DATASETS.get(dataset, dataset)


def encoder_name(objective: str, beta: float | None) -> str:
    """What an encoder was trained with: `SCL`, `H-SCL, β = 5`."""
    return LOSS_NAME[objective] + ("" if beta is None or math.isnan(beta) else f", β = {beta:g}")
