"""How far is each log-sum from a float64 brute force, with the precision that the package chooses by itself?

    python -m tests.studies.precision --out results/validation

Random, clustered, collapsed and imbalanced sets of unit vectors in 64 dimensions, every temperature and tilt of the
promise: 1e-5 nats. Chunks are cut small, so that the running maxima are rescaled many times.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import Exponential, terms_for
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.passes import ask
from boundcheck.pairwise.plan import plan_pairs
from tests.strategies import clouds

SETS = ("random", "clustered", "collapsed", "imbalanced")
TEMPERATURES = (0.01, 0.07, 0.5, 1.0)
BETAS = (0.0, 1.0, 5.0, 30.0, 100.0)
PROMISE = 1e-5  # nats


def brute_force(emb: EmbeddingSet, temperature: float, gammas: list[float]) -> np.ndarray:
    """(anchors, 2, gammas) log-sums over same- and other-class candidates, float64, one anchor at a time."""
    z = emb.z.reshape(-1, emb.d).astype(np.float64)
    instance = np.repeat(np.arange(emb.n), emb.v)
    y = np.repeat(emb.y, emb.v)
    out = np.full((len(z), 2, len(gammas)), -np.inf)
    for a in range(len(z)):
        t = z @ z[a] / temperature
        other = instance != instance[a]
        for group, mask in enumerate((other & (y == y[a]), other & (y != y[a]))):
            if mask.any():
                out[a, group] = [logsumexp(gamma * t[mask]) for gamma in gammas]
    return out


def worst_error(emb: EmbeddingSet, temperature: float, beta: float, precision: str = "auto") -> tuple[str, float]:
    """(precision chosen, largest error in nats of any log-sum of one tilt)."""
    hardening = Exponential(beta)
    terms = terms_for([hardening])
    z, y = torch.from_numpy(emb.z), torch.from_numpy(emb.y)
    plan = plan_pairs(z, y, temperature=temperature, precision=precision, rows=(96, 40), threads=1)
    chosen = LogSumsOf(terms).dtype(plan)
    expected = brute_force(emb, temperature, [term.gamma for term in terms])
    found = ask(plan, LogSumsOf(terms)).log_sums.numpy()
    assert np.array_equal(np.isneginf(found), np.isneginf(expected))
    some = np.isfinite(expected)
    return str(chosen).removeprefix("torch."), float(np.abs(found[some] - expected[some]).max())


def study(n: int = 300, seed: int = 0, sets: tuple[str, ...] = SETS) -> pd.DataFrame:
    """One row per set, temperature and tilt."""
    rows = []
    for name in sets:
        emb = EmbeddingSet(*clouds(name, n=n, d=64, seed=seed))
        for temperature in TEMPERATURES:
            for beta in BETAS:
                precision, error = worst_error(emb, temperature, beta)
                rows.append(
                    {
                        "set": name,
                        "temperature": temperature,
                        "beta": beta,
                        "precision": precision,
                        "worst_error_nats": error,
                        "n": n,
                        "seed": seed,
                    }
                )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    table = study(options.n, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "precision.csv", index=False, float_format="%.3g")
    print(table.to_string(index=False))
    print(f"worst: {table.worst_error_nats.max():.2e} nats, promised {PROMISE:g}")


if __name__ == "__main__":
    main()
