"""How fast, beside what else: every method against the bare matrix product, in one run.

python -m benchmarks all --out results/benchmarks [--size quick] [--studies n betas ...] [--repeats 3]
python -m benchmarks turns --before FOLDER --command "10,000 x 2" --out results/benchmarks
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.cases import SIZES, STUDIES, cases
from benchmarks.commands import by_turns, whole_commands
from benchmarks.endtoend import end_to_end
from benchmarks.measure import in_own_process
from benchmarks.plots import draw


def scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Exponents of seconds and of memory beyond the libraries' own, in N: least squares on logarithms, N >= 5,000."""
    rows = []
    for method, some in table[(table.study == "n") & (table.n >= 5_000)].groupby("method"):
        if len(some) > 1:
            memory = (some.peak_gb - some.peak_before_gb).clip(lower=1e-3)
            exponents = [np.polyfit(np.log(some.n), np.log(values), 1)[0] for values in (some.seconds, memory)]
            rows.append(
                {"method": method, "n": " ".join(map(str, some.n)), "time": exponents[0], "memory": exponents[1]}
            )
    return pd.DataFrame(rows, columns=["method", "n", "time", "memory"])


def describe(row: dict[str, object]) -> str:
    if "failed" in row:
        return f"failed: {row['failed']}"
    return f"{row['ns_per_pair']:.2f} ns/pair, {row['ratio_to_floor']:.2f} x floor, {row['peak_gb']:.2f} GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["all", "pairs", "verify", "commands", "turns"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--studies", nargs="+", choices=STUDIES, help="measure these again, and keep OUT's other rows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", type=Path, help="of turns: a folder with an earlier `boundcheck`")
    parser.add_argument("--command", default="", help="of turns: part of a command's name; all without")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.what in ("all", "pairs"):
        rows = []
        for case in cases(options.size):
            if case.study in (options.studies or STUDIES):
                rows.append(in_own_process(case, options.repeats))
                print(case, describe(rows[-1]), flush=True)
        table = pd.DataFrame(rows)
        if options.studies and (options.out / "pairs.csv").exists():
            before = pd.read_csv(options.out / "pairs.csv")
            table = pd.concat([before[~before.study.isin(options.studies)], table])
        table.to_csv(options.out / "pairs.csv", index=False, float_format="%.4g")
        scaling(table).to_csv(options.out / "scaling.csv", index=False, float_format="%.3g")
        draw(table, options.out)
    if options.what in ("all", "verify"):
        profile = end_to_end(10_000 if options.size != "smoke" else 300)
        profile.to_csv(options.out / "verify.csv", index=False, float_format="%.4g")
        print(profile[["what", "calls", "seconds"]].to_string(index=False))
    if options.what in ("all", "commands"):
        most = {"smoke": 0, "quick": 30_000, "full": 1_000_000}[options.size]
        table = whole_commands(most, options.repeats)
        table.to_csv(options.out / "commands.csv", index=False, float_format="%.4g")
    if options.what == "turns":
        if options.before is None:
            parser.error("turns: --before is missing; name a folder with an earlier boundcheck")
        table = by_turns(options.before, options.command, options.repeats)
        old = options.out / "turns.csv"
        kept = pd.read_csv(old) if old.exists() else pd.DataFrame(columns=["what"])
        kept = kept[~kept.what.isin(table.what)]
        pd.concat([kept, table]).to_csv(old, index=False, float_format="%.4g")
        wide = table.pivot(index=["what", "turn"], columns="version", values="cpu_seconds")
        print((wide.now / wide.before).groupby("what").agg(["median", "min", "max"]))


if __name__ == "__main__":
    main()
