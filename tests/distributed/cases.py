"""Small, awkward verifications; also a program for torchrun that does them on all ranks together."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.pairwise.ring.shards import shard
from boundcheck.ranks import join_ranks
from boundcheck.verification import verify
from boundcheck.verified import Verification

FRAMES = ("losses", "claims", "assumption", "anchors", "hardest", "finite_k")
# name -> (instances of each class, views, options of `verify`)
CASES: dict[str, tuple[list[int], int, dict[str, Any]]] = {
    "imbalanced, with a singleton, finite k": ([31, 17, 9, 5, 1], 2, {"betas": [1.0, 5.0], "negatives": (10,)}),
    "the data are the population, class positives": (
        [14, 14, 14], 1,
        {"betas": [2.0], "q": [1.0, np.inf], "self_pairs": "include", "hardening": ["exp", "threshold:0.2"]},
    ),
    "hard tilts at a low temperature, balanced prior": (
        [23, 8], 2, {"betas": [0.5, 10.0], "temperature": 0.05, "class_prior": "balanced", "precision": "float64"},
    ),
    "sampled anchors, class positives": (
        [20, 13, 13], 2, {"betas": [1.0], "positives": "class", "estimator": "montecarlo", "anchors": 25},
    ),
    "until decided": ([12, 10], 2, {"betas": [1.0], "until_decided": True}),
    "one view": ([12, 11, 9], 1, {"betas": [1.0]}),
    "the population in two views": (
        [10, 10], 2, {"betas": [1.0], "self_pairs": "include", "positives": "augmentation", "class_prior": "balanced"},
    ),
    "fewer instances than ranks": ([2, 1], 2, {"betas": [1.0]}),
}  # fmt: skip


def embeddings(name: str) -> EmbeddingSet:
    sizes, views, _ = CASES[name]
    rng = np.random.default_rng(len(name))
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    z = rng.standard_normal((len(y), views, 6)) + 1.5 * np.eye(6)[y][:, None]
    return EmbeddingSet(z.astype(np.float32), y)


def frames(result: Verification) -> dict[str, pd.DataFrame]:
    return {frame: getattr(result.run, frame) for frame in FRAMES}


if __name__ == "__main__":
    torch.set_num_threads(1)
    ranks = join_ranks(torch.device("cpu"))
    if ranks.is_first:
        results = {}
        for name, (_, _, options) in CASES.items():
            told: list[int] = []
            emb = shard(embeddings(name), ranks)
            result = verify(emb, progress=lambda done, total, unit, told=told: told.append(done), **options)
            results[name] = frames(result) | {
                "told": told,
                "first_shard": len(ranks.held["ring"].own.z),
                "processes": emb.ring.ranks.size,
                "warnings": result.run.manifest["warnings"],
            }
        ranks.dismiss()
        Path(sys.argv[1]).write_bytes(pickle.dumps(results))
    else:
        ranks.serve()
    # As in boundcheck.__main__: the interpreter's teardown may abort in torch's threads.
    os._exit(0)
