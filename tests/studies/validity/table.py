"""The study in one table and one picture: coverage where a verdict is given, by kind of quantity and population."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from scipy.stats import beta as beta_distribution

from tests.studies.validity.cells import UNSEEN, Cell
from tests.studies.validity.limits import CROSSING
from tests.studies.validity.summary import CELL, GAP_NAMES

KINDS = {name: "loss" for name in ("ucl", "scl", "hucl", "hscl")} | {name: "gap" for name in GAP_NAMES}
KINDS |= {"share": "share", CROSSING: CROSSING}
TARGET = (0.93, 0.99)
SAMPLE = [*CELL, "sample"]


def interval(rate: float, samples: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval, as if the numbers of one sample were right or wrong together: too wide."""
    hits, misses = rate * samples, (1 - rate) * samples
    low = beta_distribution.ppf(0.025, hits, misses + 1) if hits > 0 else 0.0
    high = beta_distribution.ppf(0.975, hits + 1, misses) if misses > 0 else 1.0
    return float(low), float(high)


def by_kind(found: pd.DataFrame) -> pd.DataFrame:
    """One row per population and kind of quantity, the splits' totals last, see `_row`.

    Args:
        found: samples as `summary.judged` leaves them.
    """
    known = found[found.covered.notna()].assign(kind=lambda frame: frame.quantity.map(KINDS))
    groups = [(key, some) for key, some in known.groupby(["split", "population", "kind"], sort=False)]
    real = known[~known.population.str.contains("permuted")]
    groups += [((split, "all but permuted", kind), some) for (split, kind), some in real.groupby(["split", "kind"])]
    return pd.DataFrame(
        [dict(split=split, population=name, kind=kind) | _row(some) for (split, name, kind), some in groups]
    )


def _row(some: pd.DataFrame) -> dict[str, object]:
    """`coverage` is of the numbers with a verdict of their own, or that stand alone and are called reliable."""
    counted = some[(some.decided & ~some.softer) | (some.verdict.isna() & (some.reliable | some.quantity.eq(CROSSING)))]
    samples = len(counted[SAMPLE].drop_duplicates())
    rate = counted.covered.mean()
    low, high = interval(rate, samples) if samples else (np.nan, np.nan)
    return dict(
        judged=len(some),
        decided=some.decided.mean(),
        softer=some.softer.mean(),
        samples=samples,
        coverage=rate,
        low=low,
        high=high,
        withheld=some[~some.decided].covered.mean(),
        wrong=int(some.wrong.sum()),
    )


def permuted(found: pd.DataFrame) -> pd.DataFrame:
    """One row per set with permuted labels, all of them last: the share of runs with a decided gap, its interval."""
    gaps = found[found.population.str.contains("permuted") & found.quantity.isin(["hucl-hscl", "ucl-scl"])]
    rows = []
    for name, some in [*gaps.groupby("population", sort=False), ("all", gaps)]:
        run = some.groupby(SAMPLE).decided.any()
        low, high = interval(run.mean(), len(run)) if len(run) else (np.nan, np.nan)
        rows.append(dict(set=name, runs=len(run), decided=run.mean(), low=low, high=high, each_gap=some.decided.mean()))
    return pd.DataFrame(rows)


def shares(found: pd.DataFrame) -> pd.DataFrame:
    """Shares of Assumption 1 by what they rest on: the cells that were there when their reach was chosen, the others.

    Columns: cells, split, ess (effective instances in the median), judged, coverage, decided, given (coverage where a
    verdict is given).
    """
    known = found[found.covered.notna() & found.quantity.eq("share")]
    ess = pd.cut(known.median_ess, [0, 8, 16, np.inf], right=False, labels=["below 8", "8 to 16", "16 or more"])
    cells = np.where([cell in UNSEEN for cell in _cells_of(known)], "added since", "then")
    rows = []
    for key, some in known.groupby([cells, known.split, ess], observed=True):
        given = some[some.decided]
        row = dict(judged=len(some), coverage=some.covered.mean(), decided=len(given), given=given.covered.mean())
        rows.append(dict(zip(("cells", "split", "ess"), key, strict=True)) | row)
    return pd.DataFrame(rows)


def _cells_of(found: pd.DataFrame) -> list[Cell]:
    names = ["population", "n", "temperature", "design", "prior"]
    return [Cell(*row) for row in found[names].itertuples(index=False)]


def gaps(found: pd.DataFrame) -> str:
    """All gaps of sets with their own labels in a sentence."""
    real = found[~found.population.str.contains("permuted") & found.quantity.isin(GAP_NAMES)]
    own = real[real.decided & ~real.softer]
    return (
        f"Gaps of sets with their own labels: {int(real.decided.sum()):,} of {len(real):,} decided, "
        f"{int(real.wrong.sum())} of them wrong; {len(own[SAMPLE].drop_duplicates())} samples have one that is decided "
        "on its own interval."
    )


def written(found: pd.DataFrame) -> str:
    """The tables in Markdown, and a sentence."""
    parts = [_lines(by_kind(found)), [gaps(found)], _permuted_lines(permuted(found)), _share_lines(shares(found))]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _lines(table: pd.DataFrame) -> Iterator[str]:
    yield "| set | kind | judged | decided | by a softer tilt | coverage where given, 95 % | where withheld | wrong |"
    yield "|---|---|---:|---:|---:|---|---:|---:|"
    for row in table.itertuples():
        given = "none" if not row.samples else f"{row.coverage:.1%} [{row.low:.0%}, {row.high:.0%}] of {row.samples}"
        withheld = "" if np.isnan(row.withheld) else f"{row.withheld:.1%}"
        name = f"{row.population} ({row.split})"
        parts = (name, row.kind, row.judged, f"{row.decided:.0%}", f"{row.softer:.0%}", given, withheld, row.wrong)
        yield f"| {' | '.join(map(str, parts))} |"


def _permuted_lines(table: pd.DataFrame) -> Iterator[str]:
    yield "| permuted labels | runs | with a decided gap, 95 % | of all gaps |"
    yield "|---|---:|---|---:|"
    for row in table.itertuples():
        yield f"| {row.set} | {row.runs} | {row.decided:.1%} [{row.low:.0%}, {row.high:.0%}] | {row.each_gap:.1%} |"


def _share_lines(table: pd.DataFrame) -> Iterator[str]:
    yield "| shares of Assumption 1, cells | split | effective instances | judged | covered | verdict given | covered |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for row in table.itertuples():
        parts = (row.cells, row.split, row.ess, row.judged, f"{row.coverage:.1%}", row.decided, f"{row.given:.1%}")
        yield f"| {' | '.join(map(str, parts))} |".replace("nan%", "")


def picture(found: pd.DataFrame, path: Path) -> None:
    """Coverage where a verdict is given, with its interval, one panel for each kind of quantity; PNG."""
    table = by_kind(found)
    table = table[~table.population.str.contains(", permuted")]
    names = list(dict.fromkeys(zip(table.population, table.split, strict=True)))
    kinds = [kind for kind in ("loss", "gap", "share") if kind in set(table.kind)]
    figure, panels = plt.subplots(1, len(kinds), figsize=(10, 1 + 0.28 * len(names)), sharey=True, layout="constrained")
    for panel, kind in zip(np.atleast_1d(panels), kinds, strict=True):
        panel.axvspan(*TARGET, color="0.9", label="target, 93-99 %")
        some = table[(table.kind == kind) & (table.samples > 0)]
        at = [names.index(key) for key in zip(some.population, some.split, strict=True)]
        panel.hlines(at, some.low, some.high, color="C0")
        panel.plot(some.coverage, at, "o", color="C0", label="coverage where given")
        panel.plot(some.decided, at, "|", color="C1", markersize=9, label="share of cells decided")
        panel.set(title=kind, xlim=(-0.02, 1.02), xlabel="share")
        panel.grid(axis="x", alpha=0.3)
    first = np.atleast_1d(panels)[0]
    first.set_yticks(range(len(names)), [f"{name} ({split})" for name, split in names])
    first.invert_yaxis()
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)
    plt.close(figure)
