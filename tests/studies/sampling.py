"""Sampled anchors against all anchors, on embeddings of a trained encoder.

    boundcheck reproduce jiang2022 --preset cpu
    python -m tests.studies.sampling --seeds 400 --out results/validation \
        --checkpoint runs/trials/fashion_mnist-00b44bc9/ucl-seed0/train/encoder.pt

Every loss at every beta: the exact plug-in value of the data set, then, over seeds, the mean of each sampled estimate,
its scatter, its standard error, and z, the difference of the mean from the exact value in units of its own error.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import boundcheck as bc
from boundcheck.manifest import hardware


def compare(
    emb: bc.EmbeddingSet, betas: tuple[float, ...], anchors: int, seeds: int, temperature: float
) -> pd.DataFrame:
    """One row per loss and beta; pairs and seconds are those of one estimate, `se` its own idea of its error about the
    data set's value (root mean square over seeds)."""
    exact = bc.estimate(emb, temperature=temperature, betas=betas, estimator="exact", intervals=False)
    truth = exact.to_frame()
    runs = [
        bc.estimate(
            emb,
            temperature=temperature,
            betas=betas,
            estimator="montecarlo",
            anchors=anchors,
            seed=seed,
            intervals=False,
        )
        for seed in range(seeds)
    ]
    values = np.array([run.to_frame().plugin for run in runs])
    errors = np.array([[run.sampling_error({key: 1.0}) for key in run.keys] for run in runs])
    scatter = values.std(0, ddof=1)
    return truth[["loss", "beta"]].assign(
        estimator="montecarlo",
        exact=truth.plugin,
        mean=values.mean(0),
        z=(values.mean(0) - truth.plugin) / (scatter / np.sqrt(seeds)),
        scatter=scatter,
        se=np.sqrt((errors**2).mean(0)),
        anchors=anchors,
        seeds=seeds,
        pairs=int(np.mean([run.cost.pairs for run in runs])),
        pairs_exact=exact.cost.pairs,
        seconds=np.mean([run.cost.seconds for run in runs]),
        seconds_exact=exact.cost.seconds,
        n=emb.n,
        v=emb.v,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--anchors", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--betas", type=float, nargs="+", default=[1.0, 2.0, 5.0, 10.0])
    parser.add_argument("--temperature", type=float, default=0.5)
    options = parser.parse_args()
    start = time.perf_counter()
    images = bc.load_dataset(options.dataset, "test")
    emb = bc.extract(bc.load_encoder(options.checkpoint), images, views=2, seed=0)
    table = compare(emb, tuple(options.betas), options.anchors, options.seeds, options.temperature)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "sampling.csv", index=False, float_format="%.6g")
    print(table.round(4).to_string(index=False))
    print(f"{emb}, seeds 0 to {options.seeds - 1}, {hardware()}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
