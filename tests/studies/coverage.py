"""Do the intervals cover? Fresh samples from populations whose limits are known in closed form.

    python -m tests.studies.coverage --out results/validation

Five populations, each of ten classes about the vertices of a simplex in 16 dimensions, temperature 0.5, Q = 1: see
POPULATIONS. Each cell (population x n) draws samples of its own and judges the 95 % interval of every loss, of the gaps
H-UCL - H-SCL and H-SCL - UCL, and of the share of anchors that satisfy Assumption 1. Losses and gaps are judged against
the population's closed form, the share against its mean over other samples of the same size (its target: pools of this
size). Finished cells are kept in OUT/cells and not computed again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import boundcheck as bc
from boundcheck.claims import CLAIMS, Evidence, judge
from boundcheck.estimators import LossTable, Population, parse_population
from boundcheck.estimators.closed import closed
from boundcheck.estimators.vmf import VmfMixture, simplex
from boundcheck.hardening import CONSTANT, Exponential
from boundcheck.losses import HSCL, HUCL, SCL, UCL, LossKey
from boundcheck.manifest import hardware
from boundcheck.spec import Variant
from boundcheck.verdicts import is_unmet

TEMPERATURE, BETAS, SEED, CONFIDENCE = 0.5, (1.0, 5.0, 10.0), 20220904, 0.95
SIZES = (400, 1000, 2000)
# Nine in ten points of a class lie close to its vertex, the tenth far out; the two views of an instance agree which.
_HEAVY = VmfMixture(
    np.repeat(simplex(10, 16), 2, axis=0), np.tile([40.0, 4.0], 10), np.tile([0.09, 0.01], 10), np.repeat(range(10), 2)
)
POPULATIONS = {
    "easy": parse_population("vmf:dim=16,kappa=60"),
    "moderate": parse_population("vmf:dim=16,kappa=20"),
    "hard": parse_population("vmf:dim=16,kappa=8"),
    "imbalanced": parse_population("vmf:dim=16,kappa=20,imbalance=10"),
    "heavy-tailed, two views": Population("nine in ten at kappa 40, one at 4; two views", _HEAVY, v=2),
}


def quantities(table: LossTable) -> Iterator[dict[str, object]]:
    """Every loss, both gaps and the share of a table: quantity, beta, value, plugin, se, ci_low, ci_high, reliable."""
    ucl = LossKey(UCL, CONSTANT, 1.0)
    for beta in (0.0, *BETAS):
        h = Exponential(beta) if beta else CONSTANT
        high, low = (LossKey(loss, h, 1.0) for loss in ((HUCL, HSCL) if beta else (UCL, SCL)))
        read = {"hucl": (high,), "hscl": (low,), "hucl-hscl": (low, high)}
        if beta:
            read["hscl-ucl"] = (ucl, low)
        for quantity, keys in read.items():
            estimate = table.contrast(keys)
            ends = dict(zip(("ci_low", "ci_high"), estimate.interval(CONFIDENCE), strict=True))
            yield dict(quantity=quantity, beta=beta, reliable=table.doubt(keys) is None, **vars(estimate), **ends)
        share = table.margins[h].share
        ends = dict(zip(("ci_low", "ci_high"), share.interval(CONFIDENCE), strict=True))
        plain = dict(value=share.value, plugin=share.value, se=share.se)
        yield dict(quantity="share", beta=beta, reliable=True, **plain, **ends)


def _sample(name: str, n: int, seed: int, intervals: bool) -> LossTable:
    population = POPULATIONS[name]
    emb = Population(population.name, population.mixture, n, population.v).sample(seed)
    return bc.estimate(emb, temperature=TEMPERATURE, betas=BETAS, intervals=intervals, device="cpu")


def replicate(name: str, n: int, seed: int) -> list[dict[str, object]]:
    """One fresh sample: its quantities, the median ESS at their beta, and for the gaps the verdict they decide."""
    table = _sample(name, n, SEED + seed, True)
    z = torch.from_numpy(table.emb.z)
    evidence = Evidence(table, {}, {}, *[lambda _: table] * 3, z)  # the two claims read nothing but the table
    verdicts = {}
    for claim, quantity in (("hscl_le_hucl", "hucl-hscl"), ("hscl_ge_ucl", "hscl-ucl")):
        for found in judge(CLAIMS[claim], evidence, CONFIDENCE):
            verdicts[quantity, found.finding.beta] = is_unmet(found.verdict)
    ess = {h.beta or 0.0: float(summary.ess.nanmedian()) for h, summary in table.margins.items()}
    return [
        row | dict(violated=verdicts.get((row["quantity"], row["beta"])), ess=ess[row["beta"]])
        for row in quantities(table)
    ]


def shares(name: str, n: int, seed: int) -> list[dict[str, object]]:
    """The shares alone of a sample that no interval is made of."""
    table = _sample(name, n, SEED + 10**9 + seed, False)
    return [
        dict(quantity="share", beta=h.beta or 0.0, value=summary.share.value) for h, summary in table.margins.items()
    ]


def limits(name: str, seed: int) -> list[dict[str, object]]:
    """The closed form of the losses and gaps at 10,000 anchors."""
    population = POPULATIONS[name]
    table = closed(population, Variant(temperature=TEMPERATURE, betas=BETAS).with_views(population.v), seed=seed)
    return [row for row in quantities(table) if row["quantity"] != "share"]


def study(name: str, n: int, replicates: int, processes: int = 1, truths: int | None = None) -> pd.DataFrame:
    """One cell: bias, spread and coverage of every quantity at every beta.

    Args:
        name: in POPULATIONS.
        n: instances of a sample.
        replicates: samples; as many others give the target of the share.
        processes: how many at once; the numbers do not depend on it.
        truths: tables of 10,000 anchors that give the target of losses and gaps; None means a tenth of the replicates.

    Returns:
        One row per quantity and beta; missed_low counts the intervals wholly below the target (a verdict `violated`
        where the gap is exactly zero), missed_high those wholly above, violated how often the claim's inequality is
        found not to be met; reliable the share of samples in which nothing stands against the number; ess the mean
        over samples of the anchors' median number of effective other-class negatives.
    """
    with get_context("spawn").Pool(processes) as pool:

        def run(work: partial, times: int) -> pd.DataFrame:
            done = pool.map(work, range(times), chunksize=max(1, times // (8 * processes)))
            return pd.DataFrame([row for rows in done for row in rows])

        known = pd.concat(
            [run(partial(limits, name), truths or max(replicates // 10, 4)), run(partial(shares, name, n), replicates)]
        )
        frame = run(partial(replicate, name, n), replicates)
    target = known.groupby(["quantity", "beta"]).value.agg(target="mean", target_se="sem")
    frame = frame.join(target, on=["quantity", "beta"])
    below, above = frame.ci_high < frame.target, frame.ci_low > frame.target
    half = (frame.ci_high - frame.ci_low) / 2
    frame = frame.assign(
        missed_low=below,
        missed_high=above,
        coverage=~(below | above),
        plugin_coverage=(frame.plugin - frame.target).abs() <= half,
        bias=frame.value - frame.target,
        plugin_bias=frame.plugin - frame.target,
    )
    table = frame.groupby(["quantity", "beta"], sort=False).agg(
        target=("target", "first"),
        target_se=("target_se", "first"),
        plugin_bias=("plugin_bias", "mean"),
        bias=("bias", "mean"),
        sd=("value", "std"),
        mean_se=("se", "mean"),
        coverage=("coverage", "mean"),
        missed_low=("missed_low", "mean"),
        missed_high=("missed_high", "mean"),
        plugin_coverage=("plugin_coverage", "mean"),
        reliable=("reliable", "mean"),
        ess=("ess", "mean"),
        violated=("violated", lambda values: values.astype(float).mean()),
    )
    return table.reset_index().assign(population=name, n=n, replicates=replicates, seed=SEED)


def summary(table: pd.DataFrame) -> str:
    """The cells in Markdown: least and greatest coverage, the error rates, and what lies outside 93 to 97 %."""
    losses = table[table.quantity != "share"]
    samples = int(table.replicates.iloc[0])
    lines = [
        "# Coverage of the 95 % intervals",
        "",
        f"By `python -m tests.studies.coverage --out results/validation`: {samples} samples a cell, seed {SEED}, on "
        f"{hardware()['cores']} cores of an {hardware()['cpu']}. The numbers are in `coverage.csv`.",
        f"With {samples} samples a coverage of 95 % has a standard error of {100 * np.sqrt(0.0475 / samples):.1f} %.",
        "",
        "| population | n | losses and gaps | share | below the target, worst gap | violated, hscl_le_hucl |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for (name, n), cell in table.groupby(["population", "n"], sort=False):
        gaps = cell[cell.quantity.isin(["hucl-hscl", "hscl-ucl"])]
        lines.append(
            f"| {name} | {n:,} | {_range(losses[(losses.population == name) & (losses.n == n)].coverage)} "
            f"| {_range(cell[cell.quantity == 'share'].coverage)} | {gaps.missed_low.max():.1%} "
            f"| {cell[cell.quantity == 'hucl-hscl'].violated.max():.1%} |"
        )
    outside = table[(table.n >= 1000) & ((table.coverage - CONFIDENCE).abs() > 0.02)]
    few, enough = (table[(table.n >= 1000) & mask] for mask in (table.reliable < 0.5, table.reliable >= 0.5))
    lines += [
        "",
        f"Outside 93 to 97 % at n >= 1,000: {(outside.reliable >= 0.5).sum()} of the {len(enough)} quantities that are "
        f"relied on in half the samples or more, whose coverage is {_range(enough.coverage)}; "
        f"{(outside.reliable < 0.5).sum()} of the {len(few)} others, which runs say are not to be relied on.",
    ]
    if len(outside):
        lines += ["", "| population | n | quantity | beta | coverage | bias / sd | mean s.e. / sd | ESS | target |"]
        lines += ["|---|---:|---|---:|---:|---:|---:|---:|---:|"]
        lines += [
            f"| {r.population} | {r.n:,} | {r.quantity} | {r.beta:g} | {r.coverage:.1%} | {_ratio(r.bias, r.sd)} "
            f"| {_ratio(r.mean_se, r.sd)} | {r.ess:.1f} | {r.target:.4f} |"
            for r in outside.itertuples()
        ]
    return "\n".join(lines) + "\n"


def _ratio(value: float, sd: float) -> str:
    """A dash where every sample agrees, as a share of one may."""
    return f"{value / sd:.2f}" if sd > 1e-9 else "–"


def _range(values: pd.Series) -> str:
    return f"{100 * values.min():.1f} to {100 * values.max():.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--populations", nargs="+", choices=POPULATIONS, default=list(POPULATIONS))
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    cells = options.out / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    tables = []
    for name in options.populations:
        for n in options.sizes:
            path = cells / f"{name.replace(', ', '-').replace(' ', '-')}-{n}-{options.replicates}.csv"
            if not path.exists():
                began = time.perf_counter()
                study(name, n, options.replicates, options.processes).to_csv(path.with_suffix(".part"), index=False)
                path.with_suffix(".part").rename(path)
                print(f"{name}, n = {n}: {time.perf_counter() - began:.0f} s", flush=True)
            tables.append(pd.read_csv(path))
    table = pd.concat(tables)
    first = ["population", "n", "quantity", "beta"]
    table = table[first + [name for name in table if name not in first]]
    table.round(6).to_csv(options.out / "coverage.csv", index=False)
    text = summary(table)
    (options.out / "coverage.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
