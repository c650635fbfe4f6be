from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest

from boundcheck.report.overview import overview
from boundcheck.report.words import hardening_label, headline, q_label, reading
from boundcheck.runs import Run

Factory = Callable[..., Run]


def with_claims(run: Run, **columns: object) -> Run:
    return Run(run.losses, run.claims.assign(**columns), run.assumption, run.anchors, run.hardest, run.manifest)


@pytest.mark.parametrize(
    ("kind", "verdict", "premise", "said"),
    [
        ("theorem", "violated", 0.9, "premise fails, no contradiction"),
        ("theorem", "violated", 1.0, "contradicts the claim"),
        ("theorem", "violated", math.nan, "contradicts the claim"),
        ("exact", "violated", math.nan, "contradicts the claim"),
        ("scenario", "violated", math.nan, "scenario does not occur"),
        ("theorem", "holds", 0.1, ""),
        ("theorem", "inapplicable", math.nan, ""),
    ],
)
def test_a_violation_says_whether_it_contradicts(kind: str, verdict: str, premise: float, said: str) -> None:
    assert reading(kind, verdict, premise) == said


def test_headline_when_all_hold(run: Run) -> None:
    said = headline(with_claims(run, verdict="holds"))
    assert said.startswith("The theory holds on this encoder: all 4 claims tested hold")
    assert "Assumption 1" in said


def test_headline_when_a_theorem_is_contradicted(run: Run) -> None:
    said = headline(with_claims(run, verdict="violated", premise_share=1.0))
    assert said.startswith("3 of the 4 claims tested on this encoder are contradicted: H-SCL never exceeds H-UCL;")


def test_headline_when_only_premises_fail(factory: Factory) -> None:
    said = headline(factory(premise=0.4))
    assert said.startswith("Nothing here contradicts the theory: 2 of the 4 claims tested hold")
    assert "2 fail at some (H-SCL never exceeds H-UCL; hard enough H-SCL bounds UCL)" in said


def test_headline_when_nothing_is_decided(run: Run) -> None:
    assert "4 cannot be decided from this sample" in headline(with_claims(run, verdict="undecided"))


def test_headline_when_nothing_applies(run: Run) -> None:
    assert headline(with_claims(run, verdict="inapplicable")).startswith("No claim of the theory applies")


def test_overview_takes_the_gravest_over_q(factory: Factory) -> None:
    run = factory(betas=[1.0, 5.0], qs=[1.0, 2.0])
    columns, lines = overview(with_claims(run, verdict=["holds", "holds", "undecided", "violated"] * 4))
    assert columns == ["β = 1", "β = 5"]
    assert [[mark.verdict for mark in marks if mark] for _, marks in lines] == [["undecided", "violated"]] * 4


def test_overview_leaves_untested_cells_empty(run: Run) -> None:
    kept = run.claims[(run.claims["claim"] != "hucl_ge_ucl") | (run.claims["beta"] == 5)]
    _, lines = overview(Run(run.losses, kept, run.assumption, run.anchors, run.hardest, run.manifest))
    assert [mark is not None for mark in dict(lines)["tilting never lowers H-UCL"]] == [False] * 3 + [True, False]


def test_overview_orders_hardenings(factory: Factory) -> None:
    run = factory(betas=[10.0, 2.0], others=["threshold:0.5"])
    extra = run.claims.head(3).assign(hardening=["exp", "", "constant"], beta=[math.inf, math.nan, math.nan])
    claims = pd.concat([run.claims, extra])
    columns, _ = overview(Run(run.losses, claims, run.assumption, run.anchors, run.hardest, run.manifest))
    assert columns == ["η = 1", "β = 2", "β = 10", "β = ∞", "threshold 0.5", "overall"]


def test_labels() -> None:
    assert hardening_label("exp", 0.5) == "β = 0.5"
    assert hardening_label("exp", math.inf) == "β = ∞"
    assert hardening_label("constant", math.nan) == "η = 1"
    assert hardening_label("threshold:0.5", math.nan) == "threshold 0.5"
    assert hardening_label("poly:2", math.nan) == "power 2"
    assert [q_label(q) for q in (1.0, math.inf, math.nan)] == ["1", "∞", "–"]
