"""The sentences of a page, against numbers counted by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from boundcheck.lab.papers.findings import jiang2022_findings, jiang2024_findings
from boundcheck.lab.papers.results import Results
from boundcheck.lab.papers.summary import along_path
from boundcheck.lab.papers.wording import points

ENCODERS = [("scl", None), ("hscl", 1.0), ("hscl", 5.0)]
TOP1 = {("scl", None): (0.80, 0.81), ("hscl", 1.0): (0.82, 0.83), ("hscl", 5.0): (0.79, 0.82)}


def rows(values, **columns) -> pd.DataFrame:
    """One row per encoder and seed, from a function of them."""
    found = [
        {"dataset": "digits", "objective": o, "beta": b, "seed": seed, **columns, **values(o, b, seed)}
        for o, b in ENCODERS
        for seed in (0, 1)
    ]
    return pd.DataFrame(found).astype({"beta": float})


@pytest.fixture
def results() -> Results:
    empty = pd.DataFrame()
    # two epochs; the interval of H-SCL at 5 lies below zero at the second, that of SCL contains zero there
    ends = {"scl": (-0.1, 0.2), "hscl": (-0.2, -0.1)}
    gaps = pd.concat(
        [
            rows(lambda o, b, seed: {"estimate": 0.3, "ci_low": 0.2, "ci_high": 0.4}, epoch=1),
            rows(
                lambda o, b, seed: (
                    {"estimate": 0.1, "ci_low": 0.0, "ci_high": 0.2}
                    if b == 1
                    else {"estimate": sum(ends[o]) / 2, "ci_low": ends[o][0], "ci_high": ends[o][1]}
                ),
                epoch=2,
            ),
        ]
    ).assign(gap="hucl-hscl", loss_beta=5.0)
    return Results(
        accuracy=pd.concat(
            [
                rows(lambda o, b, seed: {"top1": TOP1[o, b][seed]}, probe=probe, features=features)
                for probe, features in (("linear", "backbone"), ("mean", "embedding"))
            ]
        ),
        gaps=gaps,
        assumption=pd.concat(
            [
                rows(lambda o, b, seed: {"share_holding": 0.9 + 0.01 * seed}, loss_beta=math.nan),
                rows(lambda o, b, seed: {"share_holding": 0.8 if b == 5 else 0.7}, loss_beta=5.0),
                rows(lambda o, b, seed: {"share_holding": 0.1}, loss_beta=math.inf),
            ]
        ),
        crossing=rows(lambda o, b, seed: {"crossing_beta": math.nan if b == 5 else 0.5 + 0.1 * seed}),
        geometry=rows(
            lambda o, b, seed: {"equal_cosine": 0.25 if b else 0.5, "dimensions": 9.0 if b else 4.0},
            split="train",
            epoch=2,
        ),
        spectrum=rows(lambda o, b, seed: {"value": 0.75}, split="train", epoch=2, index=2),
        **dict.fromkeys(("epochs", "tracking", "losses", "margins", "batch_losses", "failed"), empty),
    )


def test_jiang2022_in_sentences(results):
    accuracy, theorem, assumption, crossing = jiang2022_findings(results)
    assert "digits, H-SCL against SCL" in accuracy
    assert "β = 1: +2.00 points, ahead" in accuracy and "ahead in 2 of 2 seeds" in accuracy
    assert "β = 5: +0.00 [" in accuracy and "ahead in 1 of 2 seeds" in accuracy
    assert "of 12 measurements" in theorem
    assert "at or above zero in 8, contains zero in 2 and lies below it in 2: trained with" in theorem
    assert theorem.endswith("H-SCL, β = 5 at losses' β = 5 (2).")
    assert "90.5 % to 90.5 % at β = 0; 70 % to 80 % at β = 5 of" in assumption
    assert crossing.endswith("meet in 4 of 6 encoders, at β = 0.5 to 0.6.")


def test_jiang2024_in_sentences(results):
    cosine, dimensions, mean = jiang2024_findings(results)
    assert cosine.endswith("SCL 0.5; H-SCL, β = 1 0.25; H-SCL, β = 5 0.25.")
    assert dimensions.endswith("SCL 4; H-SCL, β = 1 9; H-SCL, β = 5 9.")
    assert "nearest class mean on embeddings" in mean and "β = 1: +2.00 points, ahead" in mean


def test_a_path_has_its_least_gap_and_counts(results):
    path = along_path(results.gaps, "hucl-hscl")
    assert path["least"].tolist() == pytest.approx([0.05, 0.1, -0.15])
    assert path["holding"].tolist() == [2, 4, 2]
    assert (path["measured"] == 4).all() and (path["seeds"] == 2).all()


def test_points_have_signs_and_an_interval_where_it_is_known():
    assert points(0.0066, -0.001, 0.0142) == "+0.66 [-0.10, +1.42]"
    assert points(-0.0099, math.nan, math.nan) == "-0.99"
