"""What an atlas's table adds up to: numbers with intervals over data sets, for the page to phrase.

Encoders of one data set share its instances, so data sets are the draws: each counts alike, whatever it has of
encoders, temperatures and hardenings, and an interval says what other data sets like these would do to a number.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from boundcheck.atlas_record import SETS
from boundcheck.inference.intervals import Estimate, Share
from boundcheck.runs import about_population, records
from boundcheck.verdicts import contradicts, is_met, is_unmet

CONFIDENCE = 0.95
PERFECT = 0.9999  # a rank correlation above is one of sets that agree altogether
THEOREM_1, UNTILTED, SCENARIO = "hscl_le_hucl", "scl_le_ucl", "hscl_ge_ucl"


def share_over_data(rows: pd.DataFrame, met: ArrayLike) -> tuple[float, float, float]:
    """Share of rows that are met, or mean of shares, with its interval over data sets; NaN without rows."""
    if not len(rows):
        return math.nan, math.nan, math.nan
    shares = pd.Series(np.asarray(met, float), index=rows.index).groupby(rows["data"]).mean()
    value, count = float(shares.mean()), len(shares)
    se = float(shares.std() / math.sqrt(count)) if count > 1 else 0.0
    return value, *Share(value, se, count).interval(CONFIDENCE)


def mean_over_data(values: pd.Series, data: pd.Series) -> tuple[float, float, float]:
    """Mean with its interval over data sets, by Student's t; no interval of fewer than two.

    Of shares see `share_over_data`: near 0 and 1 they are too skew for this one.
    """
    means = values.groupby(data).mean()
    if len(means) < 2:
        return float(means.mean()), math.nan, math.nan
    se = float(means.std() / math.sqrt(len(means)))
    return float(means.mean()), *Estimate(float(means.mean()), 0.0, se, replicates=len(means)).interval(CONFIDENCE)


def claims_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per claim that may fail: in how many tests it is met, vacuous, undecided, violated and contradicted.

    A test is a set at a temperature, hardening, Q and shots. `share` is that of the tests in which the claim is met and
    could have failed, with its interval over data sets.
    """
    lines = []
    for claim, rows in about_population(frame).groupby("claim", sort=False):
        met = np.array([is_met(row.verdict) for row in records(rows)])
        vacuous = rows["vacuous"].to_numpy(float) == 1
        against = [contradicts(row.kind, row.verdict, row.premise_share) for row in records(rows)]
        share, low, high = share_over_data(rows, met & ~vacuous)
        lines.append(
            dict(
                claim=claim, kind=rows["kind"].iloc[0], sets=len(rows[SETS].drop_duplicates()), tests=len(rows),
                met=int((met & ~vacuous).sum()), vacuous=int((met & vacuous).sum()),
                undecided=int((rows["verdict"] == "undecided").sum()),
                unmet=int(sum(is_unmet(verdict) for verdict in rows["verdict"]) - sum(against)),
                contradicted=int(sum(against)), share=share, low=low, high=high,
            )
        )  # fmt: skip
    return pd.DataFrame(lines)


def bounds_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per bound on error or cross-entropy and shots: how often it says more than guessing does.

    `ratio` is the median of bound over what it bounds from above, where both are above 0.
    """
    lines = []
    bounds = about_population(frame).dropna(subset=["informative"])
    for (claim, shots), rows in bounds.groupby(["claim", "shots"], sort=False, dropna=False):
        share, low, high = share_over_data(rows, rows["informative"] == 1)
        positive = rows[(rows["lhs"] > 0) & (rows["rhs"] > 0)]
        ratio = float((positive["rhs"] / positive["lhs"]).median()) if len(positive) else math.nan
        lines.append(
            dict(
                claim=claim, shots=shots, sets=len(rows[SETS].drop_duplicates()), tests=len(rows),
                informative=int((rows["informative"] == 1).sum()), share=share, low=low, high=high, ratio=ratio,
            )
        )  # fmt: skip
    return pd.DataFrame(lines)


def assumption_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with a share of Assumption 1: of Theorem 1 at each beta, and without a tilt."""
    return frame[frame["claim"].isin([THEOREM_1, UNTILTED])].dropna(subset=["premise_share"])


def assumption_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of anchors that satisfy Assumption 1 by modality, temperature and hardening: least, mean and most."""
    rows = assumption_rows(frame)
    keys = ["modality", "temperature", "hardening", "beta"]
    found = rows.groupby(keys, sort=False, dropna=False).premise_share.agg(["min", "mean", "max"])
    return found.reset_index()


def error_correlation(frame: pd.DataFrame, temperature: float) -> tuple[float, float, float]:
    """Rank correlation over sets of where Assumption 1 fails (no tilt) and the error of the nearest class mean.

    The interval is a jackknife's over data sets on Fisher's scale, artanh of the correlation: on its own scale it
    covers less than it says, and reaches 1 where sets disagree. NaN with fewer than four data sets; no interval of
    sets that agree altogether.
    """
    failing = frame[(frame["claim"] == UNTILTED) & (frame["temperature"] == temperature)]
    error = frame[frame["claim"].str.startswith("error_") & np.isinf(frame["shots"])].drop_duplicates(SETS)
    both = failing[[*SETS, "premise_share"]].merge(error[[*SETS, "lhs"]], on=SETS).dropna()
    data = list(both["data"].unique())
    if len(data) < 4:
        return math.nan, math.nan, math.nan

    def of(rows: pd.DataFrame) -> float:
        return float((1 - rows["premise_share"]).rank().corr(rows["lhs"].rank()))

    value, count = of(both), len(data)
    if not abs(value) < PERFECT:
        return value, math.nan, math.nan
    # Without one data set the others may agree altogether.
    without = np.arctanh([max(-PERFECT, min(of(both[both["data"] != name]), PERFECT)) for name in data])
    se = math.sqrt((count - 1) / count * float(np.square(without - without.mean()).sum()))
    low, high = Estimate(math.atanh(value), math.atanh(value), se, replicates=count).interval(CONFIDENCE)
    return value, math.tanh(low), math.tanh(high)


def critical_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """The beta at which H-SCL reaches UCL, by temperature: geometric mean with its interval over data sets, range.

    `untilted` sets are at beta = 0 already, and in no mean.
    """
    cells = frame.dropna(subset=["temperature"]).drop_duplicates([*SETS, "temperature"])
    lines = []
    for tau, rows in cells.groupby("temperature"):
        there = rows[rows["critical_beta"] > 0]
        mean = mean_over_data(np.log(there["critical_beta"]), there["data"]) if len(there) else (math.nan,) * 3
        value, low, high = (math.exp(x) if not math.isnan(x) else math.nan for x in mean)
        lines.append(
            dict(temperature=tau, cells=len(rows), untilted=int((rows["critical_beta"] == 0).sum()), reached=len(there),
                 mean=value, low=low, high=high, least=there["critical_beta"].min(), most=there["critical_beta"].max())
        )  # fmt: skip
    return pd.DataFrame(lines)
