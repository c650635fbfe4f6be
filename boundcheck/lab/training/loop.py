"""The loop over epochs and steps, from any position of a run to its end."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from boundcheck.data import Progress
from boundcheck.encoders import Encoder, EncoderConfig
from boundcheck.errors import DivergedError

from .plan import Plan
from .record import STATE, EpochEnd, EpochRecord, write_run
from .state import Position, save_state, trained_modules
from .step import Step


@dataclass(frozen=True)
class Loop:
    """A run on its way.

    Attributes:
        plan: its numbers.
        step: takes one step.
        encoder: that the step trains.
        classifier: trained beside it, where the objective takes one; kept in the state, not in the checkpoint.
        config: describes it.
        settings: what decides the weights, for `run.json` and `state.pt`.
        out: folder of the run.
        progress: called after each step with (done, total, "images").
        callbacks: called after each epoch.
    """

    plan: Plan
    step: Step
    encoder: Encoder
    classifier: nn.Module | None
    config: EncoderConfig
    settings: Mapping[str, Any]
    out: Path
    progress: Progress | None
    callbacks: Sequence[Callable[[EpochEnd], object]]

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What is trained, by name."""
        return trained_modules(self.encoder, self.classifier)

    def run(self, position: Position) -> Path:
        """Trains from `position` to the end.

        Returns:
            The checkpoint's path.

        Raises:
            DivergedError: loss or weights are no longer finite.
            FileError: a file cannot be written.
        """
        try:
            if position == Position():
                self._save(position)  # before anything shows that the run has begun: from then on it can go on
            for _ in range(position.epoch, self.plan.epochs):
                position = self._epoch(position)
                self._close_epoch(position)
        except BaseException:
            if self.step.ranks.is_first:
                with contextlib.suppress(OSError):
                    if not (self.plan.save_every or (self.out / "encoder.pt").exists()):
                        (self.out / STATE).unlink()  # of the beginning: nothing is lost with it
                    self.out.rmdir()  # unless it holds what was finished
            raise
        return self.out / "encoder.pt"

    def _epoch(self, position: Position) -> Position:
        """Trains to the end of the epoch under way."""
        started = time.perf_counter() - position.seconds
        plan, epoch, losses = self.plan, position.epoch, list(position.losses)
        order = np.random.default_rng([plan.seed, epoch]).permutation(plan.images)
        self.encoder.train()  # a linear classifier has no modes
        for k in range(position.step, plan.steps):
            index = order[k * plan.step_size : (k + 1) * plan.step_size]
            losses.append(self.step(epoch, k, index, plan.rate(epoch, k)))
            self._check_loss(losses[-1], epoch, k)
            if self.progress is not None and self.step.ranks.is_first:
                done = (epoch * plan.steps + k + 1) * plan.step_size
                self.progress(done, plan.epochs * plan.steps * plan.step_size, "images")
            if plan.save_every is not None and (k + 1) % plan.save_every == 0 and k + 1 < plan.steps:
                seconds = time.perf_counter() - started
                self._save(replace(position, step=k + 1, losses=tuple(losses), seconds=seconds))
        seconds = time.perf_counter() - started
        record = EpochRecord(epoch + 1, float(np.mean(losses)), plan.steps * plan.step_size / seconds, seconds)
        return Position(epoch + 1, history=(*position.history, record))

    def _close_epoch(self, position: Position) -> None:
        """Writes the run's files, calls back, and only then moves the state on: a kill repeats, never skips."""
        self._check_weights(position)
        if not self.step.ranks.is_first:
            return
        self.encoder.eval()
        config = replace(self.config, epochs=position.epoch)
        write_run(self.out, self.encoder, config, position.history, self.settings, self.step.ranks)
        loss = position.history[-1].batch_loss
        for callback in self.callbacks:
            callback(EpochEnd(position.epoch, self.plan.epochs, self.encoder, config, loss, self.out))
        if position.epoch < self.plan.epochs:
            self._save(position)
        else:
            (self.out / STATE).unlink(missing_ok=True)

    def _save(self, position: Position) -> None:
        """Writes the state."""
        self._check_weights(position)
        if self.step.ranks.is_first:
            save_state(self.out, position, self.modules, self.step.optimizer, self.settings)

    def _check_loss(self, loss: float, epoch: int, step: int) -> None:
        """The loss of a step must be finite; its gradients have then not been applied."""
        if not math.isfinite(loss):
            raise DivergedError(
                f"training: the batch loss must stay finite, received {loss} in epoch {epoch + 1}, batch {step + 1}; "
                "lower learning_rate or beta, or raise temperature"
            )

    def _check_weights(self, position: Position) -> None:
        """Weights and statistics must be finite before they replace the last good ones."""
        for name, value in (item for module in self.modules.values() for item in module.state_dict().items()):
            if not torch.isfinite(value).all():
                place = (
                    f"batch {position.step} of epoch {position.epoch + 1}"
                    if position.step
                    else f"epoch {position.epoch}"
                )
                raise DivergedError(
                    f"training: the weights must stay finite, received '{name}' that is not after {place}; "
                    "lower learning_rate"
                )
