"""What makes intervals cover too little on some sets: rare instances that carry the variance, classes seen once.

    python -m tests.studies.validity.causes --out results/validation [--samples N] [--before FOLDER]

Draws N samples of each cell below, to OUT/causes/samples, and writes causes.csv: one row per cell, quantity and beta.
`heaviest` instances carry half of the variance of the quantity in the whole set; `without` is the share of samples that
hold none of them, and the coverages say what intervals do with and without. `coverage_at_n` of a share counts how often
the interval holds the mean share over the samples, at pools of this size. `bias` is in standard deviations. With
--before, where another version's samples are, the same columns of those are `.._before`. causes_pooled.csv pools losses
and gaps of a cell, with Clopper and Pearson's interval at the number of samples with a verdict.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import boundcheck as bc
from boundcheck.estimators.exact import exact
from boundcheck.spec import Variant
from tests.studies.validity.__main__ import draw, drawn, judge
from tests.studies.validity.cells import Cell
from tests.studies.validity.limits import CROSSING
from tests.studies.validity.measure import GAPS, SEED
from tests.studies.validity.populations import BETAS, POPULATIONS, Finite, load_once
from tests.studies.validity.table import interval

CELLS = (
    Cell("digits encoder", 200, 0.5),
    Cell("reuters", 300, 0.5),
    Cell("reuters", 300, 0.1),
    Cell("digits, long tail", 100, 0.5),
    Cell("newsgroups, long tail", 150, 0.5),
)
COMPARED = ["coverage", "coverage_given", "reliable", "coverage_reliable", "bias", "sd", "mean_se"]
KEY = ["population", "n", "temperature", "quantity", "beta"]


@cache
def _heaviest(name: str, temperature: float) -> dict[tuple[str, float], np.ndarray]:
    """(quantity, beta) -> places in the set of the instances that carry half of the variance, the fewest."""
    z, y = load_once(name)
    table = exact(bc.EmbeddingSet(z, y), Variant(temperature, BETAS))
    influence = {(key.loss.id, key.hardening.beta or 0.0): table.influence[:, f] for f, key in enumerate(table.keys)}
    for gap in GAPS.values():
        high, low = gap.split("-")
        betas = [0.0] if gap == "ucl-scl" else list(BETAS)
        for beta in betas:
            one, other = (influence[loss, beta if loss.startswith("h") else 0.0] for loss in (high, low))
            influence[gap, beta] = one - other
    out = {}
    for key, values in influence.items():
        order = np.argsort(-values.square().numpy(), kind="stable")
        share = np.cumsum(values.square().numpy()[order]) / float(values.square().sum())
        out[key] = order[: int((share < 0.5).sum()) + 1]
    return out


def causes(cell: Cell, folder: Path) -> pd.DataFrame:
    """One row per quantity and beta of the cell's samples."""
    found = judge(cell, folder)
    found = found[~found.quantity.isin([CROSSING, "refused"])]
    population = POPULATIONS[cell.population]
    assert isinstance(population, Finite)
    # Of another class prior than the set's own, other instances carry the variance.
    heaviest = {} if population.imbalance else _heaviest(population.name, cell.temperature)
    held = {
        seed: set(population.chosen(cell.n, cell.design, np.random.default_rng([SEED + int(seed), 11])).tolist())
        for seed in found["sample"].unique()
    }
    rows = []
    for (quantity, beta), some in found.groupby(["quantity", "beta"], sort=False):
        given = some[some.decided & ~some.softer]
        row = dict(zip(KEY, (cell.population, cell.n, cell.temperature, quantity, beta), strict=True))
        row |= dict(samples=len(some), given=len(given), coverage=some.covered.mean())
        row |= dict(coverage_given=given.covered.mean(), coverage_withheld=some[~some.decided].covered.mean())
        row |= dict(reliable=some.reliable.mean(), coverage_reliable=some[some.reliable].covered.mean())
        row |= dict(bias=(some.estimate - some.truth).mean() / some.estimate.std(), sd=some.estimate.std())
        row |= dict(mean_se=some.se.mean(), wrong=int(some.wrong.sum()))
        if quantity == "share":
            mean = some.estimate.mean()
            row |= dict(coverage_at_n=((some.ci_low <= mean) & (mean <= some.ci_high)).mean())
        elif heaviest:
            places = set(heaviest[quantity, beta].tolist())
            none = some["sample"].map(lambda seed, places=places: not places & held[seed])
            row |= dict(heaviest=len(places), without=none.mean(), coverage_without=some[none].covered.mean())
            row |= dict(coverage_with=some[~none].covered.mean(), given_without=given[none[given.index]].covered.mean())
        rows.append(row)
    return pd.DataFrame(rows)


def pooled(cell: Cell, folder: Path, version: str) -> list[dict[str, object]]:
    """Losses and gaps of a cell: how many are decided and called reliable, and what is covered of those."""
    found, rows = judge(cell, folder), []
    for kind, names in (("loss", ("ucl", "scl", "hucl", "hscl")), ("gap", tuple(GAPS.values()))):
        some = found[found.quantity.isin(names)]
        given, sure = some[some.decided & ~some.softer], some[some.reliable]
        samples, rate = given["sample"].nunique(), given.covered.mean()
        low, high = interval(rate, samples) if samples else (np.nan, np.nan)
        row = dict(population=cell.population, n=cell.n, temperature=cell.temperature, kind=kind, version=version)
        row |= dict(decided=some.decided.mean(), samples=samples, coverage_given=rate, low=low, high=high)
        row |= dict(reliable=some.reliable.mean(), coverage_reliable=sure.covered.mean(), wrong=some.wrong.sum())
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--before", type=Path, help="what another version wrote as OUT")
    options = parser.parse_args()
    folder = options.out / "causes" / "samples"
    for cell in CELLS:
        draw(cell, options.samples, folder)
    table = pd.concat([causes(cell, folder) for cell in CELLS], ignore_index=True)
    kinds = [row for cell in CELLS for row in pooled(cell, folder, "this")]
    if options.before is not None:
        earlier = options.before / "causes" / "samples"
        known = pd.concat([causes(cell, earlier) for cell in CELLS if len(drawn(cell, earlier))], ignore_index=True)
        kinds += [row for cell in CELLS if len(drawn(cell, earlier)) for row in pooled(cell, earlier, "before")]
        table = table.merge(known[[*KEY, *COMPARED]], "left", KEY, suffixes=("", "_before"))
    table.to_csv(options.out / "causes.csv", index=False, float_format="%.4g")
    pd.DataFrame(kinds).to_csv(options.out / "causes_pooled.csv", index=False, float_format="%.4g")
    print(table.to_string())


if __name__ == "__main__":
    main()
