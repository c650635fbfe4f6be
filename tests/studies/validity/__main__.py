"""Where may numbers and verdicts be believed? Every kind of population whose truth is known, by one command:

    python -m tests.studies.validity --out results/validation [--only NAME] [--samples N] [--quick]

NAME is a part of a population's name, or `tune` or `report`: guards may be tuned on the former, the latter are for the
report alone. Writes cells.csv (coverage of every quantity, where a verdict is given and where it is withheld),
overview.csv, coverage_by_set.md with its picture and run.json; one row per sample goes to OUT/samples/*.parquet,
truths to runs/validity/truth, and neither is computed again. The sets of pictures and text are made on first use, see
`sets`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pandas as pd

import boundcheck as bc
from boundcheck.manifest import hardware
from tests.studies.validity.cells import Cell, cells
from tests.studies.validity.measure import SEED, measure
from tests.studies.validity.populations import POPULATIONS
from tests.studies.validity.sets import CACHE
from tests.studies.validity.summary import CELL, judged, overview, summarise
from tests.studies.validity.table import picture, written

ROUND = 10  # samples


def truth(cell: Cell) -> pd.DataFrame:
    """quantity, beta, truth, truth_se of the cell's population at its temperature and prior; kept."""
    words = cell.population.replace(",", "").replace(" ", "-")
    path = CACHE / "truth" / f"{words}-{cell.temperature:g}-{cell.prior}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        POPULATIONS[cell.population].limits(cell.temperature, cell.prior).to_csv(path, index=False)
    return pd.read_csv(path)


def draw(cell: Cell, times: int, folder: Path) -> None:
    """The cell's first samples, to a file; those there already are not drawn again."""
    done = drawn(cell, folder)
    missing = sorted(set(range(times)) - set(done["sample"]))
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{cell.name}.part"
        pd.concat([done, *(measure(cell, seed) for seed in missing)], ignore_index=True).to_parquet(part)
        part.rename(folder / f"{cell.name}.parquet")


def drawn(cell: Cell, folder: Path) -> pd.DataFrame:
    """What was drawn of a cell: without rows before the first sample."""
    path = folder / f"{cell.name}.parquet"
    return pd.read_parquet(path) if path.exists() else pd.DataFrame({"sample": []})


def judge(cell: Cell, folder: Path) -> pd.DataFrame:
    """All samples of a cell against the truth."""
    # The engine repeats the temperature in a table of its own.
    return judged(drawn(cell, folder).assign(**{name: getattr(cell, name) for name in CELL}), truth(cell))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="part of a population's name, or tune, or report")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--largest", type=int, default=4000, help="leave out larger samples")
    parser.add_argument("--quick", action="store_true", help="small samples alone")
    parser.add_argument("--done", action="store_true", help="draw nothing: judge the samples that are there")
    options = parser.parse_args()
    began, folder = time.perf_counter(), options.out / "samples"
    chosen = [cell for cell in cells(options.only, options.quick) if cell.n <= options.largest]
    # In rounds, so that a study that is stopped has samples of every cell.
    for times in () if options.done else (*range(ROUND, options.samples, ROUND), options.samples):
        for cell in chosen:
            start = time.perf_counter()
            draw(cell, times, folder)
            print(f"{cell.name}, {times} samples: {time.perf_counter() - start:.0f} s", flush=True)
    chosen = [cell for cell in chosen if len(drawn(cell, folder))]
    found = [judge(cell, folder) for cell in chosen]
    every = pd.concat(found, ignore_index=True)
    options.out.mkdir(parents=True, exist_ok=True)
    summarise(every).to_csv(options.out / "cells.csv", index=False, float_format="%.6g")
    overview(every).to_csv(options.out / "overview.csv", index=False, float_format="%.4g")
    most = int(every.groupby(CELL)["sample"].nunique().max())
    record = dict(seed=SEED, samples=most, boundcheck=bc.__version__, hardware=hardware())
    record |= dict(cells=len(found), seconds=round(time.perf_counter() - began), arguments=vars(options))
    (options.out / "run.json").write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    (options.out / "coverage_by_set.md").write_text(written(every), encoding="utf-8")
    picture(every, options.out / "coverage_by_set.png")
    print(written(every))


if __name__ == "__main__":
    main()
