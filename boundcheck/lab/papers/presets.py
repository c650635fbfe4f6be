"""What is trained at each size: the settings of a recipe on one data set, and the trials they stand for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

TILTED = ("hucl", "hscl")


@dataclass(frozen=True)
class Training:
    """How every encoder of a data set is trained and measured: the same for all objectives.

    Attributes:
        dataset: a name in `DATASETS`.
        arch: a name in `ENCODERS`.
        epochs: passes over the training images.
        images: training images, the first of a fixed shuffle; None for all.
        batch_size, temperature, learning_rate, weight_decay: see `train`.
        held_out: test images that losses and Assumption 1 are measured on, in two views; None for all.
        track_every: epochs between measurements.
        tracked_betas: hardnesses of the losses that are measured, whatever the encoder was trained with.
    """

    dataset: str
    arch: str
    epochs: int
    images: int | None = None
    batch_size: int = 256
    temperature: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6
    held_out: int | None = 2000
    track_every: int = 1
    tracked_betas: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)

    @property
    def key(self) -> str:
        """A folder's name that differs whenever a setting does."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{self.dataset}-{digest[:8]}"


@dataclass(frozen=True)
class Trial:
    """One encoder: how it is trained, with which objective, hardness and seed."""

    training: Training
    objective: str
    beta: float | None
    seed: int

    @property
    def key(self) -> str:
        """Where its files lie below the folder of all trials."""
        hardness = "" if self.beta is None else f"-beta{self.beta:g}"
        return f"{self.training.key}/{self.objective}{hardness}-seed{self.seed}"

    @property
    def facts(self) -> dict[str, Any]:
        """The columns that tell trials apart in tables."""
        return {
            "dataset": self.training.dataset,
            "objective": self.objective,
            "beta": self.beta,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Preset:
    """A size of a recipe.

    Attributes:
        trainings: one per data set.
        betas: hardnesses H-UCL and H-SCL are trained with.
        seeds: encoders per objective and hardness.
        deviations: where it departs from the paper, one sentence each.
        objectives: which are compared.
    """

    trainings: tuple[Training, ...]
    betas: tuple[float, ...]
    seeds: int
    deviations: tuple[str, ...]
    objectives: Sequence[str] = ("ucl", "scl", "hucl", "hscl")

    def trials(self) -> Iterator[Trial]:
        """Every trial, seed by seed, so that what is there after an interruption is a complete comparison."""
        for seed in range(self.seeds):
            for training in self.trainings:
                for objective in self.objectives:
                    for beta in self.betas if objective in TILTED else (None,):
                        yield Trial(training, objective, beta, seed)


_SPHERE = "Embeddings of {} dimensions on the unit sphere; the authors' code has C - 1 dimensions in the unit ball."
_NEGATIVES = "Every negative of the batch is weighted; the authors' code draws 256 of them."

_QUICK = Preset(
    trainings=(
        Training("fashion_mnist", "convnet", epochs=4, images=5000, held_out=1000, tracked_betas=(1.0, 5.0)),
        Training(
            "digits", "convnet", epochs=30, batch_size=128, held_out=None, track_every=6, tracked_betas=(1.0, 5.0)
        ),
    ),
    betas=(1.0, 5.0),
    seeds=2,
    deviations=(
        "5,000 images of Fashion-MNIST and the digits, in place of sets of natural images: grey, so no colour jitter "
        "and weaker crops.",
        "A convnet of four layers in place of ResNet-50; 4 and 30 epochs in place of 200 or 400.",
    ),
)
_CPU = Preset(
    trainings=(Training("fashion_mnist", "convnet", epochs=10, images=20_000),),
    betas=(1.0, 2.0, 5.0, 10.0),
    seeds=3,
    deviations=(
        "20,000 images of Fashion-MNIST in place of natural images: grey, so no colour jitter and weaker crops.",
        "A convnet of four layers in place of ResNet-50; 10 epochs in place of 200 or 400.",
    ),
)

JIANG2022: dict[str, Preset] = {
    "quick": _QUICK,
    "cpu": _CPU,
    "paper": Preset(
        trainings=(
            Training("cifar10", "resnet50", epochs=200, held_out=5000, track_every=10),
            Training("cifar100", "resnet50", epochs=200, held_out=5000, track_every=10),
            Training("stl10", "resnet50", epochs=400, track_every=20),
        ),
        betas=(1.0, 2.0, 5.0, 10.0),
        seeds=3,
        deviations=("Both views pass through the encoder as one batch, so batch normalisation sees them together.",),
    ),
}

_SHARED = ("The encoders of the jiang2022 recipe: temperature 0.5 in place of 1.", _SPHERE.format(64), _NEGATIVES)

JIANG2024: dict[str, Preset] = {
    "quick": replace(_QUICK, deviations=(*_QUICK.deviations, *_SHARED)),
    "cpu": replace(_CPU, deviations=(*_CPU.deviations, *_SHARED)),
    "paper": Preset(
        trainings=tuple(
            Training(
                dataset,
                "resnet50",
                epochs=400,
                batch_size=512,
                temperature=1.0,
                weight_decay=0.0,
                held_out=5000,
                track_every=10,
                tracked_betas=(2.0, 5.0, 10.0, 30.0),
            )
            for dataset in ("cifar10", "cifar100", "tiny_imagenet")
        ),
        betas=(2.0, 5.0, 10.0, 30.0),
        seeds=1,
        deviations=(
            _SPHERE.format(128),
            _NEGATIVES,
            "Two augmented views of every image; the authors' code trains SCL and H-SCL on the image itself.",
        ),
    ),
}
