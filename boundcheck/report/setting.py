"""What was measured and how, in one sentence: for captions and for the methods of a paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from boundcheck.hardening import hardening_label
from boundcheck.report.words import q_label
from boundcheck.runs import Run

POSITIVES = {
    "augmentation": "the other views of the anchor's instance", "class": "the other instances of the anchor's class",
}  # fmt: skip


def setting_sentence(run: Run) -> str:
    """Data, n, views, classes; temperature, Q, betas, positives; what the manifest lacks is left out."""
    data, config = run.manifest.get("data", {}), run.manifest.get("config", {})
    parts = [str(data.get("name") or ""), size(run)]
    parts += [f"temperature τ = {config['temperature']:g}"] if "temperature" in config else []
    parts += [f"Q = {numbers(config['q'])}"] if config.get("q") else []
    parts += [f"β ∈ {{{numbers(config['betas'])}}}"] if config.get("betas") else []
    parts += [f"hardening: {', '.join(others)}"] if (others := other_hardenings(config)) else []
    positives = config.get("positives")
    parts += [f"positives: {POSITIVES.get(positives, positives)}"] if positives else []
    said = "; ".join(part for part in parts if part)
    return f"Data: {said}." if said else ""


def size(run: Run) -> str:
    """`n = 597 instances in 2 views, 10 classes`."""
    data = run.manifest.get("data", {})
    if "n" not in data:
        return ""
    views = f" in {data['v']} views" if data.get("v", 1) > 1 else ""
    return f"n = {data['n']:,} instances{views}, {data['c']} classes"


def other_hardenings(config: Mapping[str, Any]) -> list[str]:
    """Those that are no power of e^t, as tables write them."""
    return [hardening_label(name, math.nan) for name in config.get("hardening", ()) if name not in ("exp", "constant")]


def numbers(values: list[float]) -> str:
    """`0.5, 1, 2`."""
    return ", ".join(q_label(float(value)) for value in values)
