"""A sweep's claims and the bounds on error as the atlas's one table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boundcheck.atlas.entry import Entry
from boundcheck.atlas.errors import judged
from boundcheck.atlas_record import ATLAS_COLUMNS
from boundcheck.downstream_error.cross_entropy import ABOVE, BELOW
from boundcheck.embeddings import EmbeddingSet
from boundcheck.embeddings.duplicates import COSINE
from boundcheck.runs import read_manifest, records
from boundcheck.sweep_record import SweepRecord
from boundcheck.verdicts import GRAVEST_FIRST

COSTS_ABOVE, COSTS_BELOW = (*ABOVE, "simclr_upper"), BELOW
"""Claims that bound the mean classifier's cross-entropy, from above and from below."""
ERRORS = ("ncm_directional", "ncm_second_moments")
"""Claims that bound the error of the nearest class mean."""
DIGITS = 6  # significant, of every number in the table


def atlas_frame(
    record: SweepRecord, errors: Mapping[str, pd.DataFrame], sets: Mapping[str, tuple[Entry, EmbeddingSet]]
) -> pd.DataFrame:
    """The table, see `ATLAS_COLUMNS`.

    Args:
        record: the sweep, with the folders of its cells in the manifest.
        errors: rows of `error_rows` by the sets' names.
        sets: entries and their embeddings by name, in the order of the table.
    """
    runs = {
        (cell["encoder"], cell["temperature"]): read_manifest(Path(cell["run"])) for cell in record.manifest["cells"]
    }
    parts = []
    for name, (entry, emb) in sets.items():
        claims = _without_repeats(record.claims[record.claims["encoder"] == name])
        claims = claims.assign(reason=[_why(row) for row in records(claims)])
        least: dict[tuple[float, str, float], float] = {}
        for row in records(record.losses[record.losses["encoder"] == name].dropna(subset=["ess"])):
            least[_key(row)] = min(row.ess, least.get(_key(row), math.inf))
        ess = [least.get(_key(row), math.nan) for row in records(claims)]
        settled = {
            _key(row): float(row.reliable) for row in records(record.assumption[record.assumption["encoder"] == name])
        }
        shares = [
            math.nan if math.isnan(row.premise_share) else settled.get(_key(row), math.nan) for row in records(claims)
        ]
        critical = pd.DataFrame([_critical(runs[name, tau]) for tau in claims["temperature"]], index=claims.index)
        said = [_informative(row, emb.c) for row in records(claims)]
        of_claims = pd.concat([claims, critical], axis=1).assign(
            ess=ess, informative=said, shots=math.nan, premise_reliable=shares
        )
        once = of_claims["claim"].isin(ERRORS)
        of_claims.loc[once, ["shots", "temperature"]] = math.inf, math.nan
        first = runs[name, claims["temperature"].iloc[0]]
        about = dict(
            data=entry.data, modality=entry.modality, encoder=entry.encoder, n=emb.n, views=emb.v, d=emb.d,
            duplicates=(first["duplicates"] or {}).get("instances", 0), close=_close(emb),
            design=first["config"]["design"],
        )  # fmt: skip
        parts.append(of_claims.assign(classes=emb.c, **about))
        if len(errors[name]):
            parts.append(_error_part(errors[name]).assign(**about))
    frame = pd.concat([part.reindex(columns=ATLAS_COLUMNS) for part in parts], ignore_index=True)
    numbers = frame.columns[[pd.api.types.is_float_dtype(kind) for kind in frame.dtypes]]
    return frame.assign(**{column: _rounded(frame[column].to_numpy(float)) for column in numbers})


def _without_repeats(claims: pd.DataFrame) -> pd.DataFrame:
    """One row per temperature of exact claims, which check the program, and of bounds on cross-entropy with many K.

    It is the gravest, and of these the one of least gap: the bound at its best K. Bounds on the error of the nearest
    class mean have one row, of all shots, as no temperature is in them.
    """
    once = claims["claim"].isin(ERRORS)
    claims = claims[~(once & (claims["temperature"] != claims["temperature"].iloc[0]))]
    many = (claims["kind"] == "exact") | claims["claim"].isin([*COSTS_ABOVE, *COSTS_BELOW])
    ranked = claims[many].assign(rank=claims["verdict"].map(GRAVEST_FIRST.index))
    kept = ranked.sort_values(["rank", "gap"], kind="stable").drop_duplicates(["temperature", "claim"]).index
    return claims.loc[sorted([*claims.index[~many], *kept])]


def _why(row: Any) -> str:
    """The reason of a verdict that needs one."""
    return str(row.reason) if row.vacuous == 1 or row.verdict not in ("holds", "occurs", "passes") else ""


def _key(row: Any) -> tuple[float, str, float]:
    """Temperature and hardening of a row; NaN is no equal of itself."""
    return row.temperature, row.hardening, -1.0 if math.isnan(row.beta) else row.beta


def _close(emb: EmbeddingSet) -> int:
    """Instances whose first view has another's above the cosine of near-duplicates, apart from the rest or not."""
    z = emb.z[:, 0]
    cosines = z @ z.T
    np.fill_diagonal(cosines, -1.0)
    return int((cosines.max(axis=1) > COSINE).sum())


def _critical(manifest: Mapping[str, Any]) -> dict[str, float]:
    """The beta at which averaged H-SCL reaches UCL, with its interval; NaN where it does at none."""
    found: Mapping[str, Any] = next(iter(manifest.get("crossing") or []), {})
    names = {"critical_beta": "beta", "critical_low": "ci_low", "critical_high": "ci_high"}
    return {name: math.nan if found.get(key) is None else float(found[key]) for name, key in names.items()}


def _informative(row: Any, classes: int) -> float:
    """Of a bound on error or cross-entropy, 1 where it says more than a guess among the classes does; else NaN."""
    if row.verdict == "inapplicable":
        return math.nan
    sampled = re.search(r"of (\d+) classes", row.configuration)
    c = int(sampled[1]) if sampled else classes
    if row.claim in ERRORS:
        return float(row.rhs < 1 - 1 / c)
    if row.claim in COSTS_ABOVE:
        return float(row.rhs < math.log(c))
    return float(row.lhs > 0) if row.claim in COSTS_BELOW else math.nan


def _error_part(rows: pd.DataFrame) -> pd.DataFrame:
    said = [judged(row) for row in records(rows)]
    return rows.assign(
        kind="theorem",
        verdict=[verdict for verdict, _ in said],
        reason=[reason for _, reason in said],
        vacuous=[float(row.says == "vacuous") for row in records(rows)],
        informative=[float(row.says == "informative") for row in records(rows)],
        reliable=[float(math.isfinite(row.ci_low)) for row in records(rows)],
    )


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.array([float(f"{value:.{DIGITS}g}") for value in values])
