"""Facts of a run as (term, text) pairs: what was measured, and how it was computed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from boundcheck.report.format import plain
from boundcheck.report.words import q_label
from boundcheck.runs import Run

Facts = list[tuple[str, str]]


def data_facts(run: Run) -> Facts:
    """Key facts of the data and the encoder."""
    data, config = _part(run.manifest, "data"), _part(run.manifest, "config")
    counts = data.get("class_counts") or {}
    checkpoint = run.manifest.get("checkpoint") or {}
    return _present(
        ("Data", _joined([data.get("name"), _source(data.get("source"))])),
        ("Size", f"{plain(data.get('n'))} instances × {plain(data.get('v'))} views, {plain(data.get('d'))} dimensions"),
        ("Classes", f"{plain(data.get('c'))}: {_joined(f'{name} ({plain(n)})' for name, n in counts.items())}"),
        ("Anchors", f"{plain(data.get('anchors'))}{_left_out(data.get('anchors_without_partner'))}"),
        ("Encoder", checkpoint.get("path")),
        ("Embeddings", {True: "L2-normalised", False: "not normalised"}.get(data.get("normalized"))),  # type: ignore[arg-type]
        ("Temperature τ", config.get("temperature")),
        ("Q", _joined(q_label(float(q)) for q in config.get("q") or [])),
        ("Positives", config.get("positives")),
        ("Class prior", config.get("class_prior")),
        ("Self pairs", config.get("self_pairs")),
    )


def computation_facts(manifest: Mapping[str, Any]) -> Facts:
    """How a run was computed, from its manifest: enough to repeat it."""
    config, cost = _part(manifest, "config"), _part(manifest, "cost")
    platform, checkpoint = _part(manifest, "platform"), _part(manifest, "checkpoint")
    versions = {"boundcheck": manifest.get("boundcheck"), **_part(manifest, "versions")}
    return _present(
        ("Command", shlex.join(str(word) for word in manifest.get("command") or [])),
        ("Created", manifest.get("created")),
        ("Estimator", config.get("estimator")),
        ("Chosen because", _part(manifest, "choice").get("reason")),
        ("Betas chosen", (_part(manifest, "choice").get("betas") or {}).get("reason")),
        ("Confidence", config.get("confidence")),
        ("Seed", config.get("seed")),
        ("Device", _joined(word for word in (config.get("device"), config.get("precision")) if word != "auto")),
        ("Hardware", _joined([platform.get("cpu"), _unit(platform.get("cores"), "cores"),
                              _unit(platform.get("ram_gb"), "GB"), platform.get("gpu"), platform.get("system")])),
        ("Cost", _joined([_unit(cost.get("wall_seconds"), "s"), _unit(cost.get("pairs"), "pairs"),
                          _unit(cost.get("ns_per_pair"), "ns per pair"),
                          _unit(cost.get("peak_memory_gb"), "GB peak")])),
        ("Versions", _joined(f"{name} {version}" for name, version in versions.items())),
        ("Embeddings, SHA-256", _part(manifest, "data").get("sha256")),
        ("Checkpoint, SHA-256", checkpoint.get("sha256")),
    )  # fmt: skip


def _part(manifest: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = manifest.get(key) or {}
    return part


def _present(*pairs: tuple[str, object]) -> Facts:
    """The pairs that say something."""
    return [(term, str(text)) for term, text in pairs if text not in (None, "")]


def _joined(parts: Iterable[object]) -> str:
    return ", ".join(str(part) for part in parts if part not in (None, ""))


def _source(source: object) -> str:
    """Where the data came from: text, or those named parts that are short; the manifest has the rest."""
    if not isinstance(source, Mapping):
        return str(source or "")
    hidden = ("dataset", "source", "checkpoint", "seed")
    return _joined(
        f"{key} {value}"
        for key, value in source.items()
        if key not in hidden and isinstance(value, (str, int, float)) and 0 < len(str(value)) < 40
    )


def _unit(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    whole = float(value).is_integer() or abs(value) >= 1000
    return f"{value:,.0f} {unit}" if whole else f"{value:.3g} {unit}"


def _left_out(count: int | None) -> str:
    return f"; {plain(count)} left out of Assumption 1 for want of another instance of their class" if count else ""
