"""An atlas's tables as text: claims, bounds, and one line for each set at each temperature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from boundcheck.atlas_record import SETS, AtlasRecord
from boundcheck.atlas_summary import (
    SCENARIO,
    THEOREM_1,
    UNTILTED,
    assumption_summary,
    bounds_summary,
    claims_summary,
)
from boundcheck.hardening import hardening_label
from boundcheck.report.atlas.words import title_of
from boundcheck.report.format import MISSING, interval, number, percent, plain
from boundcheck.report.overview import mark
from boundcheck.runs import records


def claims_table(record: AtlasRecord) -> pd.DataFrame:
    """How the tests of each claim ended."""
    return pd.DataFrame(
        {
            "Claim": title_of(record, row.claim),
            "Kind": row.kind,
            "Sets": plain(row.sets),
            "Tests": plain(row.tests),
            "Met": plain(row.met),
            "Vacuous": plain(row.vacuous),
            "Undecided": plain(row.undecided),
            "Violated, premise fails": MISSING if row.kind == "scenario" else plain(row.unmet),
            "Does not occur": plain(row.unmet) if row.kind == "scenario" else MISSING,
            "Contradicted": plain(row.contradicted),
            "Met, of all tests": percent(row.share, row.low, row.high),
        }
        for row in records(claims_summary(record.frame))
    ).astype(str)


def bounds_table(record: AtlasRecord) -> pd.DataFrame:
    """How often each bound on error or cross-entropy says more than a guess."""
    return pd.DataFrame(
        {
            "Bound": title_of(record, row.claim),
            "Shots": MISSING if pd.isna(row.shots) else f"{row.shots:g}".replace("inf", "∞"),
            "Sets": plain(row.sets),
            "Tests": plain(row.tests),
            "Says something": plain(row.informative),
            "Of all tests": percent(row.share, row.low, row.high),
            "Right over left, median": number(row.ratio),
        }
        for row in records(bounds_summary(record.frame))
    ).astype(str)


def assumption_table(record: AtlasRecord) -> pd.DataFrame:
    """Assumption 1 by modality and temperature: least to most of the sets, and their mean."""
    rows = assumption_summary(record.frame)
    lines: dict[tuple[str, float], dict[str, str]] = {}
    for row in records(rows):
        line = lines.setdefault(
            (row.modality, row.temperature), {"Modality": row.modality, "τ": f"{row.temperature:g}"}
        )
        least, mean, most = (percent(share).removesuffix(" %") for share in (row.min, row.mean, row.max))
        line[hardening_label(row.hardening, row.beta)] = f"{least} – {most} ({mean})"
    return pd.DataFrame(lines.values(), dtype=str).fillna(MISSING)


def sets_table(record: AtlasRecord) -> pd.DataFrame:
    """One line for each set at each temperature: its size, Assumption 1, Theorem 1, the scenario, error and bound."""
    lines = []
    for _, rows in record.frame.groupby(SETS, sort=False):
        errors = rows[rows["claim"].str.startswith("error_") & (rows["shots"] == float("inf"))]
        for _, some in rows.dropna(subset=["temperature"]).groupby("temperature", sort=False):
            lines.append(_line(some, errors))
    return pd.DataFrame(lines, dtype=str)


def _line(rows: pd.DataFrame, errors: pd.DataFrame) -> dict[str, str]:
    first: Any = next(records(rows))
    main, plain_one = rows[rows["claim"] == THEOREM_1], rows[rows["claim"] == UNTILTED]
    untilted: Any = next(records(plain_one), None)
    hardest: Any = next(records(main.sort_values("beta", ascending=False)), None)
    error: Any = next(records(errors), None)
    return {
        "Data": first.data,
        "Encoder": first.encoder,
        "τ": f"{first.temperature:g}",
        "n × views × d": f"{plain(int(first.n))} × {int(first.views)} × {plain(int(first.d))}",
        "Classes": plain(int(first.classes)),
        "Near-duplicates": plain(int(first.duplicates)),
        "Within cosine 0.98": plain(int(first.close)),
        "Design": first.design,
        "Assumption 1, η = 1": _share(untilted),
        f"β = {hardest.beta:g}" if hardest else "largest β": _share(hardest),
        "Theorem 1": _symbols(main),
        "UCL ≤ H-SCL": _symbols(rows[rows["claim"] == SCENARIO]),
        "Critical β": interval(first.critical_beta, first.critical_low, first.critical_high),
        "Effective negatives": f"{_count(main['ess'].max())} – {_count(main['ess'].min())}" if len(main) else MISSING,
        "Error": MISSING if error is None else percent(error.lhs, error.lhs_low, error.lhs_high),
        "Best bound": MISSING if error is None else number(float(errors["rhs"].min())),
    }


def _share(row: Any) -> str:
    return MISSING if row is None else percent(row.premise_share, row.premise_low, row.premise_high)


def _count(value: float) -> str:
    """Effective instances, whole where they are many."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _symbols(rows: pd.DataFrame) -> str:
    """One symbol for each hardness, softest first; an asterisk where losses are not to be relied on."""
    marked = [mark(row).symbol + "*" * (row.reliable == 0) for row in records(rows.sort_values("beta"))]
    return " ".join(marked) or MISSING


ATLAS_TABLES: dict[str, tuple[str, Callable[[AtlasRecord], pd.DataFrame]]] = {
    "claims": (
        "How the tests of each claim ended. A test is a set of embeddings at a temperature, hardening, Q and shots; "
        "the last column is the share of tests that are met and not vacuous, with data sets counting alike and a 95 % "
        "interval over data sets.",
        claims_table,
    ),
    "bounds": (
        "How often a bound says something: an error below 1 − 1/C, a cross-entropy below log C, a lower bound "
        "above 0. Intervals over data sets.",
        bounds_table,
    ),
    "assumption": (
        "Per cent of anchors that satisfy Assumption 1, least and most of the sets, in brackets their mean.",
        assumption_table,
    ),
    "sets": (
        "Every set at every temperature. Intervals are over instances, 95 %. Theorem 1 and UCL ≤ H-SCL have one symbol "
        "for each β, softest first; an asterisk says that the losses are not to be relied on. Error: of the nearest "
        "class mean, all instances in the means; best bound: the least of the bounds on it.",
        sets_table,
    ),
}
