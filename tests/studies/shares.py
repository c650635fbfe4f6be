"""Coverage of the share's interval against the one that counted pools in the binomial's size, which it replaced.

    python -m tests.studies.shares --out results/validation

Fresh samples of populations of the coverage and the validity study; both shares that are against pools of the sample's
size, that of Assumption 1 and that of anchors at which H-SCL is at least UCL. The target is their mean over the samples
themselves, and both intervals are read from the same values and standard errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

import boundcheck as bc
from boundcheck.estimators import LossTable, Population
from boundcheck.estimators.averages import reach_of
from boundcheck.estimators.shares import share_of
from boundcheck.inference.intervals import Share
from tests.studies import coverage
from tests.studies.coverage import BETAS, CONFIDENCE, SEED, TEMPERATURE
from tests.studies.validity.populations import POPULATIONS as FINITE

N, OTHER_SEEDS = 400, 2 * 10**9
CELL = ["population", "share", "beta"]
POPULATIONS = ("fashion", "reuters", "hard", "moderate", "imbalanced")


def shares(table: LossTable) -> Iterator[tuple[str, float, Share]]:
    """Which, beta, the share."""
    for h, summary in table.margins.items():
        yield "Assumption 1", h.beta or 0.0, summary.share
    for h, influence in table.reached.items():
        anchors, rounding = table.table.anchors, table.rounding
        share = share_of(reach_of(table.table, h), table.weight, anchors, table.emb.v, False, rounding)
        yield "H-SCL at least UCL", h.beta or 0.0, share.with_pools(*table.spread(influence))


def sample(name: str, seed: int) -> LossTable:
    """The table of one sample."""
    if name in FINITE:
        emb = bc.EmbeddingSet(*FINITE[name].sample(N, "iid", SEED + OTHER_SEEDS + seed))
    else:
        known = coverage.POPULATIONS[name]
        emb = Population(known.name, known.mixture, N, known.v).sample(SEED + OTHER_SEEDS + seed)
    return bc.estimate(emb, temperature=TEMPERATURE, betas=BETAS, device="cpu")


def study(name: str, samples: int) -> pd.DataFrame:
    """One row per share and beta: coverage and mean width of both intervals; `agree` where all anchors do."""
    rows = []
    for seed in range(samples):
        for which, beta, share in shares(sample(name, seed)):
            ends = {"interval": share, "one_size": replace(share, anchor_se=None)}
            rows.append(
                dict(population=name, share=which, beta=beta, value=share.value, agree=share.value in (0.0, 1.0))
                | {
                    f"{kind}_{end}": x
                    for kind, s in ends.items()
                    for end, x in zip(("low", "high"), s.interval(CONFIDENCE), strict=True)
                }
            )
    found = pd.DataFrame(rows)
    found["target"] = found.groupby(CELL).value.transform("mean")
    for kind in ("interval", "one_size"):
        low, high = found[f"{kind}_low"], found[f"{kind}_high"]
        found[f"{kind}_coverage"] = (low - 1e-9 <= found.target) & (found.target <= high + 1e-9)
        found[f"{kind}_width"] = high - low
    numbers = ["target", "agree", *(f"{k}_{what}" for what in ("coverage", "width") for k in ("interval", "one_size"))]
    table = found.groupby(CELL, sort=False)[numbers].mean().reset_index()
    return table.assign(n=N, samples=samples, seed=SEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--populations", nargs="+", default=POPULATIONS)
    parser.add_argument("--samples", type=int, default=200)
    options = parser.parse_args()
    tables = []
    for name in options.populations:
        tables.append(study(name, options.samples))
        pd.concat(tables).round(6).to_csv(options.out / "shares.csv", index=False)
        print(tables[-1].to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
