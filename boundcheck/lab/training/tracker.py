"""Bounds over epochs: the losses in the large-negative limit, Assumption 1 and the gaps, while an encoder trains.

In a loop of one's own, three lines:

    tracker = Tracker(*held_out_views(images), temperature=0.5, betas=[1, 5])
    ...
        tracker(encoder, epoch)          # after each epoch
    tracker.to_frame()                   # at the end
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from boundcheck.augment import ViewRecipe, recipe_for, views
from boundcheck.data import ImageSet
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError, unknown_name
from boundcheck.estimators import LossTable, estimate
from boundcheck.hardening import CONSTANT, Hardening
from boundcheck.lab.objectives import OBJECTIVES, hyperparameters, limit_sentence
from boundcheck.losses import HSCL, HUCL, SCL, UCL, LossKey
from boundcheck.spec import Variant

from .epoch_table import EpochTable
from .record import EpochEnd

_LOSS_COLUMNS = (
    "loss", "loss_beta", "estimate", "ci_low", "ci_high", "share_holding", "share_low", "share_high",
)  # fmt: skip
_GAP_COLUMNS = ("gap", "loss_beta", "estimate", "ci_low", "ci_high")


def held_out_views(
    image_set: ImageSet, *, n_views: int = 2, seed: int = 0, recipe: ViewRecipe | None = None
) -> tuple[Float[Tensor, "n v ch h w"], Int[np.ndarray, " n"]]:
    """Random views of held-out images, made once so that every epoch is measured on the same ones.

    Args:
        image_set: n images the encoder does not train on.
        n_views: v; with 1 the images are augmented too.
        seed: of the views.
        recipe: how views are made; None for `recipe_for` these images.

    Returns:
        Views with values in [0, 1] and the labels, as `Tracker` takes them.
    """
    images = torch.from_numpy(image_set.images)
    recipe = recipe or recipe_for(images.shape[1], images.shape[2], image_set.name)
    made = [views(images, np.arange(len(images)), view, seed, recipe) for view in range(n_views)]
    return torch.stack(made, dim=1), image_set.labels


class Tracker:
    """Measures an encoder on a held-out set every few epochs, in evaluation mode.

    What it reports are estimates of the population values, with intervals; averages over training batches, in
    training mode and with moving weights, are not. The encoder's modes are put back afterwards.

    Args:
        inputs: (n, v, ...) v views of n held-out instances, as the encoder takes them (`held_out_views` makes them
            of images); more than one view gives augmentation positives, one view class positives.
        labels: (n,) classes.
        temperature: of the losses.
        betas: hardnesses of H-UCL and H-SCL.
        q: Q of the losses; inf for the decoupled ones.
        positives: `augmentation`, `class`, or `auto` for augmentation where there are several views.
        every: measure after epochs that are multiples of this (and the last one, where the end is known).
        confidence: of the intervals.
        batch_size: rows encoded at a time.
        folder: keeps `tracking.csv` and `gaps.csv` there, rewritten after every measurement; what is in it
            already is taken up, so that a resumed run loses nothing.
        dataset, objective, beta, seed: written into the tables' columns; they change no number.

    Raises:
        InputError: a number breaks its rule.
    """

    def __init__(
        self,
        inputs: Tensor,
        labels: Int[np.ndarray, " n"] | Tensor,
        *,
        temperature: float = 0.5,
        betas: Sequence[float] = (1.0, 5.0),
        q: float = 1.0,
        positives: str = "auto",
        every: int = 1,
        confidence: float = 0.95,
        batch_size: int = 512,
        folder: Path | None = None,
        dataset: str = "",
        objective: str = "",
        beta: float | None = None,
        seed: int | None = None,
    ) -> None:
        if every < 1:
            raise InputError(f"every: must be at least 1, received {every}; 1 measures after every epoch")
        self.inputs, self.labels = inputs, labels
        if positives == "auto":
            positives = "augmentation" if inputs.shape[1] > 1 else "class"
        self.variant = Variant(temperature, betas, q=(q,), positives=positives)
        self.confidence = confidence
        self.every, self.batch_size = every, batch_size
        self.facts: dict[str, Any] = {"dataset": dataset, "objective": objective, "beta": beta, "seed": seed}
        self._losses = EpochTable(_LOSS_COLUMNS, self.facts, folder and folder / "tracking.csv", text=["loss"])
        self._gaps = EpochTable(_GAP_COLUMNS, self.facts, folder and folder / "gaps.csv", text=["gap"])

    def __call__(self, encoder: nn.Module, epoch: int) -> None:
        """Measures the encoder, if it is this epoch's turn; an epoch measured again replaces what came from it on."""
        if epoch % self.every == 0:
            self.measure(encoder, epoch)

    def at_epoch_end(self, end: EpochEnd) -> None:
        """The same for `train(..., callbacks=[tracker.at_epoch_end])`; the last epoch is always measured."""
        if end.epoch % self.every == 0 or end.epoch == end.epochs:
            self.measure(end.encoder, end.epoch)

    def measure(self, encoder: nn.Module, epoch: int) -> LossTable:
        """Measures the encoder now and adds the rows of this epoch.

        Returns:
            The losses the rows were read from.
        """
        z = encode(encoder, self.inputs, self.batch_size)
        table = estimate(EmbeddingSet(z, self.labels), self.variant)
        self._losses.put(epoch, loss_rows(table, self.confidence))
        self._gaps.put(epoch, gap_rows(table, self.confidence))
        return table

    def limit(self, positives: str | None = None) -> str:
        """Which tracked loss is the limit of the `objective` that the encoder is trained with, or how to track it.

        Args:
            positives: of the training; None for the objective's default.

        Returns:
            One sentence.

        Raises:
            InputError: the tracker was not told the objective, or of one that is not in `OBJECTIVES`.
        """
        name = self.facts["objective"]
        if name not in OBJECTIVES:
            raise unknown_name("objective", name, OBJECTIVES)
        own = hyperparameters(OBJECTIVES[name])
        return limit_sentence(
            name,
            positives or own["positives"].default,
            self.facts["beta"] if "beta" in own else None,
            self.variant,
            lambda parameter, value: f"{parameter}={value}",
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per epoch and loss: estimate and interval (nats), share of anchors with Assumption 1 at its tilt."""
        return self._losses.frame.copy()

    def gaps(self) -> pd.DataFrame:
        """One row per epoch and gap (nats, paired intervals): `hucl-hscl` and `hscl-ucl` per beta, `ucl-scl`."""
        return self._gaps.frame.copy()


def encode(encoder: nn.Module, inputs: Tensor, batch_size: int = 512) -> Float[np.ndarray, "n v d"]:
    """Embeddings of prepared inputs in evaluation mode, float32, without gradients; modes are put back.

    Args:
        encoder: a module that returns embeddings, or a tuple with the embeddings last.
        inputs: (n, v, ...) rows are moved to the device of the encoder's parameters.
        batch_size: rows encoded at a time.
    """
    n, v = inputs.shape[:2]
    place = next((parameter.device for parameter in encoder.parameters()), torch.device("cpu"))
    parts = []
    with _evaluating(encoder), torch.inference_mode():
        for rows in torch.split(inputs.flatten(0, 1), batch_size):
            out = encoder(rows.to(place))
            parts.append((out[-1] if isinstance(out, tuple) else out).float().cpu())
    z: np.ndarray = torch.cat(parts).view(n, v, -1).numpy()
    return z


def loss_rows(table: LossTable, confidence: float) -> Iterator[dict[str, Any]]:
    """One row per loss of a table, with the share of anchors that satisfy Assumption 1 at the loss's tilt."""
    for key in table.keys:
        value, share = table.loss(key), table.margins[key.hardening].share
        low, high = value.interval(confidence)
        share_low, share_high = share.interval(confidence)
        yield {
            "loss": key.loss.id,
            "loss_beta": key.hardening.beta,
            "estimate": value.value,
            "ci_low": low,
            "ci_high": high,
            "share_holding": share.value,
            "share_low": share_low,
            "share_high": share_high,
        }


def gap_rows(table: LossTable, confidence: float) -> Iterator[dict[str, Any]]:
    """One row per gap: what Theorem 1 says is not negative under Assumption 1, and H-SCL over UCL."""
    q = table.variant.q[0]
    ucl, scl = LossKey(UCL, CONSTANT, q), LossKey(SCL, CONSTANT, q)
    pairs: list[tuple[str, Hardening, LossKey, LossKey]] = [("ucl-scl", CONSTANT, ucl, scl)]
    for h in table.variant.tilts:
        hucl, hscl = LossKey(HUCL, h, q), LossKey(HSCL, h, q)
        pairs += [("hucl-hscl", h, hucl, hscl), ("hscl-ucl", h, hscl, ucl)]
    for name, hardening, high, low in pairs:
        gap = table.gap(high, low)
        ci_low, ci_high = gap.interval(confidence)
        yield {
            "gap": name, "loss_beta": hardening.beta, "estimate": gap.value, "ci_low": ci_low, "ci_high": ci_high,
        }  # fmt: skip


def lightning_callback(tracker: Tracker, base: type) -> Any:
    """The tracker as a callback of Lightning, which boundcheck itself does not need.

    Args:
        tracker: what to call with the module after each training epoch.
        base: `lightning.Callback` (or `lightning.pytorch.Callback`).

    Returns:
        An instance of a subclass of `base`; the module's forward must return embeddings.
    """

    def on_train_epoch_end(self: object, trainer: Any, module: nn.Module) -> None:
        tracker(module, trainer.current_epoch + 1)

    return type("TrackBounds", (base,), {"on_train_epoch_end": on_train_epoch_end})()


@contextmanager
def _evaluating(encoder: nn.Module) -> Iterator[None]:
    """Evaluation mode for the length of a block; every module, frozen ones too, then gets its own mode back."""
    modes: list[tuple[nn.Module, bool]] = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
