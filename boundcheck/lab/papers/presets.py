"""What is trained at each size: the settings of a recipe on one data set, and the trials they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from boundcheck.store import key_of

from .variants import TILTED, is_detached, loss_of


@dataclass(frozen=True)
class Training:
    """How encoders of a data set are trained and measured; every way in which recipes differ is a setting.

    Attributes:
        dataset: a name in `DATASETS`.
        arch: a name in `ENCODERS`.
        epochs: passes over the training images.
        images: training images, the first of a fixed shuffle; None for all.
        batch_size, temperature, learning_rate, weight_decay, n_views, augment, views_apart, embedding_dim, unit_ball:
            see `train`.
        positives: see `train`; `auto` is augmentation for UCL and H-UCL, class for SCL and H-SCL.
        q, average, keep_anchor, drawn: see the objectives, such as `hscl`.
        held_out: test images that losses and Assumption 1 are measured on, in two views; None for all.
        track_every: epochs between measurements.
        tracked_betas: hardnesses of the losses that are measured, whatever the encoder was trained with.
        objectives: what is trained this way, names in `variants.OBJECTIVES`.
    """

    dataset: str
    arch: str
    epochs: int
    images: int | None = None
    batch_size: int = 256
    temperature: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6
    n_views: int = 2
    augment: bool = True
    views_apart: bool = True
    embedding_dim: int | None = None
    unit_ball: bool = False
    positives: str = "auto"
    q: float | None = None
    average: str = "pairs"
    keep_anchor: bool = False
    drawn: int = 0
    held_out: int | None = 2000
    track_every: int = 1
    tracked_betas: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 5.0)
    objectives: tuple[str, ...] = ("scl", "hscl", "hscl_detached", "ucl", "hucl")

    @property
    def key(self) -> str:
        """A folder's name that differs whenever a setting does that decides an encoder or what is measured of it."""
        settings = {name: value for name, value in asdict(self).items() if name != "objectives"}
        return f"{self.dataset}-{key_of(settings)[:8]}"

    @property
    def measured_q(self) -> float:
        """Q of the losses that are measured: that of the loss in training, by default the views of other instances."""
        return self.n_views * (self.batch_size - 1) if self.q is None else self.q

    @property
    def options(self) -> dict[str, Any]:
        """Hyperparameters of the objective alone, as `train` takes them."""
        return {"q": self.q, "average": self.average, "keep_anchor": self.keep_anchor, "drawn": self.drawn}


@dataclass(frozen=True)
class Trial:
    """One encoder: how it is trained, with which objective, hardness and seed."""

    training: Training
    objective: str
    beta: float | None
    seed: int

    @property
    def weight_gradient(self) -> bool:
        """Whether gradients go through the weights of the tilt; none go through a draw."""
        return not (is_detached(self.objective) or self.training.drawn)

    @property
    def loss(self) -> str:
        """The objective's name in `OBJECTIVES` of the batch losses."""
        return loss_of(self.objective)

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
        trainings: one or more per data set, with different objectives.
        betas: hardnesses H-UCL and H-SCL are trained with.
        seeds: encoders per objective and hardness.
    """

    trainings: tuple[Training, ...]
    betas: tuple[float, ...]
    seeds: int

    def trials(self) -> Iterator[Trial]:
        """Every trial, seed by seed, so that what is there after an interruption is a complete comparison."""
        for seed in range(self.seeds):
            for training in self.trainings:
                for objective in training.objectives:
                    for beta in self.betas if objective in TILTED else (None,):
                        yield Trial(training, objective, beta, seed)


def _small(training: Training, dataset: str, **changes: Any) -> Training:
    """The same recipe on small images, with a small encoder."""
    return replace(training, dataset=dataset, arch="convnet", **changes)


_BETAS_2022 = (0.25, 0.5, 1.0, 2.0, 5.0)
_RESNET = Training("cifar10", "resnet50", epochs=200, held_out=5000, track_every=10, tracked_betas=(0.1, *_BETAS_2022))
_QUICK_2022: dict[str, Any] = {"batch_size": 128, "tracked_betas": (0.5, 5.0)}

JIANG2022: dict[str, Preset] = {
    "quick": Preset(
        trainings=(
            _small(_RESNET, "fashion_mnist", epochs=4, images=2000, held_out=500, track_every=1, **_QUICK_2022),
            _small(_RESNET, "digits", epochs=12, held_out=None, track_every=4, **_QUICK_2022),
        ),
        betas=(0.5, 5.0),
        seeds=2,
    ),
    "cpu": Preset(
        trainings=(
            _small(
                _RESNET,
                "fashion_mnist",
                epochs=8,
                images=2000,
                batch_size=128,
                held_out=1000,
                track_every=2,
                tracked_betas=_BETAS_2022,
            ),
        ),
        betas=_BETAS_2022,
        seeds=5,
    ),
    "paper": Preset(
        trainings=(
            _RESNET,
            replace(_RESNET, dataset="cifar100"),
            replace(_RESNET, dataset="stl10", held_out=2000),
        ),
        betas=(0.1, *_BETAS_2022),
        seeds=5,
    ),
}

_BETAS_2024 = (2.0, 5.0, 10.0, 30.0)
_BALL = Training(
    "cifar10",
    "resnet50",
    epochs=400,
    batch_size=512,
    temperature=1.0,
    weight_decay=0.0,
    n_views=1,
    augment=False,
    embedding_dim=9,
    unit_ball=True,
    positives="class",
    q=1.0,
    keep_anchor=True,
    drawn=256,
    held_out=5000,
    track_every=10,
    tracked_betas=_BETAS_2024,
    objectives=("scl", "hscl"),
)
_QUICK_2024: dict[str, Any] = {"batch_size": 256, "tracked_betas": (5.0, 30.0)}


def _both(training: Training) -> tuple[Training, Training]:
    """The settings of SCL and H-SCL, and those of UCL and H-UCL, which see augmented images and a weight decay."""
    return training, replace(training, augment=True, weight_decay=1e-6, objectives=("ucl", "hucl"))


JIANG2024: dict[str, Preset] = {
    "quick": Preset(
        trainings=(
            *_both(_small(_BALL, "fashion_mnist", epochs=4, images=2000, held_out=500, track_every=1, **_QUICK_2024)),
            *_both(_small(_BALL, "digits", epochs=12, held_out=None, track_every=4, **_QUICK_2024)),
        ),
        betas=(5.0, 30.0),
        seeds=2,
    ),
    "cpu": Preset(
        trainings=_both(
            _small(_BALL, "fashion_mnist", epochs=10, images=2000, batch_size=256, held_out=1000, track_every=2)
        ),
        betas=_BETAS_2024,
        seeds=3,
    ),
    "paper": Preset(
        trainings=tuple(
            training
            for dataset, classes in (("cifar10", 10), ("cifar100", 100), ("tiny_imagenet", 200))
            for training in _both(replace(_BALL, dataset=dataset, embedding_dim=classes - 1))
        ),
        betas=_BETAS_2024,
        seeds=3,
    ),
}
