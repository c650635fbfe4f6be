"""Few-shot error of the nearest class mean, measured, beside every bound on it, as rows of the atlas."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boundcheck._places import atomic_path
from boundcheck.downstream_error import downstream
from boundcheck.embeddings import EmbeddingSet
from boundcheck.ingest import reading
from boundcheck.store import key_of, once, source_digest

SHOTS, EPISODES, GROUPS = (1, 5), 10, 10
NEEDED = {1: 8, 5: 20}  # instances of a class, see `downstream`
_DECIDES = ("bounds", "downstream_error", "inference", "lab/training/probes.py", "atlas/errors.py")


def error_rows(emb: EmbeddingSet, folder: Path, seed: int) -> pd.DataFrame:
    """Rows of the bounds on few-shot error: kept in a folder, and read where they are there.

    A class takes part with as many instances as the shots need; there are no rows where that leaves fewer than two.

    Args:
        emb: embeddings and labels; the first view counts.
        folder: of what is kept.
        seed: of the halves and the draws.
    """
    decides = [emb.digest, SHOTS, EPISODES, GROUPS, seed, source_digest(*_DECIDES), np.__version__]
    return once(folder / f"{key_of(decides)[:16]}.csv", partial(_rows, emb, seed), _read, _write)


def _read(path: Path) -> pd.DataFrame:
    with reading(path, "a table of errors"):
        return pd.read_csv(path)


def _write(rows: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as temporary:
        rows.to_csv(temporary, index=False)


def shots_for(counts: np.ndarray) -> tuple[int, ...]:
    """The shots that are asked of classes of these sizes: more than one only where most instances are in large ones."""
    large = counts >= NEEDED[SHOTS[-1]]
    return SHOTS if large.sum() >= 2 and counts[large].sum() >= counts.sum() / 2 else SHOTS[:1]


def _rows(emb: EmbeddingSet, seed: int) -> pd.DataFrame:
    shots = shots_for(emb.class_counts)
    large = emb.class_counts >= NEEDED[shots[-1]]
    columns = ["claim", "shots", "classes", "lhs", "lhs_low", "lhs_high", "rhs", "gap", "ci_low", "ci_high", "says"]
    if large.sum() < 2:
        return pd.DataFrame(columns=columns)
    found = downstream(emb.subset(large[emb.y]), shots=shots, episodes=EPISODES, groups=GROUPS, seed=seed)
    error = found.measured[found.measured.classifier == "nearest class mean"].set_index("shots")
    rows: list[dict[str, Any]] = []
    for bound in found.bounds.to_dict("records"):
        measured = error.loc[bound["shots"]]
        rows.append(
            dict(
                claim=f"error_{bound['bound']}", shots=bound["shots"], classes=found.classes, lhs=measured.error,
                lhs_low=measured.ci_low, lhs_high=measured.ci_high, rhs=bound["value"],
                gap=bound["value"] - measured.error,
                # The ends of both intervals: wider than that of a difference of two independent estimates.
                ci_low=bound["ci_low"] - measured.ci_high, ci_high=bound["ci_high"] - measured.ci_low,
                says=bound["says"],
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def judged(row: Any) -> tuple[str, str]:
    """Verdict and reason of one row: the intervals of bound and error do not overlap, or do."""
    if row.says == "vacuous":
        return "holds", "The bound is 1 or more: no error exceeds it."
    if math.isnan(row.ci_low):
        return "undecided", "The correction of the bound's bias breaks down; its plug-in stands here."
    if row.ci_low > 0:
        return "holds", "" if row.says == "informative" else "The bound is no less than chance."
    if row.ci_high < 0:
        return "violated", "The bound is below the error, interval against interval."
    return "undecided", "The intervals of bound and error overlap."
