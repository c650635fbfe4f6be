"""The machinery: how a finding becomes a verdict and a reason, and claims of one's own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import boundcheck as bc
from boundcheck.claims import CLAIMS, Claim, Evidence, Finding, Judgement, choose_claims, judge
from boundcheck.errors import InputError
from boundcheck.hardening import CONSTANT, Exponential
from boundcheck.inference.intervals import Estimate
from boundcheck.pairwise.cumulants import TOLERANCE
from boundcheck.verdicts import MET, UNMET, Kind
from tests.claims.designs import clusters, evidence_of, judged

KINDS = ("exact", "theorem", "conjecture", "scenario")


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return evidence_of(clusters(), betas=[1, 5], q=[1, 2])


def one(evidence: Evidence, finding: Finding, **about: Any) -> Judgement:
    """The judgement of a claim that yields just this finding."""
    made = bc.claim(**({"id": "made", "source": "here"} | about))(lambda _: [finding])
    (judgement,) = judge(made, evidence, 0.95)
    return judgement


def finding(value: float, se: float = 0.0, **rest: Any) -> Finding:
    return Finding("exp", 1.0, 1.0, 0.0, value, Estimate(value, value, se), **rest)


@pytest.mark.parametrize("kind", ["theorem", "conjecture", "scenario"])
@pytest.mark.parametrize(
    ("value", "se", "verdict"),
    [
        (1.0, 0.1, "met"),
        (0.19, 0.1, "undecided"),
        (0.0, 0.1, "undecided"),
        (-0.19, 0.1, "undecided"),
        (-1.0, 0.1, "unmet"),
        (0.0, 0.0, "met"),
        (-0.9 * TOLERANCE, 0.0, "met"),
        (-1.1 * TOLERANCE, 0.0, "unmet"),
        (1.0, math.nan, "undecided"),
        (math.nan, math.nan, "inapplicable"),
        (math.nan, 0.1, "inapplicable"),
    ],
)
def test_verdict_of_an_interval(evidence: Evidence, kind: Kind, value: float, se: float, verdict: str) -> None:
    expected = {"met": MET[kind], "unmet": UNMET[kind]}.get(verdict, verdict)
    assert one(evidence, finding(value, se), kind=kind).verdict == expected


@pytest.mark.parametrize(("value", "se"), [(1.0, math.nan), (math.nan, 0.1), (1.0, 0.0), (-1.0, 0.0)])
def test_no_p_value_where_nothing_was_tested(evidence: Evidence, value: float, se: float) -> None:
    assert math.isnan(one(evidence, finding(value, se)).p_value)


def test_p_value_is_one_sided_and_agrees_with_the_interval(evidence: Evidence) -> None:
    """The interval leaves out zero where the lesser of both sides is under half of what is left to err."""
    assert one(evidence, finding(0.2, 0.1)).p_value < 0.025 < one(evidence, finding(0.19, 0.1)).p_value
    assert one(evidence, finding(-0.2, 0.1)).p_value > 0.975
    assert one(evidence, finding(0.0, 0.1)).p_value == 0.5


@pytest.mark.parametrize(
    ("slack", "verdict"),
    [
        ([1.0, 0.0, 2.0], "passes"),
        ([1.0, -0.9 * TOLERANCE], "passes"),
        ([1.0, -1.1 * TOLERANCE], "fails"),
        ([math.nan, 1.0], "passes"),
        ([math.nan, -1.0], "fails"),
        ([math.nan, math.nan], "inapplicable"),
    ],
)
def test_exact_claims_are_judged_at_every_anchor(evidence: Evidence, slack: list[float], verdict: str) -> None:
    judgement = one(evidence, finding(-5.0, 0.1, slack=torch.tensor(slack)), kind="exact")
    assert judgement.verdict == verdict  # whatever the averages
    assert math.isnan(judgement.p_value)
    assert "nan" not in judgement.reason


def test_exact_claims_state_least_slack_and_tolerance(evidence: Evidence) -> None:
    judgement = one(evidence, finding(1.0, 0.1, slack=torch.tensor([0.25, math.nan, 3.0])), kind="exact")
    assert judgement.reason == f"Least slack over 2 anchors 0.25 nats, rounding tolerance {TOLERANCE:.0e}."


def test_an_exact_claim_without_slack_is_its_author_s_mistake(evidence: Evidence) -> None:
    with pytest.raises(InputError, match="exact claim needs the slack of every anchor, received 'made'"):
        one(evidence, finding(1.0, 0.1), kind="exact")


@pytest.mark.parametrize(
    ("value", "share", "said"),
    [
        (-1.0, 0.5, "The premise fails at some anchors, so this does not contradict the theorem."),
        (-1.0, 1.0, "The premise holds at every anchor, so this contradicts the theorem."),
        (-1.0, 0.99999, "The premise fails at some anchors, so this does not contradict the theorem."),
        (1.0, 0.5, "The averaged inequality holds although the premise fails at some anchors."),
        (1.0, 1.0, ""),
        (0.0, 0.5, "The interval of the gap contains 0."),
    ],
)
def test_the_premise_is_read_beside_the_verdict(evidence: Evidence, value: float, share: float, said: str) -> None:
    assert one(evidence, finding(value, 0.1, premise=share), premise="weather").reason == said


def test_the_bias_correction_alone_contradicts_no_theorem(evidence: Evidence) -> None:
    """Where premise and inequality hold on the data, a corrected interval below 0 says that instances are too few."""
    corrected = Finding("exp", 1.0, 1.0, 0.0, -1.0, Estimate(-1.0, 0.5, 0.1), premise=1.0)
    judgement = one(evidence, corrected, premise="weather")
    assert judgement.verdict == "undecided" and "only the bias correction" in judgement.reason
    failing = dataclasses.replace(corrected, premise=0.9)
    assert one(evidence, failing, premise="weather").verdict == "violated"
    without = dataclasses.replace(corrected, premise=None)
    assert one(evidence, without).verdict == "undecided"
    assert one(evidence, without, kind="scenario").verdict == "does not occur"
    missed = dataclasses.replace(without, gap=Estimate(-1.0, -0.5, 0.1))  # a bound that is false of the data themselves
    assert one(evidence, missed).verdict == "violated"


@pytest.mark.parametrize("share", [None, math.nan])
def test_an_unmeasured_premise_is_not_mentioned(evidence: Evidence, share: float | None) -> None:
    assert one(evidence, finding(1.0, 0.1, premise=share, note="Noted."), premise="weather").reason == "Noted."


def test_no_finding_means_inapplicable(evidence: Evidence) -> None:
    made = bc.claim(id="made", source="here")(lambda _: [])
    (judgement,) = judge(made, evidence, 0.95)
    assert (judgement.verdict, judgement.finding) == ("inapplicable", None)


def test_wider_confidence_decides_less(evidence: Evidence) -> None:
    made = bc.claim(id="made", source="here")(lambda _: [finding(0.2, 0.1)])
    assert [judge(made, evidence, c)[0].verdict for c in (0.95, 0.99)] == ["holds", "undecided"]


def test_keys_of_losses(evidence: Evidence) -> None:
    tilt = Exponential(1.0)
    assert evidence.key("hucl", CONSTANT, 1.0) == evidence.key("ucl", tilt, 1.0)
    assert evidence.key("scl", tilt, 1.0).hardening == CONSTANT
    assert evidence.key("hscl", tilt, 2.0).hardening == tilt
    hardenings = evidence.losses.variant.hardenings
    keys = {evidence.key(loss, h, q) for loss in ("hucl", "hscl") for h in hardenings for q in (1.0, 2.0)}
    assert keys == set(evidence.losses.keys)


def test_a_comparison_is_paired_and_consistent(evidence: Evidence) -> None:
    tilt = evidence.tilts[1]
    lhs, rhs = evidence.key("ucl", tilt, 1.0), evidence.key("hucl", tilt, 1.0)
    found = evidence.compare(tilt, 1.0, lhs, rhs)
    assert found.slack is not None and found.share is not None
    assert found.rhs - found.lhs == pytest.approx(found.gap.value)
    assert float(found.slack.mean()) == pytest.approx(found.gap.plugin)
    alone = [evidence.losses.loss(key).se for key in (lhs, rhs)]
    assert 0 < found.gap.se != pytest.approx(math.hypot(*alone))
    assert found.share.value == 1


@bc.claim(id="mine", source="a guess")
def mine(evidence: Evidence) -> Iterator[Finding]:
    """UCL bounds H-SCL from above.

    Not a theorem.
    """
    for q in evidence.q:
        for h in evidence.tilts:
            yield evidence.compare(h, q, evidence.key("hscl", h, q), evidence.key("ucl", h, q))


def test_a_claim_of_one_s_own_needs_an_id_and_a_source_alone(evidence: Evidence) -> None:
    assert isinstance(mine, Claim)
    assert (mine.kind, mine.title) == ("theorem", "UCL bounds H-SCL from above.")
    assert len(judged(mine, evidence)) == 4
    assert "mine" not in CLAIMS  # the catalogue is what the package ships


def test_a_claim_without_words_is_called_by_its_id() -> None:
    assert bc.claim(id="made", source="here")(lambda _: []).title == "made"


@pytest.mark.parametrize("kind", ["exakt", "Exact", ""])
def test_unknown_kinds_are_refused(kind: str) -> None:
    with pytest.raises(Exception, match="kind"):
        bc.claim(id="made", source="here", kind=kind)  # type: ignore[arg-type]


def test_claims_are_chosen_by_id_by_object_and_all_at_once() -> None:
    assert choose_claims("all") == tuple(CLAIMS.values())
    assert [entry.id for entry in choose_claims(" scl_le_ucl, hscl_le_hucl ")] == ["scl_le_ucl", "hscl_le_hucl"]
    assert choose_claims([mine, "scl_le_ucl"]) == (mine, CLAIMS["scl_le_ucl"])
    assert choose_claims("scl_le_ucl,scl_le_ucl") == (CLAIMS["scl_le_ucl"],)


def test_bad_choices_of_claims_are_one_line() -> None:
    for names, said in (
        ("hscl_le_huc", "did you mean 'hscl_le_hucl'"),
        ("", "expected one of hscl_le_hucl"),
        ([], "expected at least one"),
        ([bc.claim(id="scl_le_ucl", source="here")(lambda _: []), "scl_le_ucl"], "ids must be distinct"),
    ):
        with pytest.raises(InputError, match=said) as error:
            choose_claims(names)
        assert str(error.value).startswith("claims: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("entry", CLAIMS.values(), ids=list(CLAIMS))
def test_the_catalogue_says_what_a_reader_needs(entry: Claim) -> None:
    assert CLAIMS[entry.id] is entry
    assert entry.kind in KINDS
    assert (
        any(word in entry.source for word in ("arXiv", "derived here", "folklore")) and entry.title and entry.statement
    )
    assert all(requirement.name for requirement in entry.requirements)


def test_evidence_copies_no_embeddings() -> None:
    """They may be mapped from a file larger than memory."""
    emb = clusters()
    single = bc.EmbeddingSet(emb.z.astype("float32"), emb.y)
    assert evidence_of(single).z.data_ptr() == torch.from_numpy(single.z).data_ptr()
