"""Coverage of the share's interval against the score interval (Wilson) that it replaced.

    python -m tests.studies.shares --out results/validation

Fresh samples of 400 instances of the coverage study's populations; the target is the mean share over 1,000 other
samples, read from coverage.csv in the same folder. The two intervals are read from the same values and standard errors.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pandas as pd
from scipy.stats import norm

from boundcheck.inference.intervals import Share
from tests.studies.coverage import CONFIDENCE, SEED, _sample

N, OTHER_SEEDS = 400, 2 * 10**9


def score_interval(share: Share) -> tuple[float, float]:
    """Wilson's, at the effective size."""
    p, z = share.value, float(norm.ppf((1 + CONFIDENCE) / 2))
    size = min(share.n, p * (1 - p) / share.se**2) if share.se > 0 and 0 < p < 1 else float(share.n)
    centre = (p + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(p * (1 - p) / size + z * z / (4 * size * size))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def study(populations: list[str], replicates: int, targets: pd.Series) -> pd.DataFrame:
    """One row per population and beta: coverage and mean width of both intervals.

    Args:
        populations: names in the coverage study.
        replicates: samples of each.
        targets: by population, n and beta.
    """
    rows = []
    for name in populations:
        for seed in range(replicates):
            for h, summary in _sample(name, N, SEED + OTHER_SEEDS + seed, True).margins.items():
                target = targets[name, N, h.beta or 0.0]
                ends = {"interval": summary.share.interval(CONFIDENCE), "score": score_interval(summary.share)}
                rows.append(
                    dict(population=name, beta=h.beta or 0.0, target=target)
                    | {f"{kind}_coverage": low - 1e-9 <= target <= high + 1e-9 for kind, (low, high) in ends.items()}
                    | {f"{kind}_width": high - low for kind, (low, high) in ends.items()}
                )
    table = pd.DataFrame(rows).groupby(["population", "beta"], sort=False).mean().reset_index()
    return table.assign(n=N, replicates=replicates, seed=SEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--populations", nargs="+", default=["moderate", "imbalanced", "hard"])
    parser.add_argument("--replicates", type=int, default=400)
    options = parser.parse_args()
    known = pd.read_csv(options.out / "coverage.csv").query("quantity == 'share'")
    table = study(options.populations, options.replicates, known.set_index(["population", "n", "beta"]).target)
    table.round(6).to_csv(options.out / "shares.csv", index=False)
    print(table.to_string(index=False, float_format=lambda x: f"{x:.5f}" if x < 1 else f"{x:g}"))


if __name__ == "__main__":
    main()
