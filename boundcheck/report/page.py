"""The report as one self-contained HTML page, and its summary as a fragment for notebooks."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from PIL import Image

from boundcheck.report.captions import CAPTIONS
from boundcheck.report.facts import computation_facts, data_facts
from boundcheck.report.figures.hardest_anchors import picture_array
from boundcheck.report.format import interval, number, p_value, percent
from boundcheck.report.mathsvg import math_svg
from boundcheck.report.overview import mark, overview
from boundcheck.report.tables import assumption_table, is_text, k_epsilon_table, losses_table, population_table
from boundcheck.report.words import (
    KIND,
    VERDICTS,
    catalogue_entry,
    hardening_label,
    headline,
    q_label,
    reading_of,
    title,
    unit,
)
from boundcheck.runs import Run, records


def write_page(run: Run, directory: Path, figures: Sequence[str]) -> Path:
    """Write report.html, with the figures found in directory/figures inside it.

    Args:
        run: The run.
        directory: Where; its folder figures holds NAME.svg.
        figures: Names of the figures to show.

    Returns:
        The page.
    """
    page = directory / "report.html"
    page.write_text(
        template("template.html").render(
            name=_part(run, "data").get("name") or "embeddings",
            headline=headline(run),
            overview=overview(run),
            several_q=run.claims["q"].nunique() > 1,
            data_facts=data_facts(run),
            warnings=run.manifest.get("warnings") or [],
            claims=_claims(run),
            verdicts=VERDICTS,
            losses=losses_table(run),
            assumption=assumption_table(run),
            k_epsilon=k_epsilon_table(run),
            population=population_table(run),
            figures=[figure_entry(directory / "figures", name) for name in figures if name != "hardest_anchors"],
            crossing=[
                {"q": q_label(float(item["q"])), "note": item.get("note") or ""}
                for item in run.manifest.get("crossing") or []
            ],
            hardest_title=CAPTIONS["hardest_anchors"][0],
            hardest_caption=CAPTIONS["hardest_anchors"][1],
            hardest=_hardest(run),
            computation_facts=computation_facts(run),
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
    return template("summary.html").render(
        headline=headline(run), overview=overview(run), warnings=run.manifest.get("warnings") or []
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
    environment.tests["text_column"] = is_text
    return environment.get_template(name)


def _part(run: Run, key: str) -> dict[str, Any]:
    return run.manifest.get(key) or {}


def _claims(run: Run) -> list[dict[str, Any]]:
    """What the page says of each claim, its rows included."""
    said = []
    for claim, rows in run.claims.groupby("claim", sort=False):
        entry = catalogue_entry(run, str(claim))
        kind = str(rows["kind"].iloc[0])
        said.append(
            {
                "id": claim,
                "title": title(run, str(claim)),
                "statement": math_svg(str(entry["statement"])) if entry.get("statement") else "",
                "source": entry.get("source") or "",
                "premise": entry.get("premise") or "",
                "kind": kind,
                "kind_means": KIND.get(kind, ""),
                "unit": unit(run, str(claim)),
                "rows": _claim_rows(rows),
            }
        )
    return said


def _claim_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A claim's rows; a reason that several rows in a row share stands only below the last of them."""
    said = [_claim_row(row) for row in records(rows)]
    for row, following in pairwise(said):
        if row["reason"] == following["reason"]:
            row["reason"] = ""
    return said


def _claim_row(row: Any) -> dict[str, Any]:
    return {
        "hardening": hardening_label(row.hardening, row.beta),
        "q": q_label(row.q),
        "lhs": number(row.lhs, row.se),
        "rhs": number(row.rhs, row.se),
        "gap": ("" if pd.isna(row.reliable) or row.reliable else "~ ") + interval(row.gap, row.ci_low, row.ci_high),
        "p": p_value(row.p_holm),
        "share": percent(row.share_holding, row.share_low, row.share_high),
        "premise": percent(row.premise_share),
        "mark": mark(row),
        "reason": _reason(row),
    }


def _reason(row: Any) -> str:
    """What stands below a row: why the verdict, and what would decide it where there is none."""
    reason = row.reason or reading_of(row)
    return f"{reason} To decide it: {row.remedy}." if row.remedy else str(reason)


def figure_entry(folder: Path, name: str) -> dict[str, Any]:
    """What the page shows of a figure saved in a folder: the picture itself, its title and caption."""
    svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
    width, height = (float(x) for x in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
    heading, caption = CAPTIONS[name]
    return {
        "name": name,
        "title": heading,
        "caption": caption,
        "uri": f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}",
        "width": round(width * 1.6),
        "height": round(height * 1.6),
        "wide": width > height * 2,
    }


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
