"""H-SCL (beta 1) trained by Lightning on Fashion-MNIST, watched on held-out images.

python results/callbacks/with_lightning.py --out results/callbacks/lightning
"""

from __future__ import annotations

import time

import lightning.pytorch as lightning
import numpy as np
import torch
from common import BATCH, BETAS, LEARNING_RATE, TEMPERATURE, convnet, data, options, write_manifest
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import boundcheck as bc
from boundcheck.augment import recipe_for, views
from boundcheck.lab.objectives.hscl import hscl


class Contrastive(lightning.LightningModule):
    """A convnet with a projection head; its forward returns embeddings, not normalised."""

    def __init__(self, images: Tensor, seed: int) -> None:
        super().__init__()
        self.images, self.seed, self.batch_losses = images, seed, []
        self.network = nn.Sequential(convnet(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64))
        self.recipe = recipe_for(1, 28, "fashion_mnist")

    def forward(self, x: Tensor) -> Tensor:
        """(b, 1, 28, 28) in [0, 1] to (b, 64)."""
        return self.network(x)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """H-SCL of two views of each image of the batch, new ones in every epoch."""
        index, labels = batch
        seed = self.seed + 1 + self.current_epoch
        made = [views(self.images[index], index.numpy(), view, seed, self.recipe) for view in (0, 1)]
        z = nn.functional.normalize(self(torch.cat(made)), dim=1).view(2, len(index), -1).transpose(0, 1)
        loss = hscl(z, labels, temperature=TEMPERATURE, beta=1.0)
        self.log("batch_loss", loss, on_step=False, on_epoch=True, batch_size=len(index))
        return loss

    def on_train_epoch_end(self) -> None:
        """Keeps the mean of the batches."""
        self.batch_losses.append(float(self.trainer.callback_metrics["batch_loss"]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


def main() -> None:
    """Trains, and writes the curves."""
    given, started = options(__doc__), time.time()
    given.out.mkdir(parents=True)
    train, held_out = data(given)
    lightning.seed_everything(given.seed)
    module = Contrastive(torch.from_numpy(train.images), given.seed)
    pairs = TensorDataset(torch.arange(len(train)), torch.from_numpy(np.asarray(train.labels)))
    loader = DataLoader(pairs, batch_size=BATCH, shuffle=True, drop_last=True)

    tracker = bc.Tracker(*bc.held_out_views(held_out), temperature=TEMPERATURE, betas=BETAS, folder=given.out)
    callback = bc.lightning_callback(tracker)
    trainer = lightning.Trainer(
        max_epochs=given.epochs, callbacks=[callback], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, loader)
    write_manifest(given, started, module.batch_losses, ["lightning"])
    print(tracker.gaps().query("gap == 'hucl-hscl'").to_string())


if __name__ == "__main__":
    main()
