"""SimCLR trained by lightly's example loop on Fashion-MNIST, watched on held-out images.

python results/callbacks/with_lightly.py --images 2000 --epochs 6 --out results/callbacks/lightly
"""

from __future__ import annotations

import time

import torch
from common import BATCH, BETAS, LEARNING_RATE, TEMPERATURE, convnet, data, options, write_manifest
from operators import declare
from PIL import Image
from torch import Tensor, nn

declare()
from lightly.loss import NTXentLoss  # noqa: E402
from lightly.models.modules import SimCLRProjectionHead  # noqa: E402
from lightly.transforms import SimCLRTransform  # noqa: E402

import boundcheck as bc  # noqa: E402
from boundcheck.data import ImageSet  # noqa: E402


class SimCLR(nn.Module):
    """As in lightly's example: a backbone and a projection head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = convnet()
        self.projection_head = SimCLRProjectionHead(128, 128, 64)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 1, 28, 28), standardised, to (b, 64)."""
        return self.projection_head(self.backbone(x))


class Views(torch.utils.data.Dataset):
    """(views of an image, label), as lightly's own data sets give them."""

    def __init__(self, images: ImageSet) -> None:
        self.images = images
        self.transform = SimCLRTransform(
            input_size=28, gaussian_blur=0.0, normalize={"mean": [0.2860], "std": [0.3530]}
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[list[Tensor], int]:
        return self.transform(Image.fromarray(self.images.images[index, 0])), int(self.images.labels[index])


def main() -> None:
    """Trains, and writes the curves."""
    given, started = options(__doc__), time.time()
    given.out.mkdir(parents=True)
    train, held_out = (Views(images) for images in data(given))
    torch.manual_seed(given.seed)
    pairs = [held_out[index] for index in range(len(held_out))]  # drawn once: the same views after every epoch
    model = SimCLR()
    loader = torch.utils.data.DataLoader(train, batch_size=BATCH, shuffle=True, drop_last=True)
    criterion = NTXentLoss(temperature=TEMPERATURE)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    inputs, labels = zip(*((torch.stack(views), label) for views, label in pairs), strict=True)
    tracker = bc.Tracker(inputs, labels, temperature=TEMPERATURE, betas=BETAS, folder=given.out)
    tracker(model, 0)
    batch_losses = []
    for epoch in range(1, given.epochs + 1):
        total = 0.0
        for (x0, x1), _ in loader:
            loss = criterion(model(x0), model(x1))
            total += float(loss.detach())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        tracker(model, epoch)
        batch_losses.append(total / len(loader))
    write_manifest(given, started, batch_losses, ["lightly", "torchvision"])
    print(tracker.gaps().query("gap == 'hucl-hscl'").to_string())


if __name__ == "__main__":
    main()
