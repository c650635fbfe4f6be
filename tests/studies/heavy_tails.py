"""What the share of the variance that one instance carries says about a normal interval.

    python -m tests.studies.heavy_tails --out results/validation

Averages of independent draws from light and heavy tails. Where tails are heavy one draw carries much of the variance
(`median_top_share`), and the 95 % interval covers less than 95 %: not in the samples that hold an extreme draw, but in
those that lack one, so the share warns of the distribution, not of the one sample.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from boundcheck.inference.intervals import HEAVY_INFLUENCE, Estimate

SEED = 20220904
SIZES = (400, 2000, 10_000)
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, size: rng.normal(size=size), 0.0),
    "exponential": (lambda rng, size: rng.exponential(size=size), 1.0),
    "lognormal, s = 1": (lambda rng, size: rng.lognormal(0, 1, size), float(np.exp(0.5))),
    "lognormal, s = 1.5": (lambda rng, size: rng.lognormal(0, 1.5, size), float(np.exp(1.125))),
    "lognormal, s = 2": (lambda rng, size: rng.lognormal(0, 2, size), float(np.exp(2))),
    "Pareto, exponent 2.5": (lambda rng, size: rng.pareto(2.5, size), 1 / 1.5),
    "Pareto, exponent 2.1": (lambda rng, size: rng.pareto(2.1, size), 1 / 1.1),
}


def heavy_tails(replicates: int, sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """One row per distribution and size: median top share, how many replicates are warned of, coverage by the normal
    quantile and by Student's, of as many degrees of freedom as the top share leaves."""
    rows = []
    for name, (draw, truth) in DISTRIBUTIONS.items():
        for n in sizes:
            rng = np.random.default_rng([SEED, n])
            shares, covered, by_t = [], [], []
            for _ in range(replicates):
                x = draw(rng, (1, n))[0]
                squares = (x - x.mean()) ** 2
                shares.append(squares.max() / squares.sum())
                mean, se = float(x.mean()), float(np.sqrt(squares.sum() / (n * (n - 1))))
                covered.append(abs(mean - truth) <= 1.959964 * se)
                low, high = Estimate(mean, mean, se, float(shares[-1])).interval(0.95)
                by_t.append(low <= truth <= high)
            row = {"distribution": name, "n": n, "replicates": replicates}
            row |= {"median_top_share": np.median(shares), "warned": np.mean(np.array(shares) > HEAVY_INFLUENCE)}
            rows.append(row | {"coverage": np.mean(covered), "coverage_t": np.mean(by_t)})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--replicates", type=int, default=4000)
    arguments = parser.parse_args()
    table = heavy_tails(arguments.replicates).round(4)
    table.to_csv(arguments.out / "heavy_tails.csv", index=False)
    print(table.to_string(index=False))
