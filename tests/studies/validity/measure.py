"""What the engine says of one fresh sample, read from the public tables of `verify`, one row per quantity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

import boundcheck as bc
from tests.studies.validity.cells import Cell
from tests.studies.validity.limits import CROSSING
from tests.studies.validity.populations import BETAS, POPULATIONS

SEED, CONFIDENCE = 20220904, 0.95
# The quantity that a claim is about: rhs - lhs of the claim as the difference of two losses.
GAPS = {"hscl_le_hucl": "hucl-hscl", "scl_le_ucl": "ucl-scl", "hscl_ge_ucl": "hscl-ucl"}
# The claim whose verdict rests on a quantity.
RESTS_ON = {
    "hucl": "hscl_le_hucl",
    "hscl": "hscl_le_hucl",
    "share": "hscl_le_hucl",
    "ucl": "scl_le_ucl",
    "scl": "scl_le_ucl",
    CROSSING: "hscl_ge_ucl",
} | {gap: claim for claim, gap in GAPS.items()}
DECIDED = ("holds", "violated", "occurs", "does not occur")
ENDS = {"share_holding": "estimate", "share_low": "ci_low", "share_high": "ci_high"}


def measure(cell: Cell, seed: int) -> pd.DataFrame:
    """One sample: quantity, beta, estimate, plugin, se, ci_low, ci_high, verdict, reason, and the engine's own columns.

    A sample that the engine refuses is one row, of quantity "refused" with the reason.
    """
    z, y = POPULATIONS[cell.population].sample(cell.n, cell.design, SEED + seed)
    try:
        found = bc.verify(
            bc.EmbeddingSet(z, y),
            claims=list(GAPS),
            temperature=cell.temperature,
            betas=BETAS,
            class_prior=cell.prior,
            confidence=CONFIDENCE,
            device="cpu",
        )
    except bc.BoundcheckError as error:
        return pd.DataFrame([dict(quantity="refused", beta=np.nan, sample=seed, reason=str(error))])
    run = found.run
    rows = pd.DataFrame([*_losses(run.losses), *_gaps(run.claims), *_shares(run.assumption), *_crossings(run.manifest)])
    verdicts = run.claims.assign(beta=run.claims.beta.fillna(0.0)).set_index(["claim", "beta"])[["verdict", "reason"]]
    key = pd.MultiIndex.from_arrays([rows.quantity.map(RESTS_ON), rows.beta.fillna(0.0)])
    rows[["verdict", "reason"]] = verdicts.reindex(key).to_numpy()
    return rows.assign(sample=seed)


def _losses(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    for row in frame.to_dict("records"):
        yield row | {"quantity": row.pop("loss"), "beta": np.nan_to_num(row["beta"])}


def _gaps(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    names = {"margin": "estimate", "gap": "estimate"}
    for row in frame[frame.verdict != "inapplicable"].rename(columns=names).to_dict("records"):
        yield row | {"quantity": GAPS[str(row["claim"])], "beta": np.nan_to_num(row["beta"])}


def _shares(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    for row in frame[frame.beta != np.inf].rename(columns=ENDS).to_dict("records"):
        yield row | {"quantity": "share", "beta": np.nan_to_num(row["beta"])}


def _crossings(manifest: dict[str, list[dict[str, object]]]) -> Iterator[dict[str, object]]:
    for row in manifest["crossing"]:
        ends = {name: row.get(name, np.nan) for name in ("ci_low", "ci_high")}
        yield ends | {"quantity": CROSSING, "estimate": row["beta"], "beta": np.nan}
