"""What the page says of claims: a section for each that was tested, with its gaps drawn and in numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd

from boundcheck.hardening import hardening_label
from boundcheck.report.format import interval, number, p_value, percent
from boundcheck.report.gap_drawing import Gap, gap_svg
from boundcheck.report.mathsvg import math_svg
from boundcheck.report.overview import mark
from boundcheck.report.words import KIND, catalogue_entry, q_label, reading_of, title, unit
from boundcheck.runs import Run, is_reliable, records


def claim_sections(run: Run, rows: pd.DataFrame, drawn: bool = True) -> list[dict[str, Any]]:
    """The claims of some rows of a run that were tested; drawing statements and gaps is what takes time."""
    tested = rows[rows["verdict"] != "inapplicable"]
    groups = tested.groupby(["claim", "configuration"], sort=False)
    return [_section(run, str(claim), str(where), rows, drawn) for (claim, where), rows in groups]


def section_id(claim: str, configuration: str) -> str:
    """Where on the page a claim stands; once for each configuration."""
    return f"claim-{claim}" + ("-elsewhere" if configuration else "")


def _section(run: Run, claim: str, configuration: str, rows: pd.DataFrame, drawn: bool) -> dict[str, Any]:
    entry = catalogue_entry(run, claim)
    each, sure = list(records(rows)), is_reliable(rows).tolist()
    kind = str(each[0].kind)
    return {
        "id": claim,
        "at": section_id(claim, configuration),
        "configuration": configuration,
        "title": title(run, claim),
        "statement": math_svg(str(entry["statement"])) if drawn and entry.get("statement") else "",
        "source": entry.get("source") or "",
        "premise": entry.get("premise") or "",
        "kind": kind,
        "kind_means": KIND.get(kind, ""),
        "unit": unit(run, claim),
        "drawing": gap_svg(list(map(_gap, each, sure)), unit(run, claim)) if drawn else "",
        "rows": _rows(list(map(_row, each, sure))),
    }


def _rows(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A claim's rows; a reason that several rows in a row share stands only below the last of them."""
    for row, following in pairwise(said):
        if row["reason"] == following["reason"]:
            row["reason"] = ""
    return said


def _row(row: Any, reliable: bool) -> dict[str, Any]:
    return {
        "hardening": hardening_label(row.hardening, row.beta),
        "q": q_label(row.q),
        "lhs": number(row.lhs, row.se),
        "rhs": number(row.rhs, row.se),
        "gap": ("" if reliable else "~ ") + interval(row.gap, row.ci_low, row.ci_high),
        "p": p_value(row.p_holm),
        "share": percent(row.share_holding, row.share_low, row.share_high),
        "premise": percent(row.premise_share),
        "mark": mark(row),
        "reason": _reason(row),
    }


def _gap(row: Any, reliable: bool) -> Gap:
    q = "" if pd.isna(row.q) else f", Q = {q_label(row.q)}"
    label = hardening_label(row.hardening, row.beta)
    words = f"{label}{q}: {interval(row.gap, row.ci_low, row.ci_high)}, {row.verdict}"
    return Gap(label, row.gap, row.ci_low, row.ci_high, reliable, mark(row).style, words)


def _reason(row: Any) -> str:
    """What stands below a row: why the verdict, and what would decide it where there is none."""
    reason = _without(row.reason, row.configuration) or reading_of(row)
    return f"{reason} To decide it: {row.remedy}." if row.remedy else str(reason)


def _without(reason: str, configuration: str) -> str:
    """A reason without the configuration, which the section's head names."""
    return reason.replace(f"In another configuration: {configuration}.", "").strip() if configuration else reason
