"""Bounds over epochs: the losses in the large-negative limit, Assumption 1 and the gaps, while an encoder trains.

In a loop of one's own, three lines:

    tracker = Tracker(*held_out_views(images), temperature=0.5, betas=[1, 5], log=SummaryWriter())
    ...
        tracker(encoder, epoch)          # after each epoch
    tracker.to_frame()                   # at the end

In Lightning's, `lightning_callback(tracker)` among the trainer's callbacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor, nn

from boundcheck.augment import ViewRecipe, recipe_for, views
from boundcheck.data import ImageSet
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators import LossTable, estimate
from boundcheck.hardening import CONSTANT, Hardening
from boundcheck.lab.objectives import OBJECTIVES, hyperparameters, limit_sentence
from boundcheck.losses import HSCL, HUCL, SCL, UCL, LossKey
from boundcheck.options import check, one_of, whole
from boundcheck.spec import Variant

from .encode import Embed, encode
from .epoch_table import EpochTable
from .logs import Values, destination, scalars
from .record import EpochEnd

_LOSS_COLUMNS = (
    "loss", "loss_beta", "estimate", "ci_low", "ci_high", "share_holding", "share_low", "share_high", "reliable",
)  # fmt: skip
_GAP_COLUMNS = ("gap", "loss_beta", "estimate", "ci_low", "ci_high", "reliable")


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
    training mode and with moving weights, are not. The encoder's modes and the random numbers of the training are
    put back afterwards.

    Args:
        inputs: (n, v, ...) v views of n held-out instances, as the encoder takes them, or a sequence of n tensors
            (v, ...); `held_out_views` makes them of images. More than one view gives augmentation positives, one view
            class positives.
        labels: (n,) classes, integers or names.
        temperature: of the losses.
        betas: hardnesses of H-UCL and H-SCL.
        q: Q of the losses; inf for the decoupled ones.
        positives: `augmentation`, `class`, or `auto` for augmentation where there are several views.
        normalize: whether the encoder's outputs are L2-normalised before the losses.
        every: measure after epochs that are multiples of this (and the last one, where the end is known).
        confidence: of the intervals.
        batch_size: rows encoded at a time.
        embed: (encoder, rows (b, ...)) -> (b, d), for an encoder whose call does not return the embeddings; None calls
            it, and takes the last of a tuple.
        log: where each measurement's numbers go, with the epoch as the step: a TensorBoard `SummaryWriter`, the module
            `mlflow`, a run of W&B, a logger of Lightning, or a function of (values by name, epoch). Their names are
            `boundcheck/ucl`, `scl`, `share` (Assumption 1), `gap` (UCL less SCL), its interval `gap_ci_low` and
            `gap_ci_high` and whether it is to be relied on, `gap_reliable`, 1 or 0; and the same at each beta as
            `hucl_beta1`, `hscl_beta1`, `share_beta1`, `gap_beta1` (H-UCL less H-SCL), ...
        folder: keeps `tracking.csv` and `gaps.csv` there, rewritten after every measurement; what is in it
            already is taken up, so that a resumed run loses nothing.
        dataset, objective, beta, seed: written into the tables' columns; they change no number.

    Raises:
        InputError: a number breaks its rule, or inputs and labels do not fit.
    """

    def __init__(
        self,
        inputs: Tensor | Sequence[Tensor],
        labels: ArrayLike | Tensor,
        *,
        temperature: float = 0.5,
        betas: Sequence[float] = (1.0, 5.0),
        q: float = 1.0,
        positives: str = "auto",
        normalize: bool = True,
        every: int = 1,
        confidence: float = 0.95,
        batch_size: int = 512,
        embed: Embed | None = None,
        log: object | None = None,
        folder: str | Path | None = None,
        dataset: str = "",
        objective: str = "",
        beta: float | None = None,
        seed: int | None = None,
    ) -> None:
        check("every", every, whole(1), "1 measures after every epoch")
        self.inputs, self.labels = _held_out(inputs), labels
        rows = EmbeddingSet(np.ones((*self.inputs.shape[:2], 1), np.float32), labels)  # checks the labels, now
        self.variant = Variant(temperature, betas, q=(q,), positives=positives).with_views(rows.v)
        self.variant.on(rows)
        self.normalize, self.confidence = normalize, confidence
        self.every, self.batch_size, self.embed = every, batch_size, embed
        self.log = log
        destination(log)  # refuses what takes no values, now
        folder = None if folder is None else Path(folder)
        self.facts: dict[str, Any] = {"dataset": dataset, "objective": objective, "beta": beta, "seed": seed}
        self.values: Values = {}
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
        return self.put(self.encoded(encoder), epoch)

    def encoded(self, encoder: nn.Module) -> Float[np.ndarray, "n v d"]:
        """The embeddings of the held-out set as the encoder is now."""
        return encode(encoder, self.inputs, self.batch_size, self.embed)

    def put(self, z: Float[np.ndarray, "n v d"], epoch: int) -> LossTable:
        """Adds the rows of an epoch, from the embeddings of the held-out set, and logs them.

        Returns:
            The losses the rows were read from.

        Raises:
            InputError: the embeddings are not finite, or zero.
        """
        table = estimate(EmbeddingSet(z, self.labels, normalize=self.normalize), self.variant)
        losses, gaps = list(loss_rows(table, self.confidence)), list(gap_rows(table, self.confidence))
        self._losses.put(epoch, losses)
        self._gaps.put(epoch, gaps)
        self.values = scalars(losses, gaps)
        destination(self.log)(self.values, epoch)
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
        one_of("objective", name, OBJECTIVES)
        own = hyperparameters(OBJECTIVES[name])
        return limit_sentence(
            name,
            positives or (own["positives"].default if "positives" in own else None),
            self.facts["beta"] if "beta" in own else None,
            self.variant,
            lambda parameter, value: f"{parameter}={value}",
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per epoch and loss: estimate and interval (nats), whether the interval is to be relied on as in
        losses.csv, and the share of anchors with Assumption 1 at the loss's tilt."""
        return self._losses.frame.copy()

    def gaps(self) -> pd.DataFrame:
        """One row per epoch and gap (nats, paired intervals, whether they are to be relied on): `hucl-hscl` and
        `hscl-ucl` per beta, `ucl-scl`."""
        return self._gaps.frame.copy()


def _held_out(inputs: Tensor | Sequence[Tensor]) -> Tensor:
    """The inputs as one tensor.

    Raises:
        InputError: they are not views of instances.
    """
    if not isinstance(inputs, Tensor):
        parts = [torch.as_tensor(part) for part in inputs]
        if len({part.shape for part in parts}) != 1:
            raise InputError(
                f"inputs: expected views of one shape for every instance, received {len({p.shape for p in parts})} "
                "shapes; make as many views of each"
            )
        inputs = torch.stack(parts)
    if inputs.ndim < 3:
        raise InputError(
            f"inputs: expected shape (n, views, ...), received {tuple(inputs.shape)}; for one view of each instance "
            "pass inputs[:, None]"
        )
    return inputs


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
            "reliable": table.doubt((key,)) is None,
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
            "reliable": table.doubt((low, high)) is None,
        }  # fmt: skip
