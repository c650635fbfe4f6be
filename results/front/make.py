"""Verify four encoders on all test images of Fashion-MNIST and keep the gaps of the main theorem: gaps.csv.

    boundcheck reproduce jiang2022 --preset cpu
    python results/front/make.py runs/trials/fashion_mnist-00b44bc9
    python docs/_tools/drawings.py

Run from the repository root; the argument is the folder of the encoders that the first command trained. Half a minute
for each encoder on one core. Computes no statistic: every number is the run's own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from boundcheck import load_run
from boundcheck.cli import main

COLUMNS = [
    "beta", "gap", "ci_low", "ci_high", "reliable", "verdict", "premise_share", "premise_low", "premise_high",
]  # fmt: skip
TRIALS = {"ucl": "ucl-seed0", "hucl": "hucl-beta1-seed0", "scl": "scl-seed0", "hscl": "hscl-beta1-seed0"}
RUNS = Path("runs/front")

tables = []
for objective, trial in TRIALS.items():
    place = RUNS / objective
    if not place.exists():
        encoder = Path(sys.argv[1]) / trial / "train" / "encoder.pt"
        words = ["--dataset", "fashion_mnist", "--betas", "0.5,1,2,5,10", "--out", str(place), "--quiet"]
        main(["verify", "--checkpoint", str(encoder), *words])
    run = load_run(place)
    rows = run.claims[run.claims["claim"] == "hscl_le_hucl"]
    kept = rows[COLUMNS]
    facts = {"trained_with": objective, "encoder_sha256": run.manifest["checkpoint"]["sha256"][:16]}
    config, data = run.manifest["config"], run.manifest["data"]
    facts |= {"temperature": config["temperature"], "q": config["q"][0], "n": data["n"], "views": data["v"]}
    tables.append(kept.assign(**facts)[[*facts, *kept.columns]])
pd.concat(tables).to_csv(Path(__file__).with_name("gaps.csv"), index=False)
