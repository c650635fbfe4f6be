"""What tables and figures show of the results: means over seeds with their intervals, and tests between objectives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from boundcheck.inference.multiplicity import holm
from boundcheck.lab.training.probes import paired_test
from boundcheck.runs import records

from .variants import OBJECTIVES, PLAIN

ENCODER = ["dataset", "objective", "beta"]


def over_seeds(
    frame: pd.DataFrame,
    column: str,
    by: Sequence[str] = (),
    interval: tuple[str, str] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """One row per encoder (without its seed) and value of `by`: the mean over seeds and its t interval.

    Args:
        frame: a table of the results.
        column: the quantity.
        by: further columns that tell rows apart, such as "epoch".
        interval: columns of the quantity's own interval, which stands in where there is one seed only.
        confidence: of the t interval.

    Returns:
        The columns of `ENCODER` and `by`, then mean, low, high (the interval), least, most (the range of the seeds;
        the quantity's own interval where there is one seed), seeds; by data set, objective and hardness. Ends are NaN
        where nothing is known.
    """
    rows = []
    keys = [*ENCODER, *by]
    for key, group in frame.groupby(keys, dropna=False, sort=False):
        values = group[column].to_numpy(float)
        mean, low, high = float(values.mean()), np.nan, np.nan
        least, most = float(values.min()), float(values.max())
        if len(values) > 1:
            half = stats.t(len(values) - 1).ppf((1 + confidence) / 2) * values.std(ddof=1) / np.sqrt(len(values))
            low, high = mean - half, mean + half
        elif interval is not None:
            low, high = least, most = float(group[interval[0]].iloc[0]), float(group[interval[1]].iloc[0])
        numbers = {"mean": mean, "low": low, "high": high, "least": least, "most": most, "seeds": len(values)}
        rows.append(dict(zip(keys, key, strict=True)) | numbers)
    return _in_order(pd.DataFrame(rows))


def final_epoch(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of each encoder's last measured epoch."""
    last = frame.groupby([*ENCODER, "seed"], dropna=False)["epoch"].transform("max")
    return frame[frame["epoch"] == last]


def along_path(gaps: pd.DataFrame, gap: str) -> pd.DataFrame:
    """A gap over all epochs and seeds of every encoder, at each hardness of the losses.

    Args:
        gaps: the results' table.
        gap: which, such as "hucl-hscl".

    Returns:
        dataset, objective, beta, loss_beta, least (the smallest estimate, nats), holding (measurements whose interval
        lies at or above zero), measured (epochs times seeds), seeds.
    """
    rows = gaps[gaps["gap"] == gap]
    rows = rows.assign(holding=rows["ci_low"] >= 0, measured=1)
    found = rows.groupby([*ENCODER, "loss_beta"], dropna=False, sort=False).agg(
        least=("estimate", "min"), holding=("holding", "sum"), measured=("measured", "sum"), seeds=("seed", "nunique")
    )
    return _in_order(found.reset_index())


def comparisons(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Paired tests over seeds: each tilt against none, labels against none, at each probe and kind of features.

    Args:
        accuracy: the results' table.

    Returns:
        dataset, probe, features, first, first_beta, second, second_beta, difference of top-1, its interval,
        p_value, p_holm (over the tests of one data set, probe and kind of features), seeds.
    """
    rows = []
    for (dataset, probe, features), group in accuracy.groupby(["dataset", "probe", "features"], sort=False):
        tests = [{"dataset": dataset, "probe": probe, "features": features} | row for row in _tests(_by_encoder(group))]
        adjusted = holm(np.array([row["p_value"] for row in tests], dtype=float))
        rows += [row | {"p_holm": p} for row, p in zip(tests, adjusted, strict=True)]
    columns = ["dataset", "probe", "features", "first", "first_beta", "second", "second_beta"]
    columns += ["difference", "ci_low", "ci_high", "p_value", "p_holm", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _by_encoder(group: pd.DataFrame) -> dict[tuple[str, float | None], pd.Series]:
    """Top-1 by seed of every encoder."""
    return {
        (objective, None if np.isnan(beta) else beta): rows_of(group, objective, beta).set_index("seed")["top1"]
        for objective, beta in encoders_of(group)
    }


def _tests(encoders: dict[tuple[str, float | None], pd.Series]) -> Iterator[dict[str, object]]:
    pairs: list[tuple[tuple[str, float | None], tuple[str, float | None]]] = [
        *((key, (PLAIN[key[0]], None)) for key in encoders if key[0] in PLAIN),
        *((("hscl", beta), ("hucl", beta)) for name, beta in encoders if name == "hscl"),
        *((("hscl", beta), ("hscl_detached", beta)) for name, beta in encoders if name == "hscl"),
        (("scl", None), ("ucl", None)),
    ]
    for first, second in pairs:
        if first not in encoders or second not in encoders:
            continue
        a, b = encoders[first].align(encoders[second], join="inner")
        if a.empty:
            continue
        test = paired_test(a.to_list(), b.to_list())
        yield {
            "first": first[0], "first_beta": first[1], "second": second[0], "second_beta": second[1],
            "difference": test.difference, "ci_low": test.low, "ci_high": test.high, "p_value": test.p_value,
            "seeds": test.seeds,
        }  # fmt: skip


def encoders_of(frame: pd.DataFrame) -> list[tuple[str, float]]:
    """(objective, beta) of every encoder, by objective and then by hardness; beta is NaN where there is none."""
    found = {(row.objective, row.beta) if row.beta == row.beta else (row.objective, None) for row in records(frame)}
    order = sorted(found, key=lambda key: _rank(*key))
    return [(objective, np.nan if beta is None else beta) for objective, beta in order]


def rows_of(frame: pd.DataFrame, objective: str, beta: float) -> pd.DataFrame:
    """The rows of one (objective, beta)."""
    same = frame["beta"].isna() if np.isnan(beta) else frame["beta"] == beta
    return frame[(frame["objective"] == objective) & same]


def _rank(objective: str, beta: float | None) -> tuple[int, float]:
    """Where an encoder stands: by objective, then by hardness."""
    return OBJECTIVES.index(objective), 0.0 if beta is None or np.isnan(beta) else beta


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set (as they come), objective and hardness, and otherwise as they were."""
    datasets = list(dict.fromkeys(frame["dataset"]))
    places = [(datasets.index(r.dataset), *_rank(r.objective, r.beta)) for r in records(frame)]
    return frame.iloc[sorted(range(len(frame)), key=places.__getitem__)].reset_index(drop=True)
