"""Claims are run in the configuration that they declare, and the others are left as they are."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import boundcheck as bc
from boundcheck.claims import CLAIMS
from boundcheck.claims.ucl_ge_collapse import floor
from boundcheck.errors import InputError
from boundcheck.falsification import search
from boundcheck.report.figures.bounds import draw_bounds
from boundcheck.report.listing import saved_runs, standing
from boundcheck.report.tables import claims_table
from boundcheck.runs import of_own

MOVED = ("ucl_ge_collapse", "bao_upper", "wang_upper", "worst_case_bounds_1nn", "uniformity_floor")


def two_views(n: int, c: int = 3) -> bc.EmbeddingSet:
    rng = np.random.default_rng(0)
    y = np.minimum(rng.geometric(0.5, n) - 1, c - 1)  # unbalanced
    return bc.EmbeddingSet(np.eye(c, 8)[y][:, None] + 0.4 * rng.standard_normal((n, 2, 8)), y)


@pytest.fixture(scope="module")
def emb() -> bc.EmbeddingSet:
    return two_views(90)


@pytest.fixture(scope="module")
def cheap(emb: bc.EmbeddingSet) -> bc.Verification:
    return bc.verify(emb, betas=[1], null=False, configurations="cheap")


def test_what_runs_as_it_is_does_not_change(emb: bc.EmbeddingSet, cheap: bc.Verification) -> None:
    own = bc.verify(emb, betas=[1], null=False, configurations="own").run.claims
    assert not own.configuration.any()
    found = cheap.run.claims
    ours = found[found.configuration == ""].reset_index(drop=True)
    before = own[own.claim.isin(ours.claim)].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, before)
    assert set(own.claim[own.verdict == "inapplicable"]) > set(found.claim[found.verdict == "inapplicable"])
    assert {"bao_upper", "worst_case_bounds_1nn"} <= set(found.claim[found.configuration != ""])


@pytest.mark.slow
def test_numbers_of_other_configurations_stand_nowhere_as_those_of_the_run(
    cheap: bc.Verification, tmp_path: Path
) -> None:
    """They are of a sample: tables, words and figures are about the run."""
    run, own = cheap.run, of_own(cheap.run.claims)
    others = set(run.claims.claim) - set(own.claim)
    assert {"bao_upper", "uniformity_floor"} <= others
    assert not others & set(claims_table(run)["Claim"])
    titles = [run.manifest["catalogue"][claim]["title"] for claim in others]
    assert not any(title in bc.table.methods(cheap, "text") for title in titles)
    assert standing(run.claims, run.manifest) == standing(own, run.manifest)
    assert draw_bounds(run) is None
    with pytest.raises(InputError, match="self_pairs='include'"):
        bc.plot.bounds(cheap)
    page = (cheap.save(tmp_path / "run") / "report.html").read_text(encoding="utf-8")
    assert saved_runs(tmp_path)[0].verdict == standing(own, run.manifest)
    assert "over all Q" not in page and "Apart, each in the configuration" in page


def test_what_another_configuration_contradicts_is_counted_all_the_same(cheap: bc.Verification) -> None:
    claims = cheap.run.claims.copy()
    claims.loc[claims.claim == "ucl_ge_collapse", "verdict"] = "violated"
    assert "1 contradicted" in standing(claims, cheap.run.manifest)


@pytest.mark.parametrize("claim", MOVED)
def test_the_numbers_are_those_of_a_run_in_that_configuration(
    claim: str, emb: bc.EmbeddingSet, cheap: bc.Verification
) -> None:
    row = cheap.claims[claim].frame
    options = dict(part.split("=") for part in row.configuration[0].split(", "))
    first = bc.EmbeddingSet(emb.z[:, :1], emb.y) if options.pop("views", "2") == "1" else emb
    there = bc.verify(first, betas=[1], null=False, claims=claim, **options).claims[claim].frame
    for column in ("lhs", "rhs", "gap", "verdict", "n_anchors"):
        assert row[column].tolist() == pytest.approx(there[column].tolist()) or column == "verdict"
    assert row.verdict.tolist() == there.verdict.tolist()
    assert "In another configuration: " + row.configuration[0] in row.reason[0]


def test_theorems_that_need_another_estimate_are_run_when_asked_for(
    emb: bc.EmbeddingSet, cheap: bc.Verification
) -> None:
    assert cheap.claims["scl_ge_collapse"].verdict == "inapplicable"  # unbalanced classes
    found = bc.verify(emb, betas=[1], null=False, configurations="all", claims="scl_ge_collapse").to_frame()
    assert set(found.configuration) == {"class_prior=balanced"} and (found.se > 0).all()
    there = bc.verify(emb, betas=[1], null=False, class_prior="balanced", claims="scl_ge_collapse").to_frame()
    assert found.gap.tolist() == pytest.approx(there.gap.tolist()) and found.se.tolist() == pytest.approx(
        there.se.tolist()
    )


def test_many_instances_are_a_sample_and_say_so() -> None:
    claims = "wang_upper,scl_bounds_ranking"
    found = bc.verify(two_views(400), betas=[], null=False, claims=claims, configurations="cheap").to_frame()
    assert found.verdict.tolist() == ["holds", "passes"]
    assert found.configuration.str.contains("on a sample of 1[0-9][0-9] instances of 3 classes").all()
    assert (found.n_anchors < 256 + 2 * 3).all()


@pytest.mark.parametrize(
    ("claim", "options"),
    [
        ("scl_ge_collapse", {"configurations": "all"}),  # an interval needs them all
        ("ucl_minus_nscl", {"configurations": "all", "self_pairs": "include"}),  # the run itself looked at them all
    ],
)
def test_many_instances_are_all_looked_at_where_a_sample_would_not_do(claim: str, options: dict[str, str]) -> None:
    found = bc.verify(two_views(300), betas=[], null=False, claims=claim, **options).to_frame()
    assert found.configuration.str.len().min() > 0 and not found.configuration.str.contains("sample").any()
    assert set(found.n_anchors) == {600}


def test_what_the_data_cannot_give_stays_untested(emb: bc.EmbeddingSet) -> None:
    options = {"betas": [], "null": False, "configurations": "cheap"}
    unlabelled = bc.verify(emb.without_labels(), claims="bao_upper,wang_upper", **options).to_frame()
    assert set(unlabelled.verdict) == {"inapplicable"}
    one = bc.verify(bc.EmbeddingSet(emb.z[:, 0], emb.y), claims="ucl_ge_instances", **options).to_frame()
    assert one.verdict.tolist() == ["inapplicable"] and "the data have one of each" in one.reason[0]
    with pytest.raises(InputError, match="configurations"):
        bc.verify(emb, configurations="some")


def test_a_collapsed_encoder_concludes_nothing_elsewhere_either() -> None:
    z = 1 + 1e-5 * np.random.default_rng(0).standard_normal((120, 2, 4))
    found = bc.verify(bc.EmbeddingSet(z, np.arange(120) % 3), betas=[1], null=False, configurations="cheap").to_frame()
    there = found[(found.configuration != "") & (found.kind != "exact") & (found.verdict != "inapplicable")]
    assert len(there) > 5 and set(there.verdict) == {"undecided"}
    assert there.reason.str.contains("collapsed").all()


def test_only_first_views_remain(emb: bc.EmbeddingSet) -> None:
    first = emb.first_views(1)
    assert first.v == 1 and first.unit_norm and emb.first_views(2) is emb
    np.testing.assert_array_equal(first.z, emb.z[:, :1])


@pytest.mark.parametrize(
    ("claim", "options"),
    [
        ("ucl_ge_collapse", {"self_pairs": "include", "class_prior": "balanced", "views": 1}),
        ("ucl_ge_instances", {"positives": "augmentation", "views": 2}),
        ("hscl_le_hucl", {"self_pairs": "exclude", "class_prior": "empirical", "views": 1}),
    ],
)
def test_falsify_searches_what_the_claim_declares(claim: str, options: dict[str, object]) -> None:
    config = search(claim, classes=2, points=6, dim=3, seconds=0.2).config
    assert {name: config[name] for name in options} == options


def test_what_is_asked_for_by_name_stays() -> None:
    with pytest.raises(InputError, match="does not apply to these options"):
        search("ucl_ge_collapse", seconds=0.2, self_pairs="exclude")


def test_falsify_finds_a_false_variant_where_it_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"floor": lambda c, tau, q: floor(c, 2 * tau, q)}
    monkeypatch.setattr(import_module("boundcheck.claims.ucl_ge_collapse"), "floor", wrong["floor"])
    torch.manual_seed(0)
    found = search("ucl_ge_collapse", classes=2, points=4, dim=2, seconds=20).counterexample
    assert found is not None and found.judgement.verdict == "violated"
    assert CLAIMS["ucl_ge_collapse"].kind == "theorem"


def test_a_run_names_the_claims_that_another_configuration_would_test(emb: bc.EmbeddingSet) -> None:
    """What `waiting` names is what `configurations="all"` tests beside, no more and no less."""
    own, everything = (bc.verify(emb, betas=[1.0], configurations=which) for which in ("own", "all"))
    apart = {name for name, result in everything.claims.items() if (result.frame.configuration != "").any()}
    assert apart and set(own.run.manifest["choice"]["waiting"]) == apart
    assert everything.run.manifest["choice"]["waiting"] == []


@pytest.mark.slow
def test_clusters_are_one_draw_in_another_configuration_too(emb: bc.EmbeddingSet) -> None:
    """Every instance twice, told that it is one draw: there, too, the error is that of half as many."""
    twice = bc.EmbeddingSet(np.repeat(emb.z, 2, axis=0), np.repeat(emb.y, 2))
    options = dict(claims=["positives_exceed_negatives"], betas=[], design="iid", null=False, positives="class")
    frames = [
        bc.verify(e, duplicates=how, configurations="all", **options).to_frame()
        for e, how in ((emb, "keep"), (twice, "keep"), (twice, "group"))
    ]
    assert all("positives=augmentation" in frame.configuration.item() for frame in frames)
    alone, kept, grouped = (frame.se.item() for frame in frames)
    assert kept == pytest.approx(alone / np.sqrt(2), rel=0.05)
    assert grouped == pytest.approx(alone, rel=0.05)
