"""What both runs share: Fashion-MNIST, a small network, and a manifest."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
import time
from pathlib import Path

import torch
from torch import nn

import boundcheck as bc
from boundcheck.data import ImageSet
from boundcheck.manifest import hardware

TEMPERATURE, BETAS, BATCH, LEARNING_RATE = 0.5, (1.0, 5.0), 128, 1e-3


def options(what: str) -> argparse.Namespace:
    """The options of a run; the defaults are those of the committed curves."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--images", type=int, default=4000, help="first training images")
    parser.add_argument("--held-out", type=int, default=1000, help="first test images")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="new folder for tracking.csv, gaps.csv, run.json")
    return parser.parse_args()


def data(given: argparse.Namespace) -> tuple[ImageSet, ImageSet]:
    """Training and held-out images."""
    return (
        bc.load_dataset("fashion_mnist", "train").subset(slice(0, given.images)),
        bc.load_dataset("fashion_mnist", "test").subset(slice(0, given.held_out)),
    )


def convnet() -> nn.Sequential:
    """Features (b, 128) of grey images of 28 x 28 pixels."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def write_manifest(given: argparse.Namespace, started: float, batch_losses: list[float], packages: list[str]) -> None:
    """run.json: what was run, on what, and the means of the training batches' losses, which estimate nothing."""
    manifest = {
        "command": ["python", *(word for word in sys.argv)],
        "images": given.images, "held_out": given.held_out, "views": 2, "epochs": given.epochs, "seed": given.seed,
        "batch": BATCH, "learning_rate": LEARNING_RATE, "temperature": TEMPERATURE, "betas": BETAS,
        "batch_losses": batch_losses, "seconds": round(time.time() - started, 1), "threads": torch.get_num_threads(),
        "platform": hardware(), "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in ["torch", *packages]},
    }  # fmt: skip
    (given.out / "run.json").write_text(json.dumps(manifest, indent=2) + "\n")
