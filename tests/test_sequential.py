"""Sampling until the verdicts are decided: it stops when it may, says why, and its intervals are wider for it."""

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.claims import choose_claims, judge
from boundcheck.claims.evidence import gather
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators import LossTable, pair_plan, parse_population
from boundcheck.hardening import CONSTANT
from boundcheck.losses import SCL, UCL, LossKey
from boundcheck.sequential import until_decided
from boundcheck.spec import Execution, Variant


@pytest.fixture(scope="module")
def sample() -> EmbeddingSet:
    return parse_population("vmf:classes=4,dim=8,kappa=10,n=1200,views=2").sample(1)


def gap(table: LossTable) -> tuple[float, float, float]:
    estimate = table.gap(LossKey(UCL, CONSTANT, 1.0), LossKey(SCL, CONSTANT, 1.0))
    return (estimate.value, *estimate.interval(0.95))


def test_it_stops_at_the_first_look_where_all_is_decided(sample):
    result = bc.verify(sample, betas=[1.0], claims="scl_le_ucl,hscl_le_hucl", until_decided=True, device="cpu")
    assert (result.run.claims.verdict == "holds").all()
    choice = result.run.manifest["choice"]
    assert choice["looks"] == [[500, 0]]
    assert choice["reason"].startswith("stopped at 500 of 2,400 anchors (look 1): every")
    assert (result.run.losses.n_anchors == 500).all()


def test_what_cannot_be_decided_spends_the_budget():
    """Labels without meaning: no gap but by chance, so the verdict stays open; a budget stops it, or the anchors do."""
    rng = np.random.default_rng(5)
    emb = EmbeddingSet(rng.standard_normal((700, 2, 8)), rng.permutation(np.arange(700) % 2))
    spec = Variant(betas=[]).on(emb)
    claims = [bc.CLAIMS["scl_le_ucl"]]
    execution = Execution(device="cpu")
    plan = pair_plan(emb, spec, execution)
    few, _, stop = until_decided(emb, spec, claims, execution, plan, max_anchors=900)
    assert [look[0] for look in stop.looks] == [500, 900]
    assert "one verdict is undecided; the budget of 900 anchors is spent" in stop.reason
    assert len(few.losses.table.anchors) == 900
    _, _, stop = until_decided(emb, spec, claims, execution, plan)
    assert [look[0] for look in stop.looks] == [500, 1000, 1400]
    assert stop.reason.endswith("undecided; all anchors are in")


def test_intervals_are_wider_than_at_a_fixed_number_and_samples_are_nested(sample):
    spec = Variant(betas=[]).on(sample)
    execution = Execution(device="cpu")
    plan = pair_plan(sample, spec, execution)
    looks = [until_decided(sample, spec, [], execution, plan, max_anchors=m)[0].losses for m in (250, 500)]
    fixed = bc.estimate(sample, betas=[], anchors=500, device="cpu")
    value, low, high = gap(looks[1])
    plain, plain_low, plain_high = gap(fixed)
    assert value == pytest.approx(plain)
    assert low < plain_low < plain_high < high
    assert set(looks[0].table.anchors.tolist()) < set(looks[1].table.anchors.tolist())


def test_the_error_about_the_data_is_what_sampling_anchors_leaves(sample):
    keys = {LossKey(UCL, CONSTANT, 1.0): 1.0, LossKey(SCL, CONSTANT, 1.0): -1.0}
    runs = [bc.estimate(sample, betas=[], anchors=600, seed=seed, device="cpu", intervals=False) for seed in range(40)]
    scatter = np.std([run.combine(keys).plugin for run in runs], ddof=1)
    assert np.mean([run.sampling_error(keys) for run in runs]) == pytest.approx(scatter, rel=0.3)
    assert bc.estimate(sample, betas=[], device="cpu", intervals=False).sampling_error(keys) == 0


@pytest.mark.parametrize("options", [dict(anchors=50), dict(estimator="exact"), dict(estimator="closed")])
def test_it_samples_by_itself(sample, options):
    with pytest.raises(InputError, match="until_decided: samples anchors of embeddings by itself"):
        bc.verify(sample, until_decided=True, **options)


def test_a_budget_is_two_anchors_or_more(sample):
    with pytest.raises(InputError, match="max_anchors: must be a whole number >= 2, received 1"):
        bc.verify(sample, until_decided=1)


def test_it_does_not_wait_for_what_anchors_cannot_decide(sample):
    """A tilt that leaves a handful of negatives leaves them at any number of anchors."""
    claims = choose_claims("hscl_le_hucl")
    spec = Variant(betas=[1.0, 80.0]).on(sample)
    execution = Execution(device="cpu")
    measured, plan, stopping = until_decided(sample, spec, claims, execution, pair_plan(sample, spec, execution))
    verdicts = {j.finding.beta: j.verdict for j in judge(claims[0], gather(measured, execution, plan), 0.95)}
    assert verdicts == {1.0: "holds", 80.0: "undecided"}
    assert stopping.looks[-1][1] == 0 and len(measured.losses.table.anchors) < sample.n * sample.v
