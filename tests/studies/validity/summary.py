"""From one row per sample to coverage where a verdict is given and where it is withheld."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.studies.validity.limits import CROSSING
from tests.studies.validity.measure import DECIDED, GAPS

CELL = ["split", "population", "n", "temperature", "design", "prior"]
BY = [*CELL, "quantity", "beta"]
GAP_NAMES = tuple(GAPS.values())


def judged(samples: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The samples with truth, covered, decided (the verdict that rests on the quantity was given), softer, wrong.

    `softer`: the verdict is that of a softer tilt, and the quantity's own interval is said not to be relied on.
    """
    found = samples.merge(truth, "left", ["quantity", "beta"])
    # The critical beta's interval may have no upper end, which a manifest has no number for.
    open_above = (found.quantity == CROSSING) & found.ci_low.notna() & found.ci_high.isna()
    found["ci_high"] = found.ci_high.where(~open_above, np.inf)
    known = found.truth.notna() & found.ci_low.notna()
    covered = (found.ci_low <= found.truth) & (found.truth <= found.ci_high)
    clear = found.truth.abs() > 4 * found.truth_se  # the sign of the truth is known
    contradicts = np.where(found.truth < 0, found.verdict.isin(["holds", "occurs"]), False) | np.where(
        found.truth > 0, found.verdict.isin(["violated", "does not occur"]), False
    )
    unreliable = found.reliable.eq(False) if "reliable" in found else False
    return found.assign(
        # Where the engine does not say which intervals may be relied on, none is counted.
        reliable=found.reliable.eq(True) if "reliable" in found else False,
        covered=covered.where(known).astype(float),
        decided=found.verdict.isin(DECIDED),
        softer=found.verdict.isin(DECIDED) & found.quantity.isin(GAP_NAMES) & unreliable,
        wrong=contradicts & clear & found.quantity.isin(GAP_NAMES),
    )


def summarise(found: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, quantity and beta.

    Coverage is over the samples whose verdict was given on this interval (`coverage_given`) or withheld, or whose
    interval the engine calls reliable; `softer` is the share decided by a softer tilt, `wrong` are decided verdicts
    that contradict the truth, as a share of all samples; bias, sd and mean_se in the quantity's units. Every numeric
    column of the engine's own (effective sample sizes and the like) comes with its median.
    """
    own = [name for name in found.select_dtypes("number") if name not in {*BY, *_KNOWN, "sample"}]
    split = found.assign(
        given=found.covered.where(found.decided & ~found.softer),
        withheld=found.covered.where(~found.decided),
        relied=found.covered.where(found.reliable),
        bias=found.estimate - found.truth,
        plugin_bias=found.plugin - found.truth,
    )
    groups = split.groupby(BY, sort=False, dropna=False)
    table = groups.agg(
        truth=("truth", "first"),
        truth_se=("truth_se", "first"),
        samples=("sample", "nunique"),
        decided=("decided", "mean"),
        softer=("softer", "mean"),
        wrong=("wrong", "mean"),
        coverage=("covered", "mean"),
        coverage_given=("given", "mean"),
        coverage_withheld=("withheld", "mean"),
        reliable=("reliable", "mean"),
        coverage_reliable=("relied", "mean"),
        bias=("bias", "mean"),
        plugin_bias=("plugin_bias", "mean"),
        sd=("estimate", "std"),
        mean_se=("se", "mean"),
    )
    return table.join(groups[own].median()).dropna(axis=1, how="all").reset_index()


def overview(found: pd.DataFrame) -> pd.DataFrame:
    """One row per population and kind of quantity: what a reader of verdicts may expect.

    `coverage_given` pools all samples with a verdict of their own; `worst` is the least over cells with 20 or more.
    """
    rows = []
    known = found[found.covered.notna()]
    for (split, population, quantity), some in known.groupby(["split", "population", "quantity"], sort=False):
        decided = some[some.decided]
        given = decided[~decided.softer]
        cells = given.groupby([*CELL, "beta"], dropna=False).covered.agg(["mean", "size"])
        worst = cells["mean"][cells["size"] >= 20].min()
        rows.append(
            dict(
                split=split,
                population=population,
                quantity=quantity,
                judged=len(some),
                decided=some.decided.mean(),
                softer=some.softer.mean(),
                wrong_of_decided=decided.wrong.mean(),
                coverage=some.covered.mean(),
                coverage_given=given.covered.mean(),
                coverage_withheld=some[~some.decided].covered.mean(),
                coverage_reliable=some[some.reliable].covered.mean(),
                worst_cell_given=worst,
            )
        )
    return pd.DataFrame(rows)


_KNOWN = {
    "estimate", "plugin", "se", "ci_low", "ci_high", "truth", "truth_se", "covered", "decided", "softer", "wrong",
    "lhs", "rhs", "p_value", "p_holm", "k", "q", "share_holding", "share_low", "share_high",
}  # fmt: skip
