"""The images of a data set's trials, and what an encoder makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from boundcheck.data import DATASETS, ImageSet, load_from
from boundcheck.encoders import Encoder

from .presets import Training

_SUBSET_SEED = 0  # of the shuffles that choose training and held-out images, the same for every trial
_BATCH = 512


@dataclass(frozen=True, eq=False)
class TrialData:
    """The images of a data set's trials.

    Attributes:
        train: what encoders and probes are trained on.
        test: what probes are tested on.
        held_out: part of `test`, on which losses and Assumption 1 are measured.
    """

    train: ImageSet
    test: ImageSet
    held_out: ImageSet


@lru_cache(maxsize=1)
def load_trial_data(training: Training, data_dir: Path | None) -> TrialData:
    """The images, kept for the next trial of the same data set."""
    # training split first, then the labelled one to test on
    images, test = (
        load_from(DATASETS[training.dataset], split, data_dir) for split in DATASETS[training.dataset].splits[:2]
    )
    return TrialData(_some(images, training.images), test, _some(test, training.held_out))


@torch.inference_mode()
def represent(encoder: Encoder, images: ImageSet) -> tuple[Float[np.ndarray, "n h"], Float[np.ndarray, "n d"]]:
    """Backbone features and embeddings of the images themselves, not augmented; the encoder is in evaluation mode."""
    assert not encoder.training
    outputs = [
        tuple(out.float().cpu().numpy() for out in encoder(rows.to(encoder.mean.device).float() / 255))
        for rows in torch.split(torch.from_numpy(images.images), _BATCH)
    ]
    features, embeddings = zip(*outputs, strict=True)
    return np.concatenate(features), np.concatenate(embeddings)


def _some(images: ImageSet, count: int | None) -> ImageSet:
    """The first images of a fixed shuffle."""
    if count is None or count >= len(images):
        return images
    return images.subset(np.random.default_rng(_SUBSET_SEED).permutation(len(images))[:count])
