"""The gaps of the main theorem on the four encoders of results/fashion_mnist, for the front picture: gaps.csv.

    boundcheck reproduce jiang2022 --preset cpu
    bash results/fashion_mnist/make.sh
    python results/front/make.py
    python docs/_tools/drawings.py

Run from the repository root. Computes no statistic: every number is one of the runs that the second command saves.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from boundcheck import load_run

COLUMNS = [
    "beta", "gap", "ci_low", "ci_high", "reliable", "verdict", "premise_share", "premise_low", "premise_high",
]  # fmt: skip
RUNS = Path(__file__).parents[1] / "fashion_mnist"

tables = []
for objective in ("ucl", "hucl", "scl", "hscl"):
    run = load_run(RUNS / objective)
    kept = run.claims[run.claims["claim"] == "hscl_le_hucl"][COLUMNS]
    facts = {"trained_with": objective, "encoder_sha256": run.manifest["checkpoint"]["sha256"][:16]}
    config, data = run.manifest["config"], run.manifest["data"]
    facts |= {"temperature": config["temperature"], "q": config["q"][0], "n": data["n"], "views": data["v"]}
    tables.append(kept.assign(**facts)[[*facts, *kept.columns]])
pd.concat(tables).to_csv(Path(__file__).with_name("gaps.csv"), index=False)
