"""Whether making views holds training up: views per second alone, images per second of whole training steps.

    python benchmarks/training.py [--arch convnet] [--batch-size 256] [--steps 10] [--device cpu] [--threads 2]

Random pixels in the shape of each data set: neither the views nor a step depend on what an image shows. Prints a
Markdown table; the time is that of the fastest of the steps, after two that are not counted, because other work on the
machine can only add to it.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

import boundcheck
from boundcheck._device import resolve_device
from boundcheck.augment import recipe_for, views
from boundcheck.data import ImageSet
from boundcheck.lab.objectives import hscl
from boundcheck.lab.training.distributed import Ranks
from boundcheck.lab.training.prepare import new_encoder
from boundcheck.lab.training.step import PRECISIONS, Step

SHAPES = [("digits", 1, 8), ("fashion_mnist", 1, 28), ("cifar10", 3, 32), ("stl10", 3, 96)]
SEED = 0


def random_images(name: str, channels: int, size: int, n: int) -> ImageSet:
    images = np.random.default_rng(SEED).integers(0, 256, (n, channels, size, size), dtype=np.uint8)
    return ImageSet(name, "train", images, np.arange(n) % 10, tuple("abcdefghij"), np.arange(n).astype(str))


def training_step(image_set: ImageSet, arch: str, device: torch.device, bf16: bool) -> Step:
    encoder = new_encoder(image_set, arch, SEED)[0].to(device).to(memory_format=torch.channels_last).train()
    return Step(
        images=torch.from_numpy(image_set.images).to(device),
        labels=torch.from_numpy(image_set.labels).to(device),
        model=encoder,
        optimizer=torch.optim.Adam(encoder.parameters()),
        loss=partial(hscl, temperature=0.5, beta=1.0),
        draws=False,
        classifies=False,
        recipe=recipe_for(image_set.images.shape[1], image_set.images.shape[2], image_set.name),
        seed=SEED,
        accumulate=1,
        bf16=bf16,
        ranks=Ranks(0, 1, device),
    )


def fastest(work: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds of the fastest call."""
    seconds = []
    for _ in range(times + 2):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="convnet")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    device = resolve_device(chosen.device)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    print(
        f"{machine}, {chosen.threads} threads; boundcheck {boundcheck.__version__}, torch {torch.__version__}; "
        f"{chosen.arch}, hscl, {chosen.precision}, n = {chosen.batch_size} images a batch, 2 views each; seed {SEED}; "
        f"fastest of {chosen.steps}\n\n"
        "| data | shape | views alone, views/s | training, images/s | views' share of a step |\n|---|---|---|---|---|"
    )
    for name, channels, size in SHAPES:
        image_set = random_images(name, channels, size, chosen.batch_size)
        step = training_step(image_set, chosen.arch, device, chosen.precision == "bf16" and device.type == "cuda")
        index = np.arange(chosen.batch_size)
        one = fastest(partial(views, step.images, index, 0, SEED, step.recipe), chosen.steps, device)
        whole = fastest(partial(step, 0, 0, index, 1e-3), chosen.steps, device)
        rates = f"{chosen.batch_size / one:,.0f} | {chosen.batch_size / whole:,.0f} | {2 * one / whole:.0%}"
        print(f"| {name} | {channels} x {size} x {size} | {rates} |", flush=True)


if __name__ == "__main__":
    main()
