"""`verify`: one call from embeddings to verdicts, on ordinary and on awkward data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import boundcheck as bc
from boundcheck.claims import CLAIMS, Evidence, Finding
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.inference.multiplicity import holm
from boundcheck.runs import ASSUMPTION_COLUMNS, CLAIM_COLUMNS, HARDEST_COLUMNS, LOSS_COLUMNS, load_run, save_run
from boundcheck.verdicts import gravest, is_met, is_unmet
from tests.claims.designs import FAMILIES, clusters, hub_and_rim
from tests.oracles.closed_forms import collapsed
from tests.strategies import embedding_sets

# interface.md, "Files": the columns that scripts depend on.
LOSSES = (
    "loss hardening beta q temperature positives estimator k estimate plugin se ci_low ci_high n_anchors ess design "
    "reliable"
)
CLAIM = (
    "claim kind hardening beta q lhs rhs gap se ci_low ci_high p_value p_holm share_holding share_low share_high "
    "n_anchors premise_share premise_low premise_high vacuous reliable verdict reason remedy configuration"
)
ASSUMPTION = (
    "hardening beta share_holding share_low share_high share_in_parts reliable median_margin min_margin median_ess "
    "n_anchors n_undefined"
)


ROOMY = clusters(per_class=40, spread=0.6)  # enough effective negatives at these tilts
OPTIONS: dict[str, Any] = {"betas": [1, 2], "q": [1, math.inf], "temperature": 1.0}


@pytest.fixture(scope="module")
def three_families() -> bc.Verification:
    return bc.verify(ROOMY, hardening=FAMILIES, **OPTIONS)


def violated(verification: bc.Verification) -> pd.DataFrame:
    """The rows that would be an error of the program: exact claims that fail, or theorems against their premise."""
    frame = verification.to_frame()
    contradiction = (frame.kind == "theorem") & ~(frame.premise_share < 1)
    return frame[frame.verdict.map(is_unmet) & ((frame.kind == "exact") | contradiction)]


@pytest.mark.slow
def test_columns_are_the_contract_s(three_families: bc.Verification, tmp_path: Path) -> None:
    three_families.save(tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert list(run.losses) == LOSSES.split() == LOSS_COLUMNS
    assert sorted(run.claims) == sorted(CLAIM.split()) == sorted(CLAIM_COLUMNS)
    assert list(run.assumption) == ASSUMPTION.split() == ASSUMPTION_COLUMNS
    assert list(run.hardest) == HARDEST_COLUMNS
    assert {"id", "view", "label", "beta_star", "margin[exp:2]", "ess[poly:2]", "hscl[threshold:0.2,q=inf]"} <= set(
        run.anchors
    )


@pytest.mark.slow
def test_saving_and_loading_changes_no_number(three_families: bc.Verification, tmp_path: Path) -> None:
    three_families.save(tmp_path / "run", command=["boundcheck", "verify"])
    run = load_run(tmp_path / "run")
    for name in ("losses", "claims", "assumption", "hardest", "anchors"):
        pd.testing.assert_frame_equal(
            getattr(run, name), getattr(three_families.run, name), check_exact=True, check_dtype=False
        )
    assert run.manifest["command"] == ["boundcheck", "verify"]
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"class_prior": "balanced"}, {"anchors": 40}])
def test_anchors_and_losses_agree(options: dict[str, Any]) -> None:
    """The weighted mean of a per-anchor column is the plug-in of its row."""
    emb = clusters(spread=0.6).subset(np.arange(8, 36))
    found = bc.verify(emb, betas=[1, 5], hardening=FAMILIES, q=[1, 3], claims="hucl_ge_ucl", **options).run
    weight = 1 / found.anchors.label.map(dict(zip(emb.classes, emb.class_counts, strict=True)))
    weight = weight if options.get("class_prior") == "balanced" else weight * 0 + 1
    for row in found.losses.itertuples():
        name = f"exp:{row.beta:g}" if row.hardening == "exp" else row.hardening
        column = found.anchors[f"{row.loss}[{name},q={row.q:g}]"]
        defined = column.notna()
        assert row.n_anchors == defined.sum()
        assert row.plugin == pytest.approx(np.average(column[defined], weights=weight[defined]), rel=1e-6, abs=1e-6)


def test_margins_shares_and_claims_agree(three_families: bc.Verification) -> None:
    run = three_families.run
    for row in run.assumption[run.assumption.beta != np.inf].itertuples():
        name = f"exp:{row.beta:g}" if row.hardening == "exp" else row.hardening
        margin = run.anchors[f"margin[{name}]"]
        assert row.n_undefined == margin.isna().sum() and row.n_anchors + row.n_undefined == len(margin)
        assert row.share_holding == pytest.approx((margin.dropna() >= 0).mean())
        assert row.share_low <= row.share_holding <= row.share_high
        assert row.min_margin == pytest.approx(margin.min(), rel=1e-6)
        same = run.claims[(run.claims.claim == "hscl_le_hucl") & (run.claims.hardening == row.hardening)]
        same = same if math.isnan(row.beta) else same[same.beta == row.beta]
        assert np.allclose(same.premise_share, row.share_holding)


@pytest.mark.slow
def test_three_families_in_one_run_do_not_disturb_each_other(three_families: bc.Verification) -> None:
    """A tilt that is undefined at some anchors, or at all, changes nothing for the others."""
    alone = bc.verify(ROOMY, **OPTIONS).run
    with_empty = bc.verify(ROOMY, hardening=["exp", "threshold:1"], **OPTIONS).run
    for other in (three_families.run, with_empty):
        for name in ("losses", "claims", "assumption"):
            mine, theirs = getattr(alone, name), getattr(other, name)
            kept = theirs[theirs.hardening.isin(mine.hardening)].reset_index(drop=True)
            # A larger family of tests, and other remedies; reasons quote slack, which may differ by rounding.
            columns = mine.columns.drop(["p_holm", "reason", "remedy"], errors="ignore")
            pd.testing.assert_frame_equal(kept[columns], mine[columns], rtol=1e-4, atol=1e-5)


def test_every_claim_has_a_result(three_families: bc.Verification) -> None:
    assert list(three_families.claims) == list(CLAIMS)
    result = three_families.claims["hscl_le_hucl"]
    exponential = result.frame[result.frame.hardening == "exp"]
    assert len(result.frame) == 8 and len(exponential) == 4 and set(exponential.verdict) <= {"holds", "undecided"}
    assert result.verdict == gravest(result.frame.verdict) in ("holds", "undecided")
    assert (result.gap > 0).all() and (result.interval.ci_low < result.gap).all()
    assert ((result.share > 0) & (result.share <= 1)).all()


def test_notebook_views_are_html(three_families: bc.Verification) -> None:
    for thing in (three_families, three_families.claims["scl_le_ucl"], three_families.losses):
        html = thing._repr_html_()
        assert "<" in html and "nan" not in html.lower()
    assert "H-SCL is at most H-UCL" in three_families._repr_html_()


def test_a_frame_is_a_copy(three_families: bc.Verification) -> None:
    frame = three_families.to_frame()
    frame["verdict"] = "changed"
    assert "changed" not in set(three_families.to_frame().verdict)


def test_a_violated_theorem_fails_the_run_and_says_its_premise_failed() -> None:
    found = bc.verify(hub_and_rim(), betas=[1, 2], temperature=1)
    assert found.claims["hscl_le_hucl"].verdict == "violated"
    assert "The premise fails" in found.claims["hscl_le_hucl"].frame.reason[0]
    assert found.failed() and found.failed("undecided") and not found.failed("never")


def test_a_violated_scenario_never_fails_a_run() -> None:
    found = bc.verify(clusters(per_class=40), betas=[1], claims="hscl_ge_ucl,hucl_ge_ucl")
    assert found.claims["hscl_ge_ucl"].verdict == "does not occur"
    assert not found.failed() and not found.failed("undecided")


def test_undecided_fails_only_on_request() -> None:
    @bc.claim(id="unclear", source="here")
    def unclear(evidence: Evidence) -> Iterator[Finding]:
        for h in evidence.tilts:
            key = evidence.key("hscl", h, 1.0)
            estimate = evidence.losses.gap(key, evidence.key("scl", h, 1.0))
            wide = type(estimate)(0.0, 0.0, 1.0)
            yield Finding(h.family, h.beta, 1.0, 0.0, 0.0, wide)

    found = bc.verify(clusters(), betas=[1], claims=[unclear, "hucl_ge_ucl"])
    assert list(found.claims) == ["unclear", "hucl_ge_ucl"]
    assert found.claims["unclear"].verdict == "undecided"
    assert not found.failed() and found.failed("undecided") and not found.failed("never")


@pytest.mark.slow
def test_a_claim_of_one_s_own_is_verified_saved_and_reported_like_the_rest(tmp_path: Path) -> None:
    @bc.claim(id="mine", source="a guess")
    def mine(evidence: Evidence) -> Iterator[Finding]:
        """UCL bounds H-SCL from above."""
        for q in evidence.q:
            for h in evidence.tilts:
                yield evidence.compare(h, q, evidence.key("hscl", h, q), evidence.key("ucl", h, q))

    found = bc.verify(clusters(), betas=[1, 2], claims=[mine])
    assert list(found.claims) == ["mine"] and len(found.claims["mine"].frame) == 2
    found.save(tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert run.manifest["catalogue"]["mine"]["title"] == "UCL bounds H-SCL from above."
    assert "UCL bounds H-SCL from above." in (tmp_path / "run" / "report.html").read_text()


def test_p_values_are_adjusted_over_all_tested_rows(three_families: bc.Verification) -> None:
    """One-sided as they stand, two-sided once adjusted: a gap may lie on either side of zero."""
    frame = three_families.to_frame()
    either = 2 * np.minimum(frame.p_value, 1 - frame.p_value)
    assert np.allclose(frame.p_holm, holm(either.to_numpy()), equal_nan=True)
    tested = frame.p_value.notna()
    assert (frame.kind[tested] != "exact").all() and tested.sum() > 10
    assert (frame.p_holm[tested] >= either[tested]).all() and (frame.p_holm[tested] <= 1).all()
    decided = tested & (frame.verdict != "undecided")
    assert (frame.p_holm[decided] <= 0.05).all() and decided.sum() > 5


@pytest.mark.slow
def test_same_call_same_numbers() -> None:
    options = {"betas": [2], "negatives": [5], "anchors": 30, "seed": 4}
    first, second = (bc.verify(clusters(), **options).run for _ in range(2))
    pd.testing.assert_frame_equal(first.losses, second.losses)
    other = bc.verify(clusters(), **(options | {"seed": 5})).run
    assert not np.allclose(first.losses.plugin, other.losses.plugin)


def test_confidence_widens_intervals() -> None:
    narrow, wide = (bc.verify(clusters(), betas=[1], confidence=c).run.losses for c in (0.8, 0.99))
    assert ((wide.ci_high - wide.ci_low) > 1.5 * (narrow.ci_high - narrow.ci_low)).all()


def test_claims_that_need_more_than_was_sampled_say_so() -> None:
    sampled = bc.verify(clusters(), betas=[1], anchors=30, configurations="own")
    assert sampled.claims["scl_ge_collapse"].verdict == "inapplicable"
    every_anchor = {"scl_ge_unbalanced", "ucl_ge_instances", "ucl_ge_similarity_gap", "positives_exceed_negatives"}
    every_anchor |= {"energy_of_pairs"}
    assert inapplicable(sampled) == {"scl_ge_collapse"} | every_anchor | POPULATION | ONE_VIEW


POPULATION = {
    *("arora_mean_classifier", "bao_upper", "bao_lower", "arora_upper", "nozawa_sato_upper", "ash_upper"),
    *("wang_upper", "wang_lower", "infonce_information", "ucl_ge_collapse", "uniformity_floor", "simclr_upper"),
    *("summed_ge_collapse", "scl_ge_orthogonal", "ucl_ge_orthogonal"),  # the latter two behind a ReLU
}
ONE_VIEW = {"hscl_bounds_kernel_rule", "worst_case_bounds_1nn"}


def inapplicable(verification: bc.Verification) -> set[str]:
    return {name for name, found in verification.claims.items() if found.verdict == "inapplicable"}


@pytest.mark.slow
def test_losses_at_finite_k_stand_beside_the_limit(tmp_path: Path) -> None:
    found = bc.verify(clusters(spread=0.6), betas=[1], q=[1, 2], negatives=[1, 50])
    assert list(found.run.losses.k.dropna().unique()) == [1, 50]
    at = {
        k: rows.set_index(["loss", "q"]).estimate for k, rows in found.run.losses.groupby(found.run.losses.k.fillna(0))
    }
    assert (at[1] < at[50]).all() and (at[50] < at[0]).all()
    assert set(found.run.k_epsilon.epsilon) == {0.1, 0.01, 0.001} and (found.run.k_epsilon.k_epsilon >= 1).all()
    assert (
        found.claims["hscl_le_hucl"].verdict
        == bc.verify(clusters(spread=0.6), betas=[1]).claims["hscl_le_hucl"].verdict
    )
    found.save(tmp_path / "run")
    again = load_run(tmp_path / "run")
    pd.testing.assert_frame_equal(again.finite_k, found.run.finite_k, check_dtype=False)
    assert "How many negatives" in (tmp_path / "run" / "report.html").read_text()
    assert (tmp_path / "run" / "tables" / "k_epsilon.tex").is_file()


def test_raw_embeddings_leave_out_the_claims_about_unit_norm() -> None:
    rng = np.random.default_rng(0)
    emb = clusters()
    raw = EmbeddingSet(emb.z * rng.uniform(0.5, 20, (emb.n, emb.v, 1)), emb.y, normalize=False)
    found = bc.verify(raw, betas=[1, 5], configurations="own")
    unit_norm = {"scl_ge_unbalanced", "ucl_ge_instances", "positives_exceed_negatives", "finite_k_rate"}
    unit_norm |= {"energy_of_pairs", "nscl_gradient"}
    assert inapplicable(found) == {"scl_ge_collapse", "ucl_minus_nscl"} | unit_norm | POPULATION | ONE_VIEW
    assert violated(found).empty


def test_the_data_are_the_population_only_when_seen_whole() -> None:
    assert (bc.verify(clusters(), betas=[1], self_pairs="include", negatives=4).run.losses.se == 0).all()
    assert (bc.verify(clusters(), betas=[1], self_pairs="include", anchors=30).run.losses.se > 0).all()


AWKWARD: dict[str, tuple[EmbeddingSet, dict[str, Any]]] = {
    "three instances": (EmbeddingSet(np.eye(3) + 0.1, [0, 0, 1]), {}),
    "every class one instance": (clusters(per_class=1, classes=4), {}),
    "two instances": (EmbeddingSet(np.random.default_rng(0).standard_normal((2, 2, 3)), ["a", "b"]), {}),
    "one dimension": (EmbeddingSet(np.random.default_rng(0).standard_normal((12, 2, 1)), np.arange(12) % 2), {}),
    "all points one": (EmbeddingSet(np.ones((9, 2, 3)), np.arange(9) % 3), {}),
    "cold and hard": (clusters(), {"temperature": 0.01, "betas": [100]}),
    "no tilts": (clusters(), {"betas": []}),
    "two classes, one view": (clusters(classes=2, views=1), {"positives": "class"}),
    "three views": (clusters(per_class=4, views=3), {"positives": "class"}),
    "empty tilt": (clusters(), {"hardening": "threshold:1"}),
    "antipodal collapse": (EmbeddingSet(*collapsed(2, 5, 2)), {"hardening": FAMILIES, "temperature": 0.05}),
    "the population": (clusters(), {"self_pairs": "include", "positives": "class"}),
    "balanced prior": (clusters().subset(np.arange(10, 36)), {"class_prior": "balanced"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_data_get_honest_answers(name: str, tmp_path: Path) -> None:
    emb, options = AWKWARD[name]
    found = bc.verify(emb, q=[0.1, 1, math.inf], **options)
    frame = found.to_frame()
    assert set(found.claims) == set(CLAIMS)
    assert violated(found).empty
    assert frame.reason[frame.verdict == "inapplicable"].str.len().gt(0).all()
    decided = frame.verdict.map(is_met) | frame.verdict.map(is_unmet)
    assert frame.gap[decided].notna().all() and not frame.reason.str.contains("nan").any()
    save_run(found.run, tmp_path / "run")
    assert len(load_run(tmp_path / "run").claims) == len(frame)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["every class one instance", "empty tilt", "antipodal collapse"])
def test_awkward_data_get_a_report(name: str, tmp_path: Path) -> None:
    emb, options = AWKWARD[name]
    bc.verify(emb, q=[1, math.inf], **options).save(tmp_path / "run")
    assert "</html>" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.slow
def test_equality_at_neural_collapse_violates_nothing() -> None:
    """A sample of it holds nothing but near-duplicates; taken as the population, it meets the theorems."""
    for dtype in (np.float32, np.float64):
        z, y = collapsed(4, 5, 2)
        emb = EmbeddingSet(z.astype(dtype), y)
        options: dict[str, Any] = {"temperature": 0.05, "q": [0.1, 1, 10, math.inf]}
        sample = bc.verify(emb, **options)
        verdicts = {name: result.verdict for name, result in sample.claims.items()}
        assert {name for name, verdict in verdicts.items() if is_unmet(verdict)} <= {"hscl_ge_ucl"}
        exact = {verdicts[name] for name, claim in CLAIMS.items() if claim.kind == "exact"}
        assert exact == {"passes", "inapplicable"}
        theorems = ["hscl_le_hucl", "scl_le_ucl", "scl_ge_collapse"]
        population = bc.verify(
            emb, claims=[*theorems, "hscl_ge_ucl"], self_pairs="include", positives="class", **options
        )
        assert population.claims["hscl_ge_ucl"].verdict == "does not occur"
        assert {population.claims[name].verdict for name in theorems} == {"holds"}


@pytest.mark.study
@settings(max_examples=30)
@given(
    embedding_sets(),
    st.sampled_from([0.01, 0.07, 0.5, 1.0]),
    st.sampled_from([(0.5,), (1.0, 30.0), (100.0,)]),
    st.sampled_from(["empirical", "balanced"]),
    st.sampled_from(["exclude", "include"]),
    st.sampled_from(["auto", "class"]),
)
def test_no_false_alarm_on_any_data(
    emb: EmbeddingSet, temperature: float, betas: tuple[float, ...], prior: str, self_pairs: str, mode: str
) -> None:
    found = bc.verify(
        emb,
        temperature=temperature,
        betas=betas,
        hardening=FAMILIES,
        q=[0.1, math.inf],
        class_prior=prior,
        self_pairs=self_pairs,
        positives=mode,
    )
    frame = found.to_frame()
    assert violated(found).empty
    assert frame.gap[frame.verdict.map(is_met) | frame.verdict.map(is_unmet)].notna().all()
    exact = frame[(frame.kind == "exact") & frame.hardening.isin(["exp", ""])]
    assert set(exact.verdict) <= {"passes", "inapplicable"}
    assert (exact.reason[exact.verdict == "inapplicable"].str.startswith("is about")).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 0}, "temperature: must be a finite number > 0, received 0"),
        ({"temperature": -1}, "temperature: must be a finite number > 0, received -1"),
        ({"temperature": math.nan}, "temperature: must be a finite number > 0, received nan"),
        ({"temperature": math.inf}, "temperature: must be a finite number > 0, received inf"),
        ({"betas": [1, -2]}, "betas: must be a finite number >= 0, received -2"),
        ({"betas": [math.nan]}, "betas: must be a finite number >= 0, received nan"),
        ({"betas": [math.inf]}, "betas: must be a finite number >= 0, received inf"),
        ({"q": [0]}, "q: must be > 0 (inf allowed), received 0"),
        ({"q": []}, "q: needs at least one value"),
        ({"q": [math.nan]}, "q: must be > 0"),
        ({"hardening": "expo"}, "hardening: expected one of exp, threshold:T, poly:P, received 'expo'"),
        ({"hardening": "threshold"}, "hardening: threshold needs a number"),
        ({"hardening": "threshold:2"}, "must be a cosine from -1 to 1, received 2"),
        ({"hardening": "poly:-1"}, "must be a power > 0, at most 1e4, received -1"),
        ({"hardening": "exp:5"}, "exp takes its tilts from betas"),
        ({"positives": "classes"}, "positives: expected one of auto, augmentation, class, received 'classes'"),
        ({"self_pairs": "yes"}, "self_pairs: expected one of exclude, include"),
        ({"class_prior": "uniform"}, "class_prior: expected one of empirical, balanced"),
        ({"claims": "hscl_le_hcl"}, "did you mean 'hscl_le_hucl'"),
        ({"claims": []}, "claims: expected at least one"),
        ({"estimator": "exakt"}, "did you mean 'exact'"),
        ({"estimator": "exact", "anchors": 4}, "estimator: exact takes every anchor"),
        ({"anchors": 1}, "anchors: must be a whole number >= 2, received 1"),
        ({"anchors": 10**6}, "anchors: must be between 2 and"),
        ({"negatives": 0}, "negatives: must be a whole number >= 1"),
        ({"confidence": 1.0}, "confidence: must be a number between 0 and 1, as 0.95, received 1"),
        ({"confidence": 95.0}, "confidence: must be a number between 0 and 1, as 0.95, received 95"),
        ({"precision": "half"}, "precision: expected one of auto, float32, float64"),
        ({"device": "gpu"}, "device: expected one of auto, cpu, cuda, mps"),
    ],
    ids=str,
)
def test_bad_options_are_one_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        bc.verify(clusters(), **options)
    message = str(error.value)
    assert said in message and "\n" not in message and len(message) < 800  # every claim's id at the longest


def test_augmentation_positives_need_two_views() -> None:
    with pytest.raises(InputError, match="augmentation needs two or more views of each instance, received 1"):
        bc.verify(clusters(views=1), positives="augmentation")


def test_class_positives_need_a_class_of_two() -> None:
    with pytest.raises(InputError, match="y: class positives need a class with two or more instances"):
        bc.verify(clusters(views=1, per_class=1))


def test_an_unknown_fail_on_is_one_line(three_families: bc.Verification) -> None:
    with pytest.raises(InputError, match="fail_on: expected one of violated, undecided, never, received 'always'"):
        three_families.failed("always")
