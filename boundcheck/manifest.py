"""The manifest of a run: what made these numbers, on what, and what a reader must be warned of."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

from boundcheck.claims import Claim
from boundcheck.embeddings.set import UNLABELLED, EmbeddingSet
from boundcheck.estimators.critical_beta import crossing_interval
from boundcheck.estimators.permutation import PERMUTATIONS
from boundcheck.estimators.records import LossTable
from boundcheck.estimators.reliability import collapse
from boundcheck.inference.intervals import HEAVY_INFLUENCE
from boundcheck.pairwise.plan import Tally
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.pools import DIFF, SAME

FEW_INSTANCES = 100


def manifest_of(
    losses: LossTable,
    config: Mapping[str, Any],
    crossing: Mapping[float, float],
    claims: Sequence[Claim],
    tally: Tally,
) -> dict[str, Any]:
    """Everything run.json holds but the command line."""
    emb = losses.emb
    return {
        **environment(),
        "command": [],
        "config": dict(config),
        "seed": config["seed"],
        "threads": torch.get_num_threads(),
        "processes": emb.ring.ranks.size if isinstance(emb, ShardedEmbeddings) else 1,
        "data": {
            "name": emb.meta.get("dataset", emb.meta.get("source", "embeddings")),
            "sha256": emb.digest,
            "n": emb.n,
            "v": emb.v,
            "d": emb.d,
            "c": emb.c,
            "class_counts": dict(zip(emb.classes, emb.class_counts.tolist(), strict=True)),
            "normalized": emb.normalize,
            "anchors": len(losses.table.anchors),
            "anchors_without_partner": _without_partner(losses),
            "source": dict(emb.meta),
        },
        "checkpoint": _checkpoint(emb.meta),
        "cost": {
            "wall_seconds": losses.cost.seconds,
            "pairs": losses.cost.pairs,
            "passes": tally.passes,
            "plans": tally.plans,
            "ns_per_pair": losses.cost.ns_per_pair,
            "peak_memory_gb": peak_memory_gb(),
        },
        "crossing": [_crossing(losses, q, beta, config["confidence"]) for q, beta in crossing.items()],
        "duplicates": _duplicates(losses),
        "null": [
            {"hardening": h.label, "q": q, "mean": null.mean, "se": null.se, "permutations": PERMUTATIONS}
            for (h, q), null in losses.null.items()
        ],
        "collapse": collapse(losses),
        "warnings": warnings_of(losses),
        "catalogue": catalogue(claims),
    }


def environment() -> dict[str, Any]:
    """The versions and the machine behind a run's numbers, and when they were made."""
    return {
        "boundcheck": importlib.metadata.version("boundcheck"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("torch", "numpy", "scipy", "pandas")},
        "platform": hardware(),
    }


def catalogue(claims: Sequence[Claim]) -> dict[str, dict[str, str]]:
    """What a reader must know of each claim, by id."""
    fields = ("title", "statement", "source", "kind", "premise", "unit")
    return {claim.id: {field: str(getattr(claim, field)) for field in fields} for claim in claims}


def _checkpoint(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which encoder made the embeddings, where `extract` recorded it."""
    if "checkpoint" not in meta:
        return None
    return {"path": meta["checkpoint"], "sha256": meta.get("checkpoint_sha256")}


def _crossing(losses: LossTable, q: float, beta: float, confidence: float) -> dict[str, Any]:
    """Where the averaged losses cross: on these data, and the interval for the population."""
    low, high = crossing_interval(losses, q, beta, confidence)

    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {"q": q, "beta": finite(beta), "ci_low": finite(low), "ci_high": finite(high), "note": _note(beta)}


def _note(beta: float) -> str:
    if math.isinf(beta):
        return "on the pairs of this sample even the worst-case loss stays below UCL"
    return "averaged H-SCL reaches UCL (plug-in)"


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and accelerator."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else math.nan
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cpu": cpu,
        "cores": os.cpu_count(),
        "ram_gb": round(memory, 1),
        "gpu": gpu,
    }


def peak_memory_gb() -> float:
    """Peak resident memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def _without_partner(losses: LossTable) -> int:
    return int((losses.table.largest_logit(SAME) == -torch.inf).sum())


def _duplicates(losses: LossTable) -> dict[str, Any] | None:
    """Near-duplicates, with what dropping all but one of each and grouping them does to each loss."""
    found = losses.duplicates
    if found is None or losses.dropped is None:
        return None
    alone, grouped = replace(losses, clusters=None), replace(losses, clusters=torch.from_numpy(found.cluster))
    effects = [
        {
            "loss": key.loss.id,
            "hardening": key.hardening.label,
            "q": key.q,
            "plugin": losses.loss(key).plugin,
            "plugin_dropped": float(losses.dropped[f]),
            "se": alone.loss(key).se,
            "se_grouped": grouped.loss(key).se,
        }
        for f, key in enumerate(losses.keys)
    ]
    sizes = found.sizes
    return {
        "cosine": found.cosine,
        "instances": found.instances,
        "clusters": len(sizes),
        "largest": int(sizes.max()),
        "effects": effects,
    }


def _doubts(losses: LossTable) -> list[str]:
    """The losses that are not to be relied on, and why: one warning a reason."""
    said: dict[str, list[str]] = {}
    for key in losses.keys:
        if (doubt := losses.doubt((key,))) is not None:
            name = f"{key.loss.title} ({key.hardening.label}, Q = {key.q:g})"
            said.setdefault(f"{doubt.reason} What would help: {doubt.remedy}.", []).append(name)
    return [f"not to be relied on: {', '.join(names)}. {reason}" for reason, names in said.items()]


def _heavy_influences(losses: LossTable) -> list[str]:
    """The losses whose variance rests on one instance: one warning an instance."""
    resting: dict[str, list[str]] = {}
    for key in losses.keys:
        estimate = losses.loss(key)
        if estimate.heavy:
            name = f"{key.loss.title} ({key.hardening.label}, Q = {key.q:g}: {estimate.top_share:.0%})"
            resting.setdefault(losses.most_influential(key), []).append(name)
    return [
        f"one instance, {instance}, carries more than {HEAVY_INFLUENCE:.0%} of the variance of {', '.join(names)}: "
        "the intervals may cover less than they say"
        for instance, names in resting.items()
    ]


def _copies(emb: EmbeddingSet) -> tuple[int, int]:
    """Inputs with the embedding of an earlier one, and those of another class than the first with it."""
    _, code, times = np.unique(emb.z[:, 0].max(1), return_inverse=True, return_counts=True)
    first: dict[bytes, int] = {}
    label = np.arange(emb.n)
    for i in np.flatnonzero(times[code] > 1).tolist():  # copies have the same largest entry, and few others have
        label[i] = first.setdefault(blake2b(emb.z[i], digest_size=16).digest(), i)
    return int((label != np.arange(emb.n)).sum()), int((emb.y[label] != emb.y).sum())


def warnings_of(losses: LossTable) -> list[str]:
    """What limits the numbers: few effective instances, a variance that rests on one instance, anchors left out,
    imbalance, duplicates, finite k."""
    emb, variant = losses.emb, losses.variant
    warnings = []
    if emb.n < FEW_INSTANCES and not losses.exhaustive:
        warnings.append(f"{emb.n} instances: intervals are asymptotic and too narrow for so few")
    if not emb.labelled:
        warnings.append(
            "the data have no labels: UCL and H-UCL alone are estimated, and nothing is said of classes; the one class "
            f"in the tables, '{UNLABELLED}', stands for all instances"
        )
    for h, summary in losses.margins.items() if emb.labelled else ():
        name = h.label
        if empty := int(torch.isnan(losses.table.rho(DIFF, h)).sum()):
            warnings.append(
                f"{name}: no other-class candidate passes at {empty} of {len(summary.margin)} anchors; "
                "H-SCL is averaged over the rest"
            )
    warnings += _doubts(losses)
    warnings += _heavy_influences(losses)
    if lonely := _without_partner(losses):
        warnings.append(
            f"{lonely} anchors have no other instance of their class: Assumption 1 is undefined there and its shares "
            "leave them out" + ("; so do the losses" if variant.positives == "class" and emb.v == 1 else "")
        )
    counts = emb.class_counts
    if counts.max() > 2 * counts.min() and variant.class_prior == "empirical":
        warnings.append(
            f"classes are imbalanced ({counts.min()} to {counts.max()} instances) and weigh as they come; "
            "class_prior='balanced' gives each the same weight"
        )
    copies, torn = _copies(emb)
    if copies:
        said = f", {torn} of them as one of another class" if torn else ""
        have = "input has" if copies == 1 else "inputs have"
        warnings.append(f"{copies} {have} the same embedding as an earlier one{said}; each counts")
    if losses.duplicates is not None:
        found = losses.duplicates
        clusters = "1 cluster" if len(found.sizes) == 1 else f"{len(found.sizes)} clusters"
        warnings.append(
            f"{found.instances} instances have a near-duplicate (cosine above {found.cosine:g}), in {clusters} "
            f"of up to {found.sizes.max()}; duplicates='drop' leaves one of each, 'group' takes a cluster for "
            "one draw"
        )
    if not emb.unit_norm:
        warnings.append("embeddings are not of unit norm: logits are inner products, not cosines")
    if isinstance(emb, ShardedEmbeddings) and losses.variant.self_pairs == "exclude":
        warnings.append(
            "on several processes near-duplicates, permuted labels and parts of the sample are not looked at: some "
            "verdicts may be withheld on one"
        )
    if losses.k is not None:
        warnings.append(f"losses are those of k = {losses.k} negatives; the theorems are about the limit")
    if losses.exhaustive:
        warnings.append("self pairs included: the data set is taken as the population, so nothing has sampling error")
    return warnings
