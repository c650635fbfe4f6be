"""Verdicts of an earlier version beside those of this one, on the same samples.

    git worktree add --no-checkout ../before 8d826a8
    (cd ../before && git sparse-checkout set --no-cone /boundcheck/ && git checkout)
    PYTHONPATH=../before:. python -P -m tests.studies.validity --out runs/before --samples 10
    python -m tests.studies.validity.compare --before runs/before --out results/validation

after `python -m tests.studies.validity --out results/validation`, whose samples and truths it reads. Writes
before_after.csv and before_after.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from tests.studies.validity.__main__ import drawn, judge
from tests.studies.validity.cells import cells
from tests.studies.validity.summary import CELL, GAP_NAMES
from tests.studies.validity.table import interval

ROW = [*CELL, "sample", "quantity", "beta"]
JUDGED = ["decided", "covered", "wrong", "softer"]


def both(before: Path, after: Path) -> pd.DataFrame:
    """One row per gap of a sample that both versions saw: decided, covered, wrong, softer, of each."""
    found = []
    for cell in cells():
        if len(drawn(cell, before)) and len(drawn(cell, after)):
            old, new = (judge(cell, folder)[ROW + JUDGED] for folder in (before, after))
            found.append(old.merge(new, on=ROW, suffixes=("_before", "_after")))
    every = pd.concat(found, ignore_index=True)
    return every[every.quantity.isin(GAP_NAMES) & every.covered_before.notna()]


def by_population(every: pd.DataFrame) -> pd.DataFrame:
    """One row per population, all of them but permuted ones last."""
    real = every[~every.population.str.contains("permuted")]
    groups = [*every.groupby("population", sort=False), ("all but permuted", real)]
    return pd.DataFrame([dict(population=name) | _row(some) for name, some in groups])


def _row(some: pd.DataFrame) -> dict[str, object]:
    row: dict[str, object] = dict(gaps=len(some), samples=len(some[[*CELL, "sample"]].drop_duplicates()))
    for version in ("before", "after"):
        decided = some[some[f"decided_{version}"]]
        own = decided[~decided[f"softer_{version}"]]
        row |= {f"decided_{version}": len(decided) / len(some), f"covered_{version}": own[f"covered_{version}"].mean()}
        row |= {f"wrong_{version}": int(some[f"wrong_{version}"].sum())}
    good = some[some.decided_before & (some.covered_before == 1)]
    bad = some[some.decided_before & (some.covered_before == 0)]
    kept = dict(good_kept=good.decided_after.mean(), bad_kept=bad.decided_after.mean())
    return row | kept | dict(good=len(good), bad=len(bad))


def written(table: pd.DataFrame) -> str:
    """In Markdown."""
    lines = [
        "| set | gaps | decided before | after | covered where decided, before | after | wrong before | after "
        "| covered before, still decided | missed before, still decided |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in table.to_dict("records"):
        kept = [
            f"{row[f'{name}_kept']:.0%} of {row[name]} [{low:.0%}, {high:.0%}]" if row[name] else "none"
            for name in ("good", "bad")
            for low, high in [interval(row[f"{name}_kept"], row[name]) if row[name] else (0.0, 1.0)]
        ]
        shares = [f"{row[f'{what}_{when}']:.1%}" for what in ("decided", "covered") for when in ("before", "after")]
        wrong = [row["wrong_before"], row["wrong_after"]]
        lines.append(f"| {' | '.join(map(str, (row['population'], row['gaps'], *shares, *wrong, *kept)))} |")
    return "\n".join(lines).replace("nan%", "none") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="what the study wrote with the earlier version")
    parser.add_argument("--out", type=Path, required=True, help="what it wrote with this one")
    options = parser.parse_args()
    table = by_population(both(options.before / "samples", options.out / "samples"))
    table.to_csv(options.out / "before_after.csv", index=False, float_format="%.4g")
    (options.out / "before_after.md").write_text(written(table), encoding="utf-8")
    print(written(table))


if __name__ == "__main__":
    main()
