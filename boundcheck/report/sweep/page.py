"""A sweep's report as one self-contained HTML page, and its summary as a fragment for notebooks."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from boundcheck.report.format import plain
from boundcheck.report.inlined import figure_entry
from boundcheck.report.mathsvg import math_svg
from boundcheck.report.page import template
from boundcheck.report.spelling import speller
from boundcheck.report.sweep.tables import assumption_grid, gap_grid, symbol_grid
from boundcheck.report.sweep.words import sweep_headline
from boundcheck.report.words import KIND, VERDICTS
from boundcheck.sweep_record import SweepRecord


def write_sweep_page(record: SweepRecord, directory: Path, figures: Sequence[str], home: Path) -> Path:
    """Write report.html, with the figures found in directory/figures inside it.

    Args:
        record: The sweep.
        directory: Where; its folder figures holds NAME.svg.
        figures: Names of the figures to show.
        home: Where the page will be.

    Returns:
        The page.
    """
    manifest = record.manifest
    page, spell = directory / "report.html", speller(manifest)
    page.write_text(
        template("sweep/sweep.html").render(
            name=f"{len(manifest['encoders'])} encoders",
            headline=sweep_headline(record),
            figures=[figure_entry(directory / "figures", name) for name in figures],
            several_q=record.claims["q"].nunique() > 1,
            family=plain(manifest["family"]),
            general=[spell(item["warning"]) for item in manifest["warnings"] if item["all"]],
            particular=[item | {"warning": spell(item["warning"])} for item in manifest["warnings"] if not item["all"]],
            encoders=[_encoder(encoder, _runs(manifest, encoder["name"], home)) for encoder in manifest["encoders"]],
            claims=_claims(record),
            verdicts=VERDICTS,
            assumption=assumption_grid(record),
            gap=gap_grid(record),
            computation_facts=_facts(record),
            version=manifest.get("boundcheck", ""),
        ),
        encoding="utf-8",
    )
    return page


def sweep_html(record: SweepRecord) -> str:
    """The headline and the claims that do not hold everywhere as an HTML fragment for a notebook.

    Args:
        record: The sweep.
    """
    table = symbol_grid(record)
    shown = table.to_html(index=False) if len(table.columns) > 2 else ""
    return template("sweep/summary.html").render(headline=sweep_headline(record), table=shown)


def _claims(record: SweepRecord) -> list[dict[str, Any]]:
    return [
        {
            "id": name,
            "title": entry.get("title") or name,
            "statement": math_svg(str(entry["statement"])) if entry.get("statement") else "",
            "source": entry.get("source") or "",
            "kind": entry.get("kind") or "",
            "kind_means": KIND.get(entry.get("kind", ""), ""),
            "premise": entry.get("premise") or "",
        }
        for name, entry in record.manifest["catalogue"].items()
    ]


def _encoder(encoder: dict[str, Any], runs: list[tuple[str, str]]) -> dict[str, Any]:
    data, checkpoint = encoder["data"], encoder["checkpoint"] or {}
    return {
        "name": encoder["name"],
        "file": encoder["path"] or "",
        "data": str(data["name"]),
        "size": f"{plain(data['n'])} × {plain(data['v'])} × {plain(data['d'])}",
        "classes": plain(data["c"]),
        "sha256": str(checkpoint.get("sha256") or data["sha256"])[:16],
        "runs": runs,
    }


def _runs(manifest: Mapping[str, Any], encoder: str, home: Path) -> list[tuple[str, str]]:
    """The pages of an encoder's runs that are still there: (temperature, address from the sweep's own page)."""
    found = []
    for cell in manifest["cells"]:
        if cell.get("encoder") != encoder or not cell.get("run"):
            continue
        # where it was, and beside the sweep, which may have been moved together with its cells
        places = (Path(cell["run"]), home.parent / "cells" / Path(cell["run"]).name)
        page = next((place / "report.html" for place in places if (place / "report.html").is_file()), None)
        if page is not None:
            address = os.path.relpath(page.resolve(), home.resolve())
            found.append((f"τ = {cell['temperature']:g}", quote(Path(address).as_posix())))
    return found


def _facts(record: SweepRecord) -> list[tuple[str, str]]:
    """How the sweep was computed: enough to repeat it."""
    manifest = record.manifest
    config, cost, platform = manifest["config"], manifest["cost"], manifest["platform"]
    seconds, pairs = (sum(cell["cost"][key] for cell in manifest["cells"]) for key in ("wall_seconds", "pairs"))
    versions = {"boundcheck": manifest["boundcheck"], **manifest["versions"]}
    hardware = [platform.get("cpu"), f"{platform.get('cores')} cores", platform.get("gpu"), platform.get("system")]
    shown = ("hardening", "q", "positives", "self_pairs", "class_prior", "anchors", "confidence", "seed")
    return [
        ("Command", shlex.join(str(word) for word in manifest.get("command") or [])),
        ("Created", str(manifest["created"])),
        *((name.replace("_", " ").capitalize(), _listed(config.get(name))) for name in shown if config.get(name)),
        ("Estimators", _listed(sorted({cell["estimator"] for cell in manifest["cells"]}))),
        ("Cells", f"{cost['cells_computed']} computed, {cost['cells_reused']} read from earlier runs"),
        ("Cost", f"{seconds:.3g} s, {plain(pairs)} pairs, whenever a cell was computed"),
        ("Hardware", _listed([part for part in hardware if part])),
        ("Versions", _listed([f"{name} {version}" for name, version in versions.items()])),
    ]


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
