"""The report as one self-contained HTML page, and its summary as a fragment for notebooks."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from PIL import Image

from boundcheck.glossary import glossary
from boundcheck.hardening import hardening_label
from boundcheck.report.captions import CAPTIONS
from boundcheck.report.cautions import cautions, warnings_in_short
from boundcheck.report.claim_sections import claim_sections, section_id
from boundcheck.report.facts import computation_facts, data_facts
from boundcheck.report.figures.hardest_anchors import picture_array
from boundcheck.report.format import number
from boundcheck.report.inlined import figure_entry
from boundcheck.report.overview import NO_HARDNESS, overview
from boundcheck.report.spelling import as_it_was_called, speller
from boundcheck.report.tables import assumption_table, is_text, k_epsilon_table, losses_table, population_table
from boundcheck.report.terms import linked, marked_up, sourced
from boundcheck.report.words import (
    SYMBOL,
    VERDICTS,
    elsewhere,
    headline,
    not_tested,
    q_label,
    rows_elsewhere,
    self_checks,
    sentences,
    where,
)
from boundcheck.runs import CSV_COLUMNS, Run, about_population, of_own, records, write_table


def write_page(run: Run, directory: Path, figures: Sequence[str]) -> Path:
    """Write report.html, with the figures found in directory/figures inside it.

    Args:
        run: The run.
        directory: Where; its folder figures holds NAME.svg.
        figures: Names of the figures to show.

    Returns:
        The page.
    """
    page, downloads, run = directory / "report.html", _downloads(run), as_it_was_called(run)
    page.write_text(
        template("template.html").render(
            name=(run.manifest.get("data") or {}).get("name") or "embeddings",
            said=sentences(run),
            where=where(run),
            glance=_glance(run),
            several_q=of_own(run.claims)["q"].nunique() > 1,
            shares_reach=bool(run.assumption["share_in_parts"].notna().any()),
            data_facts=data_facts(run),
            warnings=cautions(run),
            claims=claim_sections(run, about_population(of_own(run.claims))),
            apart=claim_sections(run, rows_elsewhere(run), drawn=False),
            told_apart=elsewhere(run),
            checks=claim_sections(run, run.claims[run.claims["kind"] == "exact"]),
            checked=self_checks(run),
            untested=list(map(speller(run.manifest), not_tested(run))),
            verdicts=VERDICTS,
            symbols=SYMBOL,
            downloads=downloads,
            losses=losses_table(run),
            assumption=assumption_table(run),
            k_epsilon=k_epsilon_table(run),
            population=population_table(run),
            figures=[figure_entry(directory / "figures", name) for name in figures if name != "hardest_anchors"],
            crossing=[_crossing(item) for item in run.manifest.get("crossing") or []],
            hardest_title=CAPTIONS["hardest_anchors"][0],
            hardest_caption=CAPTIONS["hardest_anchors"][1],
            hardest=_hardest(run),
            computation_facts=computation_facts(run.manifest),
            version=run.manifest.get("boundcheck", ""),
        ),
        encoding="utf-8",
    )
    return page


def summary_html(run: Run) -> str:
    """The headline, the verdicts at a glance and the warnings as an HTML fragment for a notebook.

    Args:
        run: The run.
    """
    run = as_it_was_called(run)
    return template("summary.html").render(
        headline=headline(run), overview=overview(run), warnings=warnings_in_short(run)
    )


def template(name: str) -> Template:
    """A template of this package, with the filters and tests that they use."""
    environment = Environment(
        loader=PackageLoader("boundcheck", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["minus"] = lambda text: re.sub(r"(?<![\w.])-(?=[\d∞])", "−", str(text))
    environment.filters |= {"linked": linked, "sourced": sourced, "marked_up": marked_up}
    environment.globals["glossary"] = list(glossary().values())
    environment.tests["text_column"] = is_text
    return environment.get_template(name)


def _glance(run: Run) -> dict[str, Any]:
    """`overview` with places on the page and its symbols; one verdict over all columns where there is no hardness."""
    columns, lines = overview(run)
    places = [section_id(claim, "") for claim in about_population(of_own(run.claims))["claim"].unique()]
    alone = columns[-1:] == [NO_HARDNESS] and not any(any(marks[:-1]) for _, marks in lines if marks[-1])
    end = len(columns) - alone
    rows = [
        {"title": title, "at": at, "marks": marks[:end], "overall": marks[-1] if alone else None}
        for at, (title, marks) in zip(places, lines, strict=True)
    ]
    key = dict.fromkeys((mark.symbol, mark.verdict) for _, marks in lines for mark in marks if mark)
    return {"columns": columns[:end], "rows": rows, "key": list(key)}


def _crossing(item: Mapping[str, Any]) -> str:
    """Where averaged H-SCL reaches UCL at one Q: on the data, and the interval for the population."""
    at = f"At Q = {q_label(float(item['q']))}"
    if item.get("beta") is None:
        return f"{at} no β suffices: {item.get('note') or 'the averages do not meet'}."
    low, high = item.get("ci_low"), item.get("ci_high")
    ends = "" if low is None else f", with interval [{low:.3g}, {'∞' if high is None else f'{high:.3g}'}]"
    return f"{at} the averages meet at β = {item['beta']:.3g} on these data{ends}."


def _downloads(run: Run) -> list[tuple[str, str]]:
    """The tables as files within the page: (name, data: address)."""
    said = []
    for name in CSV_COLUMNS:
        text = StringIO()
        write_table(getattr(run, name), text)
        said.append((f"{name}.csv", f"data:text/csv;base64,{b64encode(text.getvalue().encode()).decode()}"))
    return said


def _hardest(run: Run) -> list[dict[str, Any]]:
    """The hardest anchors, with their three pictures where the run has them."""
    said = []
    for i, row in enumerate(records(run.hardest)):
        pictures = [] if run.pictures is None else [_picture_uri(picture) for picture in run.pictures[i]]
        said.append(
            {
                "rank": row.rank,
                "hardening": hardening_label(row.hardening, row.beta),
                "margin": number(row.margin, 0.1),
                "cells": [
                    ("Anchor", row.id, row.label, ""),
                    ("Nearest of its class", row.same_id, row.same_label, number(row.same_cosine, 0.01)),
                    (
                        "Nearest of another class",
                        row.diff_id,
                        row.diff_label,
                        number(row.diff_cosine, 0.01),
                    ),
                ],
                "pictures": pictures,
            }
        )
    return said


def _picture_uri(picture: np.ndarray) -> str:
    buffer = BytesIO()
    Image.fromarray(picture_array(picture)).save(buffer, "PNG")
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
