"""run.json: what made the numbers, and what a reader must be warned of."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.claims import CLAIMS
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import estimate
from boundcheck.manifest import hardware, peak_memory_gb, warnings_of
from tests.claims.designs import clusters, confusable_few, polygon
from tests.oracles.closed_forms import collapsed


def warned(emb: EmbeddingSet, **options: Any) -> str:
    return "\n".join(warnings_of(estimate(emb, **({"betas": [1]} | options))))


def roomy() -> EmbeddingSet:
    """Enough points, and close enough, that nothing need be warned of."""
    return clusters(per_class=60, spread=0.6)


def test_says_what_made_the_numbers() -> None:
    emb = EmbeddingSet(clusters().z, clusters().y, meta={"dataset": "digits", "checkpoint": "runs/a/encoder.pt"})
    manifest = bc.verify(
        emb, temperature=0.4, betas=[1, 5], hardening=["exp", "poly:2"], q=[1, math.inf], claims="scl_le_ucl", seed=7
    ).run.manifest
    assert set(manifest) == {
        *(
            "boundcheck",
            "command",
            "created",
            "config",
            "seed",
            "processes",
            "threads",
            "versions",
            "platform",
            "data",
            "checkpoint",
        ),
        *("cost", "crossing", "duplicates", "null", "collapse", "warnings", "catalogue", "choice"),
    }
    assert manifest["config"] == {
        "temperature": 0.4,
        "betas": [1.0, 5.0],
        "hardening": ["exp", "poly:2"],
        "q": [1.0, math.inf],
        "positives": "augmentation",
        "self_pairs": "exclude",
        "class_prior": "empirical",
        "design": "fixed",
        "losses": ["ucl", "hucl", "scl", "hscl"],
        "claims": ["scl_le_ucl"],
        "estimator": "exact",
        "until_decided": False,
        "anchors": None,
        "negatives": [],
        "confidence": 0.95,
        "duplicates": "keep",
        "null": True,
        "configurations": "cheap",
        "design_assumed": True,
        "seed": 7,
        "device": "auto",
        "precision": "auto",
    }
    assert manifest["processes"] == 1
    data = manifest["data"]
    assert (data["name"], data["n"], data["v"], data["d"], data["c"]) == ("digits", 36, 2, 5, 3)
    assert data["sha256"] == emb.digest and data["class_counts"] == {"0": 12, "1": 12, "2": 12}
    assert data["anchors"] == 72 and data["anchors_without_partner"] == 0
    assert manifest["checkpoint"]["path"] == "runs/a/encoder.pt"
    assert {"python", "torch", "numpy", "scipy", "pandas"} <= set(manifest["versions"])
    cost = manifest["cost"]
    assert cost["plans"] >= 1 and cost["passes"] >= 2
    assert cost["pairs"] >= 72**2 and cost["wall_seconds"] > 0 and cost["ns_per_pair"] > 0
    assert datetime.fromisoformat(manifest["created"]).tzinfo is not None
    assert set(manifest["catalogue"]) == {"scl_le_ucl"}
    assert manifest["catalogue"]["scl_le_ucl"]["source"] == CLAIMS["scl_le_ucl"].source


@pytest.mark.slow
def test_is_strict_json_once_saved(tmp_path: Path) -> None:
    bc.verify(clusters(), betas=[1], q=[math.inf]).save(tmp_path / "run")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    manifest = json.loads((tmp_path / "run" / "run.json").read_text(), parse_constant=refuse)
    assert manifest["config"]["q"] == ["inf"]


@pytest.mark.slow
def test_crossing_is_stated_for_every_q() -> None:
    crossing = bc.verify(polygon(), betas=[1], q=[1, 2]).run.manifest["crossing"]
    assert [entry["q"] for entry in crossing] == [1, 2]
    assert all(entry["beta"] > 0 and "reaches UCL" in entry["note"] for entry in crossing)
    z, y = collapsed(3, 4, 2)
    (never,) = bc.verify(EmbeddingSet(z, y), betas=[1]).run.manifest["crossing"]
    assert never["beta"] is None and "stays below UCL" in never["note"]


def test_nothing_to_warn_of() -> None:
    assert warned(roomy(), betas=[0.5], temperature=1.0) == ""


def test_few_instances() -> None:
    assert warned(roomy().subset(np.arange(90)), betas=[0.5], temperature=1.0).startswith("90 instances: intervals")
    assert "asymptotic" not in warned(roomy().subset(np.arange(90)), self_pairs="include")


def test_a_loss_that_is_not_to_be_relied_on_is_named_with_its_reason_and_a_remedy() -> None:
    table = estimate(roomy(), betas=[0.5, 60], temperature=0.5)
    doubted = [key for key in table.keys if table.doubt((key,)) is not None]
    assert {(key.loss.id, key.hardening.beta) for key in doubted} == {("hucl", 60), ("hscl", 60)}
    said = [warning for warning in warnings_of(table) if warning.startswith("not to be relied on: ")]
    text = "\n".join(said)
    for key in doubted:
        doubt = table.doubt((key,))
        assert doubt is not None and "effective instances at an anchor" in doubt.reason
        assert f"{key.loss.title} (β = 60, Q = 1)" in text
        assert f"{doubt.reason} What would help: {doubt.remedy}." in text
        assert "instances" in doubt.remedy and "or β = 0.5, where" in doubt.remedy
    assert "β = 0.5, Q" not in text


def test_losses_doubted_for_one_reason_share_a_warning() -> None:
    z = 1 + 1e-3 * np.random.default_rng(0).standard_normal((100, 1, 4))
    said = [w for w in warnings_of(estimate(EmbeddingSet(z, np.arange(100) % 2), betas=[1])) if "relied on" in w]
    assert len(said) == 1 and "The encoder has collapsed" in said[0]
    assert all(name in said[0] for name in ("UCL (η = 1", "SCL (η = 1", "H-UCL (β = 1", "H-SCL (β = 1"))


def test_anchors_without_partner() -> None:
    emb = roomy().subset(np.arange(121))  # one instance is left of the last class
    said = "2 anchors have no other instance of their class: Assumption 1 is undefined there"
    assert said in warned(emb) and "so do the losses" not in warned(emb)
    single = EmbeddingSet(emb.z[:, 0], emb.y)
    assert "1 anchors have no other" in warned(single) and "so do the losses" in warned(single)
    assert "no other instance" not in warned(emb, self_pairs="include")


def test_imbalance_unless_the_prior_is_balanced() -> None:
    emb = roomy().subset(np.arange(135))
    assert "classes are imbalanced (15 to 60 instances)" in warned(emb)
    assert "imbalanced" not in warned(emb, class_prior="balanced")
    assert "imbalanced" not in warned(roomy().subset(np.arange(150)))  # at most twice is not called imbalance


def test_duplicates_are_counted() -> None:
    z = roomy().z.copy()
    z[5] = z[9] = z[3]
    y = roomy().y.copy()
    y[[3, 5, 9]] = y[3]
    assert "2 inputs have the same embedding as an earlier one; each counts" in warned(EmbeddingSet(z, y))
    y[9] = y[y != y[3]][0]
    assert "an earlier one, 1 of them as one of another class; each counts" in warned(EmbeddingSet(z, y))


def test_norms_finite_k_and_self_pairs() -> None:
    emb = roomy()
    assert "not of unit norm" in warned(EmbeddingSet(2 * emb.z, emb.y, normalize=False))
    assert "k = 6 negatives; the theorems are about the limit" in warned(emb, negatives=6)
    assert "taken as the population" in warned(emb, self_pairs="include")


def test_a_tilt_out_of_reach_is_said() -> None:
    text = warned(confusable_few(), hardening=["threshold:0.4"], temperature=0.1)
    assert (
        "threshold 0.4: no other-class candidate passes at 80 of 104 anchors; H-SCL is averaged over the rest" in text
    )


def test_without_intervals_nothing_is_doubted() -> None:
    assert "relied on" in warned(clusters(), betas=[60])
    assert "relied on" not in warned(clusters(), betas=[60], intervals=False)


@pytest.mark.parametrize("key", ["system", "cpu", "cores", "ram_gb", "gpu"])
def test_hardware_is_named(key: str) -> None:
    assert key in hardware() and hardware()["cores"] >= 1 and hardware()["ram_gb"] > 0


def test_peak_memory_is_in_gigabytes() -> None:
    assert 0.05 < peak_memory_gb() < 1000


def test_a_variance_that_rests_on_one_instance_names_it() -> None:
    emb = roomy()
    z, y = emb.z.copy(), emb.y.copy()
    assert "of the variance" not in warned(emb, betas=[1])
    z[7] = emb.z[y == 1].mean(0)  # amid another class
    text = warned(EmbeddingSet(z, y), betas=[1, 10])
    about = re.search(r"one instance, 7, carries more than 50% of the variance of (.*): the intervals", text)
    assert about is not None and "H-SCL (β = 10, Q = 1: " in about[1]
    assert "UCL (η = 1" not in about[1]
