"""What training starts from: checked images and a new encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from boundcheck.data import ImageSet
from boundcheck.encoders import ENCODERS, Encoder, EncoderConfig, build_encoder
from boundcheck.errors import InputError
from boundcheck.options import one_of


def check_images(image_set: ImageSet, by_class: bool) -> None:
    """Images must be square, two at least, and of two classes where the loss asks for classes.

    Raises:
        InputError: they are not.
    """
    n, _, height, width = image_set.images.shape
    if n < 2:
        raise InputError(f"image_set: must hold at least 2 images, received {n} in '{image_set.name}'")
    if height != width:
        raise InputError(f"image_set: images must be square, received {height} x {width}; crop or pad them")
    if by_class and len(np.unique(image_set.labels)) < 2:
        raise InputError(
            f"image_set: positives by class need at least 2 classes, received 1 in '{image_set.name}'; use 'ucl'"
        )


def new_encoder(
    image_set: ImageSet, arch: str, seed: int, embedding_dim: int | None = None, unit_ball: bool = False
) -> tuple[Encoder, EncoderConfig]:
    """An encoder with initial weights from the seed, standardising by the images' own statistics.

    Args:
        image_set: square images.
        arch: a name in `ENCODERS`.
        seed: of the weights; torch's own generator is left as it was.
        embedding_dim: width of the embedding; None for the architecture's own.
        unit_ball: whether embeddings are scaled into the unit ball, and then not meant to be normalised.

    Returns:
        The encoder, on the CPU, and its description.

    Raises:
        InputError: the architecture is unknown, or the images do not suit it.
    """
    one_of("arch", arch, ENCODERS)
    channels, size = image_set.images.shape[1:3]
    mean = image_set.images.mean(axis=(0, 2, 3)) / 255
    square = np.square(image_set.images, dtype=np.uint16).mean(axis=(0, 2, 3)) / 255**2
    std = np.sqrt(np.maximum(square - mean**2, 255.0**-2))  # a constant channel has no spread of its own
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_encoder(
            arch,
            in_channels=channels,
            image_size=size,
            mean=mean.tolist(),
            std=std.tolist(),
            embedding_dim=embedding_dim,
            unit_ball=unit_ball,
        )
    config = EncoderConfig(
        arch=arch,
        in_channels=channels,
        image_size=size,
        feature_dim=encoder.backbone.feature_dim,
        hidden_dim=ENCODERS[arch].hidden_dim,
        embedding_dim=embedding_dim or ENCODERS[arch].embedding_dim,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        dataset=image_set.name,
        split=image_set.split,
        normalize=not unit_ball,
        unit_ball=unit_ball,
    )
    return encoder, config


def data_facts(image_set: ImageSet) -> dict[str, Any]:
    """What identifies the images, in plain values."""
    return {
        "dataset": image_set.name,
        "split": image_set.split,
        "n": len(image_set),
        "classes": list(image_set.classes),
        "digest": image_set.digest,
    }
