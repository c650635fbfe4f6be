"""A search's report as one self-contained HTML page, of the same parts as a run's."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boundcheck.hardening import hardening_label
from boundcheck.report.facts import Facts, computation_facts
from boundcheck.report.format import number, percent, plain
from boundcheck.report.mathsvg import math_svg
from boundcheck.report.page import template
from boundcheck.report.search.drawing import gaps_svg, points_svg
from boundcheck.report.search.record import SearchRecord
from boundcheck.report.setting import other_hardenings
from boundcheck.report.words import KIND, plural, q_label

FEW = 8  # views whose inner products are worth a table


def write_search_page(record: SearchRecord, directory: Path) -> Path:
    """Write report.html.

    Args:
        record: The search.
        directory: Where.

    Returns:
        The page.
    """
    manifest, effort = record.manifest, record.manifest["effort"]
    found = record.z is not None
    entry = manifest["catalogue"].get(manifest["claim"], {})
    drawing, share = points_svg(record.z, record.labels) if record.z is not None else ("", 1.0)
    page = directory / "report.html"
    page.write_text(
        template("search/search.html").render(
            name=manifest["claim"],
            found=found,
            headline=_headline(manifest, entry),
            meaning=manifest["result"]["meaning"] if found else _nothing(manifest),
            claim=_claim(manifest["claim"], entry),
            numbers=_numbers(manifest) if found else [],
            points=drawing,
            plane=_plane(record.z, share) if record.z is not None else "",
            cosines=_cosines(record),
            restarts=gaps_svg(effort.get("least_gaps") or [], found),
            effort=_effort(effort),
            searched=_searched(manifest),
            download=_download(record) if found else "",
            computation_facts=computation_facts(manifest),
            version=manifest.get("boundcheck", ""),
        ),
        encoding="utf-8",
    )
    return page


def _headline(manifest: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    of = "the premise of " if manifest["config"]["premise"] == "fail" else ""
    name = f"{of}“{entry.get('title') or manifest['claim']}”"
    if not manifest.get("found"):
        return f"No counterexample to {name} was found."
    result = manifest["result"]
    beta = math.nan if result["beta"] is None else float(result["beta"])
    where = [hardening_label(result["hardening"], beta)] if result["hardening"] else []
    where += [f"Q = {q_label(float(result['q']))}"] if result["q"] is not None else []
    at = f", at {', '.join(where)}" if where else ""
    return f"A counterexample to {name}{at}: {plural(manifest['data']['n'], 'point')}."


def _nothing(manifest: Mapping[str, Any]) -> str:
    within = {
        "free": "", "hold": " Only configurations whose premise holds at every anchor counted.",
        "fail": " The premise never failed.",
    }[manifest["config"]["premise"]]  # fmt: skip
    return f"This is the effort spent, not a proof: another seed or a longer search may find one.{within}"


def _claim(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(entry.get("kind") or "")
    return {
        "id": name,
        "title": entry.get("title") or name,
        "statement": math_svg(str(entry["statement"])) if entry.get("statement") else "",
        "source": entry.get("source") or "",
        "premise": entry.get("premise") or "",
        "kind": kind,
        "kind_means": KIND.get(kind, ""),
    }


def _numbers(manifest: Mapping[str, Any]) -> Facts:
    """The inequality at the points, and what vouches for it."""
    result, proof, data = manifest["result"], manifest["certificate"], manifest["data"]
    name = "Mean slack of the premise" if manifest["config"]["premise"] == "fail" else "Gap, right less left"
    total = data["n"] * data["v"]
    left_out = total - proof["anchors"]
    premise = result["premise_share"]
    return [
        ("Left side", _nats(result["lhs"])),
        ("Right side", _nats(result["rhs"])),
        (name, f"{_nats(proof['gap'])} at {proof['digits']} digits, error at most {proof['error_bound']:.0e}"),
        ("The same in float64", _nats(proof["float64_gap"])),
        ("Confirmed", "by both evaluations" if proof["confirmed"] else "no: please report it"),
        *([("Premise met", f"{percent(premise)} of anchors")] if premise is not None else []),
        *(
            [("Left out", f"{left_out} of {plural(total, 'anchor')}, without a positive or other class")]
            if left_out
            else []
        ),
        ("Classes", ", ".join(f"{name} ({n})" for name, n in data["class_counts"].items())),
        ("Points before shrinking", plain(data["points_before_shrinking"])),
    ]


def _nats(value: float) -> str:
    return f"{value:.6f} nats".replace("-", "−")


def _plane(z: np.ndarray, share: float) -> str:
    if z.shape[-1] == 2:
        return "The points as they are, on the unit circle."
    said = (
        f"The two leading of {z.shape[-1]} directions, with {100 * share:.0f} % of the squared length; the unit circle."
    )
    return f"{said} Point at a mark for the nearest points."


def _cosines(record: SearchRecord) -> pd.DataFrame | None:
    """All that the losses depend on, where it fits a table."""
    if record.z is None or record.z.shape[0] * record.z.shape[1] > FEW:
        return None
    flat = record.z.reshape(-1, record.z.shape[-1])
    names = [f"{i + 1} (class {name})" for i, name in enumerate(np.repeat(list(record.labels), record.z.shape[1]))]
    cells = [[f"{value:.3f}" for value in row] for row in flat @ flat.T]
    table = pd.DataFrame(cells, columns=names, dtype=str)
    table.insert(0, "Point", names)
    return table


def _effort(effort: Mapping[str, Any]) -> str:
    least = effort["least_gap"]
    reached = "the claim applied to none of the configurations tried"
    if least is not None:
        reached = f"the least gap reached is {number(float(least))} nats"
    spent = f"{plural(effort['restarts'], 'restart')}, {effort['steps']:,} gradient steps, {effort['seconds']:.1f} s"
    return f"{spent}; {reached}."


def _searched(manifest: Mapping[str, Any]) -> Facts:
    config = manifest["config"]
    views = f" in {config['views']} views" if config["views"] > 1 else ""
    tilts = ", ".join(f"{beta:g}" for beta in config["betas"])
    return [
        ("Start", f"{config['points']} points{views} of {config['classes']} classes in {config['dim']} dimensions"),
        ("Temperature τ", f"{config['temperature']:g}"),
        *([("β", tilts)] if tilts else []),
        *([("Hardening", ", ".join(others))] if (others := other_hardenings(config)) else []),
        ("Q", ", ".join(q_label(float(q)) for q in config["q"])),
        ("Premise", {"free": "free", "hold": "must hold", "fail": "must fail"}[config["premise"]]),
        ("Statement about", str(manifest["variant"])),
        ("Budget", f"{config['seconds']:g} s"),
    ]


def _download(record: SearchRecord) -> str:
    """The points as a CSV file within the page: its data: address."""
    assert record.z is not None
    n, v, d = record.z.shape
    frame = pd.DataFrame(record.z.reshape(n * v, d), columns=[f"z{i + 1}" for i in range(d)])
    frame.insert(0, "view", np.tile(np.arange(v), n))
    frame.insert(0, "label", np.repeat(list(record.labels), v))
    return f"data:text/csv;base64,{b64encode(frame.to_csv(index=False).encode()).decode()}"
