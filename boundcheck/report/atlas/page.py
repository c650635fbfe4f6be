"""An atlas's report as one self-contained HTML page, as Markdown, and its findings as a fragment for notebooks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck.atlas_record import AtlasRecord
from boundcheck.report.atlas.words import findings, headline
from boundcheck.report.captions import CAPTIONS
from boundcheck.report.format import number, plain
from boundcheck.report.inlined import figure_entry
from boundcheck.report.mathsvg import math_svg
from boundcheck.report.page import template
from boundcheck.report.tables import to_markdown
from boundcheck.report.words import KIND, VERDICTS

Tables = Mapping[str, tuple[str, pd.DataFrame]]


def write_atlas_page(record: AtlasRecord, directory: Path, figures: Sequence[str], tables: Tables) -> Path:
    """Write report.html, with the figures found in directory/figures inside it.

    Args:
        record: the atlas.
        directory: where; its folder figures holds NAME.svg.
        figures: names of the figures to show.
        tables: caption and table by name.

    Returns:
        The page.
    """
    page = directory / "report.html"
    shown = {name: entry for name, entry in record.manifest["catalogue"].items() if _is_told(record, name)}
    page.write_text(
        template("atlas/atlas.html").render(
            name="the atlas",
            headline=headline(record),
            findings=findings(record),
            figures=[figure_entry(directory / "figures", name) for name in figures],
            tables={name: entry for name, entry in tables.items() if len(entry[1])},
            made=made(record),
            left_out=record.manifest["left_out"],
            claims=[_claim(name, entry) for name, entry in shown.items()],
            verdicts=VERDICTS,
            computation_facts=_facts(record),
            version=record.manifest.get("boundcheck", ""),
        ),
        encoding="utf-8",
    )
    return page


def atlas_html(record: AtlasRecord) -> str:
    """Headline and findings as an HTML fragment for a notebook.

    Args:
        record: the atlas.
    """
    return template("atlas/summary.html").render(headline=headline(record), findings=findings(record))


def atlas_markdown(record: AtlasRecord, figures: Sequence[str], tables: Tables) -> str:
    """The page in Markdown, with the figures beside it.

    Args:
        record: the atlas.
        figures: names of the figures in figures/.
        tables: caption and table by name.
    """
    facts = dict(_facts(record))
    parts = ["# The atlas", headline(record), f"`{facts['Command']}`" if facts["Command"] else "Made from Python."]
    parts.append(f"{facts['Data']} {facts['Cost']}. {facts['Hardware']}; {facts['Versions']}.")
    for question, answers in findings(record):
        parts += [f"## {question}", "\n".join(f"- {answer}" for answer in answers)]
    for name in figures:
        title, caption = CAPTIONS[name]
        parts += [f"## {title}", caption, f"![{title}](figures/{name}.png)"]
    for caption, table in tables.values():
        if len(table):
            parts += [caption, to_markdown(table).rstrip()]
    return "\n\n".join(parts) + "\n"


def made(record: AtlasRecord) -> pd.DataFrame:
    """What every set was made of and by which packages."""
    return pd.DataFrame(
        {
            "Data": one["data"],
            "Encoder": one["encoder"],
            "Modality": one["modality"],
            "Instances of a class": f"{one['smallest_class']} – {one['largest_class']}",
            "Mean cosine": number(one["mean_cosine"]),
            "Packages": ", ".join(f"{name} {version}" for name, version in one["packages"].items()) or "none further",
            "SHA-256": f"{one['sha256'][:16]}…",
        }
        for one in record.manifest["sets"]
    ).astype(str)


def _is_told(record: AtlasRecord, claim: str) -> bool:
    """Whether the tables name a claim."""
    rows = record.frame[record.frame["claim"] == claim]
    return bool(((rows["kind"] != "exact") & (rows["verdict"] != "inapplicable")).any())


def _claim(name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    return {
        "id": name,
        "title": str(entry.get("title") or name),
        "statement": math_svg(str(entry["statement"])) if entry.get("statement") else "",
        "source": str(entry.get("source") or ""),
        "kind": str(entry.get("kind") or ""),
        "kind_means": KIND.get(str(entry.get("kind")), ""),
        "premise": str(entry.get("premise") or ""),
    }


def _facts(record: AtlasRecord) -> list[tuple[str, str]]:
    """How the atlas was made: enough to make it again."""
    manifest = record.manifest
    config, cost, platform = manifest["config"], manifest["cost"], manifest["platform"]
    hardware = [platform.get("cpu"), f"{platform.get('cores')} cores", platform.get("gpu"), platform.get("system")]
    versions = {"boundcheck": manifest["boundcheck"], **manifest["versions"]}
    listed = {name: ", ".join(f"{value:g}" for value in config[name]) for name in ("temperatures", "betas", "shots")}
    return [
        ("Command", shlex.join(str(word) for word in manifest.get("command") or [])),
        ("Created", str(manifest["created"])),
        ("Data", f"At most {plain(config['instances'])} instances of each data set, drawn with seed {config['seed']}."),
        ("Temperatures", listed["temperatures"]),
        ("Betas", listed["betas"]),
        ("Shots", f"{listed['shots']} and all, {config['episodes']} draws each; half of every class for the bounds"),
        ("Confidence", f"{config['confidence']:g}"),
        (
            "Cost",
            f"{cost['seconds_of_cells']:,.0f} s in passes over {plain(cost['pairs'])} pairs, whenever computed",
        ),
        ("Cells", f"{cost['cells_computed']} computed, {cost['cells_reused']} read from earlier runs"),
        ("Warnings", f"{len(manifest['warnings'])} in run.json, each with the cells it is about"),
        ("Hardware", ", ".join(str(part) for part in hardware if part)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
