"""Tables of the recipes, as text: every row an encoder, means over seeds with 95 % t intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from boundcheck.report.format import MISSING, interval, number, p_value
from boundcheck.runs import records

from .results import Results
from .summary import along_path, comparisons, final_epoch, over_seeds
from .wording import dataset_name, encoder_name, points

_PROBES = {"linear": "Linear probe", "knn": "200-NN", "mean": "Mean classifier"}
_MEASURES = {
    "zero_sum": "Zero sum",
    "unit_norm": "Unit norm",
    "equal_inner_product": "Equal inner product",
    "equal_cosine": "Equal cosine",
    "within_class": "Within-class variation",
    "dimensions": "Dimensions",
}


def accuracy_table(results: Results) -> pd.DataFrame:
    """Top-1 of every probe on backbone features, and top-5 of the linear probe, per cent."""
    return _accuracy_table(results, "backbone")


def embedding_accuracy_table(results: Results) -> pd.DataFrame:
    """The same on embeddings."""
    return _accuracy_table(results, "embedding")


def comparisons_table(results: Results) -> pd.DataFrame:
    """Paired t-tests over seeds on top-1 accuracy on backbone features, of the linear probe and of 200-NN."""
    return _comparisons_table(results, "backbone", ("linear", "knn"))


def embedding_comparisons_table(results: Results) -> pd.DataFrame:
    """The same on embeddings, of the linear probe and of the mean classifier."""
    return _comparisons_table(results, "embedding", ("linear", "mean"))


def _comparisons_table(results: Results, features: str, probes: tuple[str, str]) -> pd.DataFrame:
    rows = comparisons(results.accuracy)
    rows = rows[rows["features"] == features]
    first = rows[rows["probe"] == "linear"]
    table = {
        "Data set": first["dataset"].map(dataset_name),
        "Loss": [encoder_name(r.first, r.first_beta) for r in records(first)],
        "Against": [encoder_name(r.second, r.second_beta) for r in records(first)],
        "Seeds": first["seeds"].map(str),
    }
    for probe in probes:
        at = rows[rows["probe"] == probe]
        table[f"{_PROBES[probe]} (points)"] = [points(r.difference, r.ci_low, r.ci_high) for r in records(at)]
        table[f"p, {_PROBES[probe]}"] = [p_value(p) for p in at["p_value"]]
        table[f"p (Holm), {_PROBES[probe]}"] = [p_value(p) for p in at["p_holm"]]
    return pd.DataFrame(table, dtype=str)


def path_table(results: Results) -> pd.DataFrame:
    """Theorem 1 along the training path: the least gap H-UCL - H-SCL, nats, and how many measurements support it."""
    rows = along_path(results.gaps, "hucl-hscl")
    betas = sorted(rows["loss_beta"].unique())
    table = _encoders(rows[rows["loss_beta"] == betas[0]])
    for beta in betas:
        at = records(rows[rows["loss_beta"] == beta])
        table[f"β = {beta:g}"] = [f"{number(r.least)} ({r.holding} of {r.measured})" for r in at]
    return table


def assumption_table(results: Results) -> pd.DataFrame:
    """Share of held-out anchors that satisfy Assumption 1 at the end, per cent, by the hardness of the loss."""
    finite = results.assumption[results.assumption["loss_beta"] != math.inf]
    rows = finite.assign(loss_beta=finite["loss_beta"].fillna(0.0))
    return _table(
        [
            (f"β = {beta:g}", _mean(rows, "share_holding", ("share_low", "share_high"), loss_beta=beta))
            for beta in sorted(rows["loss_beta"].unique())
        ],
        percent=True,
    )


def margin_table(results: Results) -> pd.DataFrame:
    """Median margin of Assumption 1 at the end, nats, by the hardness of the loss."""
    rows = results.margins[results.margins["quantile"] == 0.5]
    return _table(
        [
            (f"β = {beta:g}", _mean(rows, "margin", loss_beta=beta))
            for beta in sorted(rows["loss_beta"].unique())
        ]
    )  # fmt: skip


def crossing_table(results: Results) -> pd.DataFrame:
    """The hardness at which H-SCL meets UCL at the end of training; a dash where some seed's losses never meet."""
    return _table([("Crossing β", over_seeds(results.crossing, "crossing_beta"))])


def collapse_table(results: Results) -> pd.DataFrame:
    """Distances from neural collapse at the end, on training and on test images."""
    rows = final_epoch(results.geometry)
    parts = []
    for split in ("train", "test"):
        table = _table([(title, _mean(rows, measure, split=split)) for measure, title in _MEASURES.items()])
        table.insert(2, "Images", split)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def notes(results: Results) -> list[str]:
    """What every table must say: which trials are missing from it because they failed."""
    return [
        f"Failed: {encoder_name(r.objective, r.beta)} on {dataset_name(r.dataset)}, seed {r.seed} ({r.reason})."
        for r in records(results.failed)
    ]


def _accuracy_table(results: Results, features: str) -> pd.DataFrame:
    columns = [(name, _mean(results.accuracy, "top1", probe=p, features=features)) for p, name in _PROBES.items()]
    top5 = _mean(results.accuracy, "top5", probe="linear", features=features)
    return _table([*columns, ("Linear top-5", top5)], percent=True)


def _mean(frame: pd.DataFrame, column: str, own: tuple[str, str] | None = None, **where: object) -> pd.DataFrame:
    """Means over seeds of a column, at the rows where other columns have given values."""
    for name, value in where.items():
        frame = frame[frame[name] == value]
    if own is None and f"{column}_low" in frame:
        own = (f"{column}_low", f"{column}_high")
    return over_seeds(frame, column, interval=own)


def _table(columns: Iterable[tuple[str, pd.DataFrame]], percent: bool = False) -> pd.DataFrame:
    """Encoders against quantities, as text."""
    named = list(columns)
    table = _encoders(named[0][1])
    for name, frame in named:
        if percent:
            shares = frame[["mean", "low", "high"]]
            frame = frame.assign(**(100 * shares.clip(0, 1)))  # a t interval may reach beyond what a share can be
        table[name + (" (%)" if percent else "")] = [_cell(r.mean, r.low, r.high) for r in records(frame)]
    return table


def _encoders(rows: pd.DataFrame) -> pd.DataFrame:
    """The first columns of a table."""
    return pd.DataFrame(
        {
            "Data set": rows["dataset"].map(dataset_name),
            "Loss": [encoder_name(r.objective, r.beta) for r in records(rows)],
            "Seeds": rows["seeds"].map(str),
        },
        dtype=str,
    )


def _cell(mean: float, low: float, high: float) -> str:
    """A mean with its interval where there is one."""
    if math.isnan(mean):
        return MISSING
    return number(mean) if np.isnan(low) else interval(mean, low, high)
