"""One verification as a record: its tables, their columns, and how their rows are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

LOSS_COLUMNS = [
    "loss", "hardening", "beta", "q", "temperature", "positives", "estimator", "k", "estimate", "plugin", "se",
    "ci_low", "ci_high", "n_anchors", "ess", "design", "reliable",
]  # fmt: skip
CLAIM_COLUMNS = [
    "claim", "kind", "hardening", "beta", "q", "lhs", "rhs", "gap", "se", "ci_low", "ci_high", "p_value",
    "p_holm", "share_holding", "share_low", "share_high", "n_anchors", "premise_share", "premise_low",
    "premise_high", "vacuous", "reliable", "verdict", "reason", "remedy", "configuration",
]  # fmt: skip
ASSUMPTION_COLUMNS = [
    "hardening", "beta", "share_holding", "share_low", "share_high", "share_in_parts", "reliable",
    "median_margin", "min_margin", "median_ess", "n_anchors", "n_undefined",
]  # fmt: skip
HARDEST_COLUMNS = [
    "rank", "id", "view", "label", "margin", "hardening", "beta", "same_id", "same_label", "same_cosine",
    "diff_id", "diff_label", "diff_cosine",
]  # fmt: skip
FINITE_K_COLUMNS = [
    "loss", "hardening", "beta", "q", "k", "estimate", "plugin", "se", "ci_low", "ci_high", "gap", "gap_low",
    "gap_high", "gap_plugin", "gap_predicted", "minibatch", "minibatch_se",
    "minibatch_undefined", "n_anchors",
]  # fmt: skip
K_EPSILON_COLUMNS = ["loss", "hardening", "beta", "q", "epsilon", "k_epsilon"]
POPULATION_COLUMNS = [
    "quantity", "hardening", "beta", "q", "limit", "limit_se", "estimate", "se", "ci_low", "ci_high",
]  # fmt: skip
ANCHOR_COLUMNS = ["id", "view", "label", "beta_star"]
INFLUENCE_COLUMNS = ["id", "label"]
CSV_COLUMNS = {
    "losses": LOSS_COLUMNS,
    "claims": CLAIM_COLUMNS,
    "assumption": ASSUMPTION_COLUMNS,
    "hardest": HARDEST_COLUMNS,
}
# Tables that a run has only where they were asked for.
OPTIONAL_COLUMNS = {
    "finite_k": FINITE_K_COLUMNS,
    "k_epsilon": K_EPSILON_COLUMNS,
    "population": POPULATION_COLUMNS,
}
# Identifiers and labels stay text, so that a class called "NA" or "007" survives the round trip.
TEXT_COLUMNS = frozenset([
    "loss", "hardening", "positives", "estimator", "claim", "kind", "verdict", "reason", "remedy", "configuration",
    "design", "id", "label", "same_id", "same_label", "diff_id", "diff_label", "quantity", "encoder", "data",
    "modality",
])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Run:
    """One verification, as it is saved and as it is reported.

    Args:
        losses: One row per loss, hardening and Q (`LOSS_COLUMNS`; values in nats).
        claims: One row per claim, hardening and Q (`CLAIM_COLUMNS`).
        assumption: One row per hardening (`ASSUMPTION_COLUMNS`); "constant" is the kernel-mean end (beta = 0),
            "exp" with beta = inf the 1-nearest-neighbour end.
        anchors: One row per anchor: `ANCHOR_COLUMNS`, then `margin[KEY]`, `ess[KEY]` and `LOSS[KEY,q=Q]`, with KEY
            from `hardening_key`. beta_star is NaN where no critical hardness exists.
        hardest: The anchors of least margin, worst first (`HARDEST_COLUMNS`), with the nearest candidate of the same
            class and of another class.
        manifest: What made the run: command, config, versions, platform, data, cost, crossing, warnings, catalogue.
        finite_k: Losses at finite k with their gaps to the limit (`FINITE_K_COLUMNS`); empty where none was asked for.
        k_epsilon: Number of negatives within epsilon nats of the limit (`K_EPSILON_COLUMNS`); likewise.
        pictures: (rows of hardest, 3, ch, h, w) uint8: anchor, nearest same class, nearest other class; None for
            data without images.
        population: Exact limits beside the estimates (`POPULATION_COLUMNS`), where the data are a sample of a known
            population; else empty.
        influences: One row per instance: `INFLUENCE_COLUMNS`, then `LOSS[KEY,q=Q]`, its influence on the averaged
            loss, nats; the sum of squares over n (n - 1) is the squared standard error, and the influences of a
            difference are the difference of influences. Empty where the standard errors are of another kind.
    """

    losses: pd.DataFrame
    claims: pd.DataFrame
    assumption: pd.DataFrame
    anchors: pd.DataFrame
    hardest: pd.DataFrame
    manifest: Mapping[str, Any] = field(repr=False)
    pictures: np.ndarray | None = field(default=None, repr=False)
    finite_k: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FINITE_K_COLUMNS))
    k_epsilon: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=K_EPSILON_COLUMNS))
    population: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=POPULATION_COLUMNS))
    influences: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=INFLUENCE_COLUMNS), repr=False)

    def __post_init__(self) -> None:
        for name, columns in (CSV_COLUMNS | OPTIONAL_COLUMNS).items():
            object.__setattr__(self, name, typed(getattr(self, name), columns))
        for name in ("anchors", "influences"):
            object.__setattr__(self, name, getattr(self, name).astype({"id": str, "label": str}))

    def __repr__(self) -> str:
        name = (self.manifest.get("data") or {}).get("name") or "embeddings"
        tables = (*CSV_COLUMNS, *OPTIONAL_COLUMNS, "anchors", "influences")
        rows = ", ".join(f"{table} {len(getattr(self, table))}" for table in tables if len(getattr(self, table)))
        return f"Run of {name}; rows of its tables: {rows}"


def hardening_key(hardening: str, beta: float) -> str:
    """The name of a hardening in column names: `exp:5`, `constant`, `threshold:0.5`.

    Args:
        hardening: As in the tables: "constant", "exp", "threshold:T" or "poly:P".
        beta: Exponential hardness; read only for "exp".
    """
    return f"exp:{beta:g}" if hardening == "exp" else hardening


def loss_column(loss: str, hardening: str, beta: float, q: float) -> str:
    """The name of a loss in column names: `hscl[exp:5,q=1]`."""
    return f"{loss}[{hardening_key(hardening, beta)},q={q:g}]"


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a run's table, with the columns as attributes."""
    return frame.itertuples(index=False)


def about_population(claims: pd.DataFrame) -> pd.DataFrame:
    """Of a table of verdicts, the rows of statements that may fail, where they were tested."""
    return claims[(claims["kind"] != "exact") & (claims["verdict"] != "inapplicable")]


def of_own(claims: pd.DataFrame) -> pd.DataFrame:
    """Of a table of verdicts, the rows in the run's own configuration; all, where it does not say."""
    return claims[claims["configuration"].fillna("") == ""] if "configuration" in claims else claims


def is_reliable(rows: pd.DataFrame) -> np.ndarray:
    """(rows,) bool: which rows of a run's table may be relied on; all, where the table or a cell does not say."""
    if "reliable" not in rows:
        return np.ones(len(rows), bool)
    return np.array([bool(pd.isna(cell) or cell) for cell in rows["reliable"]], bool)


def typed(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The columns in order: text without missing values, numbers as numbers."""
    return pd.DataFrame(
        {
            name: frame[name].astype(object).fillna("").astype(str)
            if name in TEXT_COLUMNS
            else pd.to_numeric(frame[name])
            for name in columns
        }
    )
