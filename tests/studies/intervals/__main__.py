"""Do the intervals cover that no other study judges? Samples of finite sets that are seen whole.

python -m tests.studies.intervals --out results/validation

Finished cells are kept, and the table has every one that is, whichever command made it.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta

from tests.studies.intervals.measure import FAMILIES
from tests.studies.intervals.populations import POPULATIONS, population

SIZES = (50, 100, 200, 400)
FEWEST = {"errors and bounds": 8}  # instances of a class that a family needs
CELL = ["family", "population", "n"]


def cell(family: str, name: str, n: int, samples: int) -> pd.DataFrame:
    """Every row of every sample of a cell, with the truth."""
    measure, truth_of = FAMILIES[family]
    p = population(name)
    truth = {(quantity, str(float(at))): value for (quantity, at), value in truth_of(p).items()}
    rows = [
        row | dict(sample=seed)
        for seed in range(samples)
        for row in measure(p, p.chosen(n, seed, FEWEST.get(family, 2)))
    ]
    found = pd.DataFrame(rows)
    key = zip(found.quantity, found["at"].map(lambda at: str(float(at))), strict=True)
    found["truth"] = [truth.get(one, np.nan) for one in key]
    return found.assign(family=family, population=name, n=n)


def summarise(found: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and quantity: coverage with its Clopper-Pearson interval.

    A quantity without a truth of the set (pools of the sample's size) is judged against its mean over the samples.
    `given` is the share of samples with an interval; bias and mean_se are in standard deviations over samples.
    """
    rows = []
    for key, some in found.groupby([*CELL, "quantity", "at"], sort=False, dropna=False):
        own = some.truth.isna().all()
        truth = some.plugin.mean() if own else some.truth.iloc[0]
        given = some.ci_low.notna() & some.ci_high.notna()
        shown = some[given]
        covered, count = int(((shown.ci_low <= truth) & (truth <= shown.ci_high)).sum()), len(shown)
        low = beta.ppf(0.025, covered, count - covered + 1) if covered else 0.0
        high = beta.ppf(0.975, covered + 1, count - covered) if covered < count else 1.0
        sd = some.estimate.std() or np.nan  # where nothing varies
        rows.append(
            dict(zip([*CELL, "quantity", "at"], key, strict=True))
            | dict(target="at n" if own else "population", truth=truth, samples=len(some), given=given.mean())
            | dict(coverage=covered / max(count, 1), low=low, high=high, width=(shown.ci_high - shown.ci_low).median())
            | dict(plugin_bias=(some.plugin.mean() - truth) / sd, bias=(some.estimate.mean() - truth) / sd)
            | dict(sd=sd, mean_se=shown.se.mean() / sd)
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cells", type=Path, default=Path("runs/intervals"), help="Of samples; all there are told.")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--populations", nargs="+", choices=POPULATIONS, default=list(POPULATIONS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--samples", type=int, default=200)
    options = parser.parse_args()
    options.cells.mkdir(parents=True, exist_ok=True)
    for family, name, n in product(options.families, options.populations, options.sizes):
        if FEWEST.get(family, 2) > 2 and n < 200:
            continue  # a class of a sample would rarely have so many
        kept = options.cells / f"{family}-{name}-{n}-{options.samples}.csv".replace(" ", "-")
        if not kept.exists():
            cell(family, name, n, options.samples).to_csv(kept, index=False)
        print(family, name, n, flush=True)
    found = pd.concat([summarise(pd.read_csv(kept)) for kept in options.cells.glob("*.csv")])
    found.sort_values(CELL, kind="stable").round(6).to_csv(options.out / "intervals.csv", index=False)


if __name__ == "__main__":
    main()
