"""The numbers of a training run, checked."""

from __future__ import annotations

from dataclasses import dataclass

from boundcheck.errors import InputError
from boundcheck.options import NOT_NEGATIVE, POSITIVE, check, one_of, whole

from .schedule import SCHEDULES, rate_at
from .step import PRECISIONS


@dataclass(frozen=True)
class Plan:
    """How long, in what batches and at what rate an encoder is trained; see `train`.

    Attributes:
        images: n, at least 2.
        epochs: passes over the images.
        batch_size: images in a batch, at least 2; lowered to n.
        accumulate: batches in a step.
        learning_rate: Adam's, after warm-up.
        weight_decay: Adam's L2 penalty.
        schedule: a name in `SCHEDULES`.
        warmup_epochs: epochs of warm-up.
        precision: a name in `PRECISIONS`.
        save_every: steps between two writes of the state within an epoch.
        seed: of everything random.

    Raises:
        InputError: a number breaks its rule.
    """

    images: int
    epochs: int
    batch_size: int
    accumulate: int
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_epochs: int
    precision: str
    save_every: int | None
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 2), ("accumulate", 1)):
            check(name, getattr(self, name), whole(least))
        check("save_every", self.save_every, whole(1), optional=True)
        for name in ("warmup_epochs", "seed"):
            check(name, getattr(self, name), whole(0))
        check("weight_decay", self.weight_decay, NOT_NEGATIVE)
        check("learning_rate", self.learning_rate, POSITIVE, "the usual is 0.001")
        one_of("schedule", self.schedule, SCHEDULES)
        one_of("precision", self.precision, PRECISIONS)
        if self.warmup_epochs >= self.epochs:
            raise InputError(
                f"warmup_epochs: must be fewer than the {self.epochs} epochs, received {self.warmup_epochs}"
            )
        object.__setattr__(self, "batch_size", min(self.batch_size, self.images))
        if self.steps < 1:
            raise InputError(
                f"accumulate: that many batches of {self.batch_size} must fit into {self.images} images, "
                f"received {self.accumulate}; lower it or batch_size"
            )

    @property
    def step_size(self) -> int:
        """Images in a step of the optimizer."""
        return self.accumulate * self.batch_size

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch."""
        return self.images // self.step_size

    def rate(self, epoch: int, step: int) -> float:
        """The learning rate of a step of an epoch, both from 0."""
        return rate_at(
            epoch * self.steps + step,
            steps=self.epochs * self.steps,
            warmup=self.warmup_epochs * self.steps,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
        )
