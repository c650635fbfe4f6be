"""The four losses of the training batches, averaged over an epoch: what the figures of Jiang 2022 show.

Their code (`main_loss.py`) takes them in training mode, while the weights move, with Q negatives of the batch: not an
estimate of any population value. It stands beside the losses in the limit, on held-out images.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from boundcheck.lab.objectives import OBJECTIVES
from boundcheck.lab.training import EpochEnd
from boundcheck.lab.training.epoch_table import EpochTable

from .presets import Trial
from .variants import LOSSES, PLAIN

DEFAULT_BETA = 0.5  # of H-UCL and H-SCL where the encoder is trained without a tilt; the authors' default


class BatchLosses:
    """Keeps batch_losses.csv: `watch` takes the batches of an epoch, `at_epoch_end` writes their means.

    Positives are the anchor's other views where there are several, else its class, as in the authors' code; negatives
    are weighted, not drawn.

    Args:
        trial: what is trained.
        folder: of the trial; rows of an interrupted run that are there are taken up.
    """

    def __init__(self, trial: Trial, folder: Path) -> None:
        training = trial.training
        beta = DEFAULT_BETA if trial.beta is None else trial.beta
        shared = {
            "temperature": training.temperature,
            "q": training.q,
            "average": training.average,
            "keep_anchor": training.keep_anchor,
            "positives": "augmentation" if training.n_views > 1 else "class",
        }
        self._losses = {
            name: partial(OBJECTIVES[name], **shared, **({"beta": beta} if name in PLAIN else {})) for name in LOSSES
        }
        self._beta = beta
        self._table = EpochTable(("loss", "loss_beta", "mean"), trial.facts, folder / "batch_losses.csv", ["loss"])
        self._seen: dict[str, list[float]] = defaultdict(list)

    @torch.no_grad()
    def watch(self, z: Float[Tensor, "b v d"], y: Int[Tensor, " b"]) -> None:
        """The losses of one batch."""
        for name, loss in self._losses.items():
            self._seen[name].append(float(loss(z, y)))

    def at_epoch_end(self, end: EpochEnd) -> None:
        """For `train(..., callbacks=[statistic.at_epoch_end])`."""
        self.write(end.epoch)

    def write(self, epoch: int) -> None:
        """Writes the means of an epoch, and begins the next one."""
        rows = [
            {"loss": name, "loss_beta": self._beta if name in PLAIN else None, "mean": sum(values) / len(values)}
            for name, values in self._seen.items()
        ]
        self._table.put(epoch, rows)
        self._seen.clear()
