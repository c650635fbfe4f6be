"""Where may numbers and verdicts be believed? Every kind of population whose truth is known, by one command:

    python -m tests.studies.validity --out results/validation [--only NAME] [--samples N] [--quick]

NAME is a part of a population's name, or `tune` or `report`: guards may be tuned on the former, the latter are for the
report alone. Writes cells.csv (coverage of every quantity, where a verdict is given and where it is withheld),
overview.csv and run.json; one row per sample goes to OUT/samples/*.parquet, truths to runs/validity/truth, and neither
is computed again. The sets of pictures and text are made on first use, see `sets`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

import boundcheck as bc
from boundcheck.manifest import hardware
from tests.studies.validity.cells import Cell, cells
from tests.studies.validity.measure import SEED, measure
from tests.studies.validity.populations import POPULATIONS
from tests.studies.validity.sets import CACHE
from tests.studies.validity.summary import CELL, judged, overview, summarise


def truth(cell: Cell) -> pd.DataFrame:
    """quantity, beta, truth, truth_se of the cell's population at its temperature and prior; kept."""
    words = cell.population.replace(",", "").replace(" ", "-")
    path = CACHE / "truth" / f"{words}-{cell.temperature:g}-{cell.prior}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        POPULATIONS[cell.population].limits(cell.temperature, cell.prior).to_csv(path, index=False)
    return pd.read_csv(path)


def samples(cell: Cell, times: int, folder: Path) -> pd.DataFrame:
    """The cell's first samples, judged against the truth; those there already are not drawn again; 0: all of them."""
    path = folder / f"{cell.name}.parquet"
    done = pd.read_parquet(path) if path.exists() else pd.DataFrame({"sample": []})
    missing = sorted(set(range(times)) - set(done["sample"]))
    if missing:
        done = pd.concat([done, *(measure(cell, seed) for seed in missing)], ignore_index=True)
        folder.mkdir(parents=True, exist_ok=True)
        done.to_parquet(path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    # The engine repeats the temperature in a table of its own.
    done = done[done["sample"] < (times or np.inf)].assign(**{name: getattr(cell, name) for name in CELL})
    return judged(done, truth(cell))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="part of a population's name, or tune, or report")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--largest", type=int, default=4000, help="leave out larger samples")
    parser.add_argument("--quick", action="store_true", help="small samples alone")
    parser.add_argument("--done", action="store_true", help="draw nothing: judge the samples that are there")
    options = parser.parse_args()
    began, found = time.perf_counter(), []
    folder = options.out / "samples"
    for cell in cells(options.only, options.quick):
        if cell.n > options.largest or (options.done and not (folder / f"{cell.name}.parquet").exists()):
            continue
        start = time.perf_counter()
        found.append(samples(cell, 0 if options.done else options.samples, folder))
        print(f"{cell.name}: {time.perf_counter() - start:.0f} s", flush=True)
    every = pd.concat(found, ignore_index=True)
    options.out.mkdir(parents=True, exist_ok=True)
    summarise(every).to_csv(options.out / "cells.csv", index=False, float_format="%.6g")
    table = overview(every)
    table.to_csv(options.out / "overview.csv", index=False, float_format="%.4g")
    record = dict(seed=SEED, samples=options.samples, boundcheck=bc.__version__, hardware=hardware())
    record |= dict(cells=len(found), seconds=round(time.perf_counter() - began), arguments=vars(options))
    (options.out / "run.json").write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    print(table.to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
