from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from boundcheck.hardening import hardening_label
from boundcheck.report.cautions import cautions
from boundcheck.report.claim_sections import claim_sections
from boundcheck.report.overview import overview
from boundcheck.report.spelling import as_flags, spelt
from boundcheck.report.text import summary_text
from boundcheck.report.words import (
    STOOD,
    claim_standing,
    counted,
    elsewhere,
    headline,
    not_tested,
    q_label,
    reading,
    rows_elsewhere,
    self_checks,
    to_decide,
    where,
)
from boundcheck.runs import Run, of_own
from boundcheck.verdicts import MET
from tests.report.conftest import CATALOGUE

Factory = Callable[..., Run]


def with_claims(run: Run, **columns: object) -> Run:
    return replace(run, claims=run.claims.assign(**columns))


def all_met(run: Run, **verdicts: str) -> Run:
    """Every claim met, but for the kinds given."""
    words = {**MET, **verdicts}
    return with_claims(run, verdict=run.claims["kind"].map(words), premise_share=1.0)


@pytest.mark.parametrize(
    ("kind", "verdict", "premise", "said"),
    [
        ("theorem", "violated", 0.9, "premise fails, no contradiction"),
        ("theorem", "violated", 1.0, "contradicts the theorem"),
        ("theorem", "violated", math.nan, "contradicts the theorem"),
        ("conjecture", "violated", 0.5, "counterexample to the conjecture"),
        ("exact", "fails", math.nan, "error in the computation"),
        ("scenario", "does not occur", math.nan, ""),
        ("theorem", "holds", 0.1, ""),
        ("theorem", "inapplicable", math.nan, ""),
    ],
)
def test_a_violation_says_whether_it_contradicts(kind: str, verdict: str, premise: float, said: str) -> None:
    assert reading(kind, verdict, premise) == said


@pytest.mark.parametrize(
    ("verdicts", "standing"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "undecided"], "sometimes holds"),
        (["undecided", "undecided"], "undecided"),
        (["holds", "inapplicable"], "holds"),
        (["undecided", "violated"], "violated"),
        (["occurs", "does not occur"], "sometimes occurs"),
        (["does not occur", "does not occur"], "does not occur"),
        (["undecided", "does not occur"], "sometimes does not occur"),
        (["undecided", "occurs"], "sometimes occurs"),
        (["passes", "fails"], "fails"),
        (["inapplicable", "inapplicable"], "inapplicable"),
    ],
)
def test_a_claim_stands_as_the_gravest_of_its_rows(run: Run, verdicts: list[str], standing: str) -> None:
    rows = run.claims.head(2).assign(verdict=verdicts, premise_share=0.9, kind="theorem")
    assert claim_standing(rows) == standing


def test_a_bound_that_could_not_fail_is_vacuous_only_where_all_of_it_is(run: Run) -> None:
    rows = run.claims.head(2).assign(verdict="holds", vacuous=[True, True])
    assert claim_standing(rows) == "vacuous"
    assert claim_standing(rows.assign(vacuous=[True, False])) == "holds"
    assert claim_standing(rows.assign(vacuous=[True, False], verdict=["holds", "undecided"])) == "undecided"
    assert claim_standing(rows.assign(vacuous=[False, False], verdict=["holds", "undecided"])) == "sometimes holds"


def test_a_row_that_could_not_fail_says_so() -> None:
    assert reading("theorem", "holds", math.nan, vacuous=True) == "vacuous"
    assert reading("theorem", "violated", 1.0, vacuous=True) == "contradicts the theorem"


def test_headline_when_all_hold(run: Run) -> None:
    said = headline(all_met(run))
    assert said.startswith("Of 2 theorems tested: 2 hold (H-SCL never exceeds H-UCL; no SCL below neural collapse).")
    assert "“hard enough H-SCL bounds UCL” occurs at every hardness tested." in said
    assert "tilting never lowers H-UCL" not in said  # an exact statement is no finding
    assert "Assumption 1" in said


def test_headline_when_a_theorem_is_contradicted(run: Run) -> None:
    said = headline(all_met(run, theorem="violated"))
    assert "2 contradicted (H-SCL never exceeds H-UCL; no SCL below neural collapse)" in said
    assert re.search(r"\d holds? ", said) is None


def test_a_violated_conjecture_is_contradicted_whatever_its_premise(run: Run) -> None:
    kinds = run.claims["kind"].mask(run.claims["claim"] == "hscl_le_hucl", "conjecture")
    verdicts = run.claims["verdict"].mask(run.claims["claim"] == "hscl_le_hucl", "violated")
    conjectured = with_claims(run, kind=kinds, verdict=verdicts, premise_share=0.5)
    said = headline(conjectured)
    assert said.startswith("Of 2 theorems and conjectures tested: 1 contradicted (H-SCL never exceeds")
    assert {mark.style for mark in dict(overview(conjectured)[1])["H-SCL never exceeds H-UCL"] if mark} == {"violated"}


def test_theorems_and_conjectures_that_stand_alike_are_all_named(run: Run) -> None:
    kinds = run.claims["kind"].mask(run.claims["claim"] == "hscl_le_hucl", "conjecture")
    said = headline(with_claims(all_met(run), kind=kinds))
    assert "2 hold (no SCL below neural collapse; H-SCL never exceeds H-UCL)" in said


def test_headline_when_only_premises_fail(factory: Factory) -> None:
    said = headline(factory(betas=[1.0, 5.0], premise=0.4))
    assert "1 violated where the premise fails, which contradicts nothing (H-SCL never exceeds H-UCL)" in said
    assert "1 holds (no SCL below neural collapse)" in said
    assert " contradicted" not in said


def test_headline_when_nothing_is_decided(run: Run) -> None:
    said = headline(with_claims(run, verdict=run.claims["verdict"].where(run.claims["kind"] == "exact", "undecided")))
    assert "2 undecided (H-SCL never exceeds H-UCL; no SCL below neural collapse)" in said
    assert "“hard enough H-SCL bounds UCL” is undecided at every hardness tested." in said


def test_headline_of_a_scenario_that_occurs_once_the_tilt_is_hard(factory: Factory) -> None:
    run = factory(betas=[0.5, 5.0])
    assert set(run.claims[run.claims["kind"] == "scenario"]["verdict"]) == {"does not occur", "occurs"}
    assert "“hard enough H-SCL bounds UCL” occurs at β = 5, does not occur at β = 0.5." in headline(run)


def test_headline_says_where_a_scenario_is_undecided(run: Run) -> None:
    scenario = run.claims["kind"] == "scenario"
    verdicts = dict(zip(run.claims.index[scenario], ["does not occur", *["undecided"] * 9], strict=False))
    said = headline(with_claims(run, verdict=pd.Series(verdicts).reindex(run.claims.index).fillna(run.claims.verdict)))
    first, *others = [f"{beta:g}" for beta in run.claims["beta"][scenario]]
    assert f"does not occur at β = {first}, is undecided at β = {', '.join(others)}." in said
    never = headline(with_claims(run, verdict=run.claims["verdict"].mask(scenario, "does not occur")))
    assert "“hard enough H-SCL bounds UCL” does not occur at any hardness tested." in never


def test_headline_goes_by_q_where_q_decides(factory: Factory) -> None:
    run = factory(betas=[1.0, 5.0], qs=[1.0, 2.0])
    scenario = run.claims["kind"] == "scenario"
    verdicts = run.claims["verdict"].mask(scenario & (run.claims["q"] == 1), "occurs")
    verdicts = verdicts.mask(scenario & (run.claims["q"] == 2), "does not occur")
    said = headline(with_claims(run, verdict=verdicts))
    assert "with Q = 1 occurs at every hardness tested, with Q = 2 does not occur at any hardness tested." in said


def test_headline_of_a_theorem_that_is_decided_in_part(run: Run) -> None:
    decided = all_met(run)
    rows = decided.claims["claim"] == "hscl_le_hucl"
    verdicts = decided.claims["verdict"].mask(rows & (decided.claims["beta"] == 2), "undecided")
    said = headline(with_claims(decided, verdict=verdicts))
    assert "1 holds at some hardnesses, undecided at others (H-SCL never exceeds H-UCL)" in said
    assert "1 holds (no SCL below neural collapse)" in said


def test_headline_when_the_computation_is_in_error(run: Run) -> None:
    said = headline(all_met(run, exact="fails"))
    assert said == ("The computation is in error: tilting never lowers H-UCL. Nothing else here is to be relied on.")


def test_headline_when_the_encoder_collapsed(run: Run) -> None:
    collapsed = replace(run, manifest={**run.manifest, "collapse": "The encoder has collapsed."})
    assert headline(collapsed) == "The encoder has collapsed. Nothing is concluded."


def test_headline_when_a_theorem_is_vacuous(run: Run) -> None:
    said = headline(with_claims(all_met(run), vacuous=run.claims["claim"] == "scl_ge_collapse"))
    assert "1 vacuous here (no SCL below neural collapse)" in said
    assert "1 holds (H-SCL never exceeds H-UCL)" in said


def test_headline_when_nothing_applies(run: Run) -> None:
    said = headline(with_claims(run, verdict="inapplicable"))
    assert said.startswith("No theorem about a population applies to these data.")


def test_self_checks_are_one_line(run: Run) -> None:
    assert self_checks(run) == ["self-checks: 1 of 1 exact statements pass"]
    at_one = run.claims["verdict"].mask((run.claims["kind"] == "exact") & (run.claims["beta"] == 2), "fails")
    assert self_checks(with_claims(run, verdict=at_one)) == [
        "self-checks: 0 of 1 exact statements pass; failing: tilting never lowers H-UCL"
    ]
    assert self_checks(with_claims(run, verdict="inapplicable")) == []
    assert self_checks(replace(run, claims=run.claims[run.claims["kind"] != "exact"])) == []


def test_what_was_not_tested_is_said_once_a_reason_with_the_flag_that_would_help(factory: Factory) -> None:
    assert not_tested(spelt(factory(inapplicable=True), as_flags)) == [
        "not tested: scl_ge_collapse: needs balanced classes: the class counts differ; use --class-prior balanced"
    ]
    everything = with_claims(factory(), verdict="inapplicable", reason="is about a population")
    assert not_tested(everything) == [f"not tested: {', '.join(CATALOGUE)}: is about a population"]
    assert not_tested(factory()) == []


def in_two_configurations(run: Run) -> Run:
    """`scl_ge_collapse` once more, on data taken as the population."""
    row = run.claims[run.claims["claim"] == "scl_ge_collapse"].head(1)
    other = row.assign(
        configuration="self_pairs=include", se=0.0, reason="In another configuration: self_pairs=include."
    )
    return replace(run, claims=pd.concat([run.claims, other], ignore_index=True))


def test_what_was_rows_elsewhere_is_counted_apart(run: Run) -> None:
    both = in_two_configurations(all_met(run))
    assert headline(both) == headline(all_met(run))
    assert elsewhere(run) == [] and elsewhere(both) == [
        "apart, each in the configuration that it is about: 1 claim, 1 holds"
    ]
    assert elsewhere(both)[0] in summary_text(both)


def test_what_is_contradicted_elsewhere_is_in_the_headline(run: Run) -> None:
    both = in_two_configurations(all_met(run))
    both.claims.loc[both.claims["configuration"] != "", "verdict"] = "violated"
    assert "Contradicted in another configuration: no SCL below neural collapse." in headline(both)
    assert elsewhere(both)[0].endswith("1 claim, 1 contradicted")


def test_a_claim_tested_twice_is_told_apart_wherever_it_stands(run: Run) -> None:
    both = in_two_configurations(run)
    assert summary_text(both).count("scl_ge_collapse: no SCL") == 1
    assert overview(both) == overview(run)
    (here,) = [at for at in claim_sections(both, of_own(both.claims)) if at["id"] == "scl_ge_collapse"]
    (there,) = claim_sections(both, rows_elsewhere(both))
    assert [here["at"], there["at"]] == ["claim-scl_ge_collapse", "claim-scl_ge_collapse-elsewhere"]
    assert there["configuration"] == "self_pairs=include" and there["rows"][0]["reason"] == ""


def test_a_design_that_nobody_named_is_assumed(run: Run) -> None:
    def said(**config: object) -> str:
        return where(replace(run, manifest={**run.manifest, "config": {**run.manifest["config"], **config}}))

    assert "drawn independently (assumed);" in said(design="iid", design_assumed=True)
    assert "drawn independently;" in said(design="iid", design_assumed=False)


def test_warnings_of_many_losses_are_one_with_the_reason_most_have(run: Run) -> None:
    few = [f"not to be relied on: H-SCL (β = {b}, Q = 1). H-SCL at β = {b} rests on {b}.1 effective." for b in range(3)]
    other = "not to be relied on: UCL (η = 1, Q = 1). The bias correction is 3.0 standard errors."
    warned = replace(run, manifest={**run.manifest, "warnings": ["first", *few, other, "last"]})
    (first, none), (line, losses), (last, _) = cautions(warned)
    assert (first, none, last) == ("first", [], "last") and len(losses) == 4
    thin = int((~run.losses["reliable"].astype(bool)).sum())
    assert line.startswith(
        f"not to be relied on: {thin} of {len(run.losses)} losses, most often (3 of 4 reasons) as H-SCL"
    )
    assert "rests on 0.1 effective. Gaps are judged apart: " in line
    assert [len(below) for _, below in cautions(replace(warned, manifest={**run.manifest, "warnings": few}))] == [
        0,
        0,
        0,
    ]


def test_what_would_decide_the_undecided_is_named(factory: Factory) -> None:
    run = factory(betas=[5.0, 10.0])
    assert to_decide(run) == [
        ("hscl_le_hucl (β = 10), hscl_ge_ucl (β = 10), scl_ge_collapse (β = 10)", "about 4,000 instances")
    ]
    assert to_decide(with_claims(run, remedy="")) == []


def test_overview_takes_the_gravest_over_q(factory: Factory) -> None:
    run = factory(betas=[1.0, 5.0], qs=[1.0, 2.0])
    columns, lines = overview(with_claims(run, verdict=["holds", "holds", "undecided", "violated"] * 4))
    assert columns == ["β = 1", "β = 5"]
    assert [[mark.verdict for mark in marks if mark] for _, marks in lines] == [["undecided", "violated"]] * 3


def test_overview_leaves_untested_cells_empty(run: Run) -> None:
    kept = run.claims[(run.claims["claim"] != "scl_ge_collapse") | (run.claims["beta"] == 5)]
    _, lines = overview(replace(run, claims=kept))
    assert [mark is not None for mark in dict(lines)["no SCL below neural collapse"]] == [False] * 3 + [True, False]


def test_overview_leaves_out_what_is_exact_or_does_not_apply(factory: Factory) -> None:
    titles = [name for name, _ in overview(factory(inapplicable=True))[1]]
    assert titles == ["H-SCL never exceeds H-UCL", "hard enough H-SCL bounds UCL"]


def test_overview_orders_hardenings(factory: Factory) -> None:
    run = factory(betas=[10.0, 2.0], others=["threshold:0.5"])
    extra = run.claims.head(3).assign(hardening=["exp", "", "constant"], beta=[math.inf, math.nan, math.nan])
    claims = pd.concat([run.claims, extra])
    columns, _ = overview(replace(run, claims=claims))
    assert columns == ["η = 1", "β = 2", "β = 10", "β = ∞", "threshold 0.5", "overall"]


def test_labels() -> None:
    assert hardening_label("exp", 0.5) == "β = 0.5"
    assert hardening_label("exp", math.inf) == "β = ∞"
    assert hardening_label("constant", math.nan) == "η = 1"
    assert hardening_label("threshold:0.5", math.nan) == "threshold 0.5"
    assert hardening_label("poly:2", math.nan) == "power 2"
    assert [q_label(q) for q in (1.0, math.inf, math.nan)] == ["1", "∞", "–"]


def test_claims_that_another_configuration_would_test_are_one_line(factory: Factory) -> None:
    run = factory(inapplicable=True)
    waiting = replace(run, manifest={**run.manifest, "choice": {"waiting": ["scl_ge_collapse", "hscl_le_hucl"]}})
    assert not_tested(waiting) == [
        "not tested: 1 claim about another configuration, which configurations='all' tests: scl_ge_collapse"
    ]


@pytest.mark.parametrize(
    ("count", "word", "said"),
    [
        (1, "holds", "1 holds"),
        (2, "sometimes holds", "2 hold in part"),
        (1, "does not occur", "1 does not occur"),
        (3, "sometimes does not occur", "3 do not occur in part"),
        (1, "sometimes occurs", "1 occurs in part"),
    ],
)
def test_standings_agree_with_their_number(count: int, word: str, said: str) -> None:
    assert counted(count, STOOD[word]) == said
