"""Sweep the four encoders of results/fashion_mnist over three temperatures and five betas, on 2,000 test images.

    python results/fashion_mnist_sweep/make.py

Run from the repository root, with the encoders that `boundcheck reproduce jiang2022 --preset cpu` trains in
runs/trials. The 2,000 images are 200 of each class, drawn at random (seed 0) from the 10,000 of the test split.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import boundcheck as bc
from boundcheck.cli import main

PER_CLASS, SEED = 200, 0

images = bc.load_dataset("fashion_mnist", "test")
draw = np.random.default_rng(SEED)
classes = [np.flatnonzero(images.labels == label) for label in range(len(images.classes))]
chosen = np.sort(np.concatenate([draw.choice(members, PER_CLASS, replace=False) for members in classes]))
files = []
TRIALS = Path("runs/trials/fashion_mnist-00b44bc9")
ENCODERS = {"ucl": "ucl-seed0", "hucl": "hucl-beta1-seed0", "scl": "scl-seed0", "hscl": "hscl-beta1-seed0"}
for objective, trial in ENCODERS.items():
    checkpoint = bc.load_encoder(TRIALS / trial / "train" / "encoder.pt")
    files.append(f"runs/fashion_mnist_sweep/{objective}.npz")
    bc.save_embeddings(bc.extract(checkpoint, images.subset(chosen), seed=SEED), files[-1])
grid = ["--temperatures", "0.1,0.5,1", "--betas", "0.5,1,2,5,10"]
place = ["--out", "results/fashion_mnist_sweep/sweep", "--overwrite", "--cells", "runs/fashion_mnist_sweep/cells"]
sys.exit(main(["sweep", *files, *grid, *place, "--fail-on", "never"]))
