"""`betas="auto"`: the largest tilt that leaves enough effective instances, by the guard that withholds verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.cli import main
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.hardness import SERIES, propose_betas
from boundcheck.estimators.reliability import LEAST_ESS
from boundcheck.spec import Variant


@pytest.fixture(scope="module")
def sample() -> EmbeddingSet:
    return bc.parse_population("vmf:classes=4,dim=8,kappa=6,n=120,views=2").sample(0)


def least(emb: EmbeddingSet, beta: float, temperature: float = 0.5) -> float:
    """The fewest effective instances of a loss at one beta."""
    frame = bc.estimate(emb, betas=[beta], temperature=temperature).to_frame()
    return float(frame["ess"].min())


@pytest.mark.parametrize("temperature", [0.2, 0.5])
def test_the_largest_beta_leaves_enough_and_a_larger_one_does_not(sample: EmbeddingSet, temperature: float) -> None:
    found = propose_betas(sample, Variant(temperature=temperature))
    assert least(sample, found.largest, temperature) >= LEAST_ESS
    assert least(sample, found.largest * 1.11, temperature) < LEAST_ESS  # two digits and a grid of 1/64 of the step
    assert found.betas[-1] == found.largest and list(found.betas) == sorted(found.betas)
    assert f"betas up to {found.largest:g}" in found.reason


def test_what_lies_between_is_looked_at_in_even_steps(sample: EmbeddingSet) -> None:
    """Eighths of the step that holds the largest beta, then eighths of one of those, from the first to the last."""
    found = propose_betas(sample, Variant(temperature=0.5))
    low = max(beta for beta in SERIES if beta <= found.largest)
    high = min(beta for beta in SERIES if beta > found.largest)
    eighths = {low + (high - low) * i / 8 for i in range(1, 8)}
    assert eighths <= set(found.ess)


def test_below_the_series_a_half_of_the_largest_beta_goes_with_it(sample: EmbeddingSet) -> None:
    betas = propose_betas(sample, Variant(temperature=0.14)).betas
    assert len(betas) == 2 and betas[1] < SERIES[0]
    assert betas[0] == pytest.approx(betas[1] / 2, rel=0.1)  # two digits


def test_the_temperature_proposed_leaves_as_many_at_the_usual_largest_beta(sample: EmbeddingSet) -> None:
    reason = propose_betas(sample, Variant(temperature=0.5)).reason
    warmer = float(reason.partition("a temperature of about ")[2].split()[0])
    assert least(sample, 10.0, warmer) == pytest.approx(LEAST_ESS, rel=0.25)
    assert least(sample, 10.0, 0.8 * warmer) < LEAST_ESS


def test_verify_takes_them_and_says_why(sample: EmbeddingSet) -> None:
    found = bc.verify(sample, betas="auto", hardening=["exp", "threshold:0.5"], claims="hscl_le_hucl", null=False).run
    chosen = found.manifest["choice"]["betas"]
    assert found.manifest["config"]["betas"][-1] == chosen["largest"]
    assert found.manifest["config"]["hardening"] == ["exp", "threshold:0.5"]
    exponential = found.losses[found.losses["hardening"] == "exp"]
    assert (exponential["ess"] >= LEAST_ESS).all()
    shown = {entry["beta"]: entry["ess"] for entry in chosen["ess"]}
    least_at_one = exponential[exponential["beta"] == 1.0]["ess"].min()
    assert shown[1.0] == pytest.approx(least_at_one)


@pytest.mark.slow
def test_sampled_anchors_keep_a_margin() -> None:
    emb = bc.parse_population("vmf:classes=3,dim=6,kappa=4,n=1300,views=2").sample(1)
    found = propose_betas(emb, Variant(temperature=0.5))
    assert least(emb, found.largest) >= LEAST_ESS


def test_what_has_no_sample_or_no_tilt_is_refused(sample: EmbeddingSet) -> None:
    with pytest.raises(InputError, match="received self_pairs 'include'"):
        bc.verify(sample, betas="auto", self_pairs="include")
    with pytest.raises(InputError, match="a population, which has none"):
        bc.verify("vmf:kappa=20", betas="auto")
    with pytest.raises(InputError, match="received others alone; name exp"):
        bc.verify(sample, betas="auto", hardening="threshold:0.5")
    with pytest.raises(InputError, match="effective instances at an anchor without any tilt"):
        bc.verify(sample, betas="auto", temperature=0.01)
    for verb in (bc.estimate, lambda emb, **options: bc.sweep({"a": emb}, **options)):
        with pytest.raises(InputError, match="betas: auto is for one embedding set, in verify"):
            verb(sample, betas="auto")


def test_the_command_says_what_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("boundcheck.report.write_report", lambda *_: None)
    line = [
        "verify",
        "--population",
        "vmf:classes=4,dim=8,kappa=6,n=120,views=2",
        "--claims",
        "hscl_le_hucl",
        "--no-null",
    ]
    assert main([*line, "--betas", "auto", "--quiet", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    reason = document["manifest"]["choice"]["betas"]["reason"]
    assert reason in document["notes"] and document["manifest"]["options"]["betas"] == "auto"
    assert np.isfinite(document["manifest"]["choice"]["betas"]["largest"])
    assert main([*line, "--betas", "auto,1"]) == 2
    assert "--betas: expected a finite number >= 0, received 'auto'" in capsys.readouterr().err
