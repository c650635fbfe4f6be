"""Means and standard deviations of pixels in [0, 1] that code bases standardise images by, per colour channel."""

from __future__ import annotations

from typing import NamedTuple


class Statistics(NamedTuple):
    """Of red, green and blue."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

# Two spreads are in use for CIFAR-10: within an image, averaged over images; and over all pixels.
CIFAR10_WITHIN_IMAGES = Statistics((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
CIFAR10 = Statistics((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
