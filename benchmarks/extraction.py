"""How near extraction comes to the encoder alone: views a second of each, in one run, with the values checked.

    python benchmarks/extraction.py [--arch convnet] [--images 1024] [--batch-size 128] [--rounds 5] [--device cpu]

Random pixels in the shape of each data set, two views of each. Every round times the views alone, the bare forward pass
on ready views, and `extract` as a whole, one after the other, so that other work on the machine slows all three; each
rate is that of its fastest round. The last column compares `extract` with the forward pass alone. Before that, the
embeddings are compared with those of a loop over single images. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import numpy as np
import torch

import boundcheck
from boundcheck._device import resolve_device
from boundcheck.augment import recipe_for, views
from boundcheck.data import ImageSet
from boundcheck.encoders import Checkpoint, EncoderConfig, build_encoder
from boundcheck.extraction import extract

SHAPES = [("digits", 1, 8), ("fashion_mnist", 1, 28), ("cifar10", 3, 32)]
SEED, VIEWS, CHECKED, TOLERANCE = 0, 2, 8, 1e-4


def random_encoder(arch: str, channels: int, size: int) -> Checkpoint:
    torch.manual_seed(SEED)
    mean, std = (0.5,) * channels, (0.25,) * channels
    encoder = build_encoder(arch, in_channels=channels, image_size=size, mean=mean, std=std).eval()
    head = encoder.head
    config = EncoderConfig(
        arch=arch, in_channels=channels, image_size=size, feature_dim=encoder.backbone.feature_dim,
        hidden_dim=int(head[0].out_features), embedding_dim=int(head[3].out_features), mean=mean, std=std,
    )  # fmt: skip
    return Checkpoint(encoder, config, "0" * 64, boundcheck.shipped_checkpoint())


def random_images(name: str, channels: int, size: int, n: int) -> ImageSet:
    images = np.random.default_rng(SEED).integers(0, 256, (n, channels, size, size), dtype=np.uint8)
    return ImageSet(name, "test", images, np.arange(n) % 10, tuple("abcdefghij"), np.arange(n).astype(str))


@torch.inference_mode()
def largest_difference(checkpoint: Checkpoint, images: ImageSet, z: np.ndarray, device: torch.device) -> float:
    """Between the embeddings and those of single images, one view at a time."""
    recipe = recipe_for(images.images.shape[1], images.images.shape[2], images.name)
    worst = 0.0
    for i in range(CHECKED):
        for view in range(VIEWS):
            pixels = torch.from_numpy(images.images[i : i + 1]).to(device)
            one = checkpoint.encoder(views(pixels, np.array([i]), view, SEED, recipe))[1]
            expected = torch.nn.functional.normalize(one, dim=1).cpu().numpy()[0]
            worst = max(worst, float(np.abs(z[i, view] - expected).max()))
    return worst


def rates(
    checkpoint: Checkpoint, images: ImageSet, batch_size: int, rounds: int, device: torch.device
) -> tuple[float, float, float, float]:
    """Views a second: made, put through the encoder, and both by `extract`; and the largest difference of values."""
    recipe = recipe_for(images.images.shape[1], images.images.shape[2], images.name)
    index = np.arange(min(batch_size, len(images)))
    pixels = torch.from_numpy(images.images[index]).to(device)
    emb = extract(checkpoint, images, views=VIEWS, seed=SEED, batch_size=batch_size, device=device.type)
    ready = views(pixels, index, 0, SEED, recipe)

    def make() -> int:
        views(pixels, index, 0, SEED, recipe)
        return len(index)

    def forward() -> int:
        checkpoint.encoder(ready)
        return len(index)

    def whole() -> int:
        extract(checkpoint, images, views=VIEWS, seed=SEED, batch_size=batch_size, device=device.type)
        return VIEWS * len(images)

    best = dict.fromkeys((make, forward, whole), 0.0)
    with torch.inference_mode():
        for _ in range(rounds):
            for work in best:
                best[work] = max(best[work], _rate(work, device))
    return *best.values(), largest_difference(checkpoint, images, emb.z, device)


def _rate(work: Callable[[], int], device: torch.device) -> float:
    started = time.perf_counter()
    done = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return done / (time.perf_counter() - started)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="convnet")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args(argv)
    torch.set_num_threads(chosen.threads)
    device = resolve_device(chosen.device)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    print(
        f"{machine}, {chosen.threads} threads; boundcheck {boundcheck.__version__}, torch {torch.__version__}; "
        f"{chosen.arch}, n = {chosen.images} images, {VIEWS} views, batches of {chosen.batch_size}; seed {SEED}; "
        f"fastest of {chosen.rounds} rounds\n\n"
        "| data | shape | views alone, views/s | forward alone, views/s | extract, views/s | extract / forward |\n"
        "|---|---|---|---|---|---|"
    )
    for name, channels, size in SHAPES:
        checkpoint, images = (
            random_encoder(chosen.arch, channels, size),
            random_images(name, channels, size, chosen.images),
        )
        made, forward, whole, difference = rates(checkpoint, images, chosen.batch_size, chosen.rounds, device)
        if difference > TOLERANCE:
            raise SystemExit(f"{name}: embeddings differ by {difference:.2g} from those of single images")
        print(
            f"| {name} | {channels} x {size} x {size} | {made:,.0f} | {forward:,.0f} | {whole:,.0f} | "
            f"{whole / forward:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
