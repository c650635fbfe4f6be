"""What `auto` chooses: all pairs where they are affordable, and a reason either way."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import boundcheck as bc
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import choice
from boundcheck.estimators.choice import choose
from boundcheck.hardening import Exponential, Threshold
from boundcheck.pairwise import plain_sums
from boundcheck.spec import Variant
from tests.strategies import clouds

SPEC = Variant(0.5, hardening=(Exponential(1.0), Exponential(5.0)))


def set_of(n: int, v: int = 1) -> EmbeddingSet:
    return EmbeddingSet(np.random.default_rng(0).standard_normal((n, v, 2)).astype(np.float32), np.arange(n) % 2)


def test_small_sets_are_exact_and_large_ones_sampled():
    small, large = choose(set_of(2000), SPEC, cores=2), choose(set_of(1_000_000), SPEC, cores=2)
    assert (small.estimator, small.anchors) == ("exact", None)
    assert large.estimator == "montecarlo"
    assert 2000 <= large.anchors < 1_000_000
    assert "exceed" in large.reason
    assert f"{large.anchors:,}" in large.reason


def test_more_cores_fewer_terms_and_single_precision_allow_more():
    emb = set_of(2_000_000)
    base = choose(emb, SPEC, cores=2).anchors
    assert choose(emb, SPEC, cores=4).anchors > base
    assert choose(emb, Variant(0.5, hardening=()), cores=2).anchors > base
    assert choose(emb, SPEC, precision="float64", cores=2).anchors < base


def test_memory_counts_too(monkeypatch):
    monkeypatch.setattr(choice, "GIGABYTES", 1e-4)
    found = choose(set_of(5000), SPEC, cores=2)
    assert found.estimator == "montecarlo"
    assert found.anchors == 2000


@pytest.mark.slow
def test_the_memory_told_is_that_of_log_sums_and_influences_in_float64():
    """Two log-sums of each power 0, 1, 2, 5 and 6 of e^t, four numbers of each of six losses, eight bytes each."""
    assert "and 3 GB" in choose(set_of(10_000_000), SPEC, cores=2).reason
    assert pytest.approx(2.72) == (2 * 5 + 4 * 6) * 8 * 1e7 * 1e-9


def test_the_table_says_why():
    emb = EmbeddingSet(*clouds("clustered", n=40, v=2, d=6))
    auto = bc.estimate(emb, device="cpu")
    assert auto.reason.startswith("exact: 80 anchors x 80 candidates x 2 passes, float32")
    assert bc.estimate(emb, estimator="exact", device="cpu").reason == ""
    assert "asked for" in bc.estimate(emb, anchors=30, device="cpu").reason
    assert bc.verify(emb, claims="scl_le_ucl", device="cpu").run.manifest["choice"]["reason"] == auto.reason


def test_the_estimated_cost_is_that_of_the_measured_runs(monkeypatch):
    """Of every row with intervals and 10,000 anchors or more, within 60 %."""
    table = pd.read_csv(Path(__file__).parents[2] / "results" / "benchmarks" / "pairs.csv")
    table = table[table.method.str.endswith("_intervals") & (table.n >= 10_000)]
    assert len(table) > 10
    assert table.method.nunique() == 2
    for row in table.itertuples():
        with monkeypatch.context() as patch:
            if row.method == "boundcheck_torch_intervals":
                patch.setattr(plain_sums, "find_spec", lambda name: None)
            emb = EmbeddingSet(np.ones((row.n, 1, row.d), np.float32), np.arange(row.n) % 2)
            spec = Variant(row.temperature, hardening=tuple(Exponential(float(beta)) for beta in row.betas.split()))
            about = choose(emb, spec, cores=row.cores).reason.split("about ")[1]
        assert float(about.split(" s")[0]) == pytest.approx(row.seconds, rel=0.6), row


def test_what_is_not_compiled_costs_more():
    emb = set_of(300_000)
    assert choose(emb, SPEC, cores=2).anchors is None
    for spec in (Variant(0.01, hardening=(Exponential(10.0),)), Variant(0.5, hardening=(Threshold(0.1), *SPEC.tilts))):
        assert "exceed" in choose(emb, spec, cores=2).reason


def test_a_gap_is_one_loss_less_the_other():
    losses = bc.estimate(EmbeddingSet(*clouds("clustered", n=40, v=2, d=6)), betas=[1.0], device="cpu")
    high, low = losses.keys[0], losses.keys[-1]
    gap, one, other = losses.gap(high, low), losses.loss(high), losses.loss(low)
    assert gap.plugin == pytest.approx(one.plugin - other.plugin) and gap.plugin != 0
    assert gap.value == pytest.approx(one.value - other.value)
    assert losses.gap(high, high).plugin == losses.gap(high, high).se == 0


def test_what_sampling_anchors_leaves_is_the_error_of_a_mean_without_replacement():
    losses = bc.estimate(EmbeddingSet(*clouds("clustered", n=40, v=2, d=6)), betas=[1.0], anchors=30, device="cpu")
    for key in losses.keys:
        values = losses.per_anchor(key).numpy()
        expected = np.sqrt((1 - 30 / 80) * values.var(ddof=1) / 30)
        assert losses.sampling_error({key: 1.0}) == pytest.approx(expected)


def test_a_loss_less_a_statistic_is_their_difference_with_the_error_of_both():
    losses = bc.estimate(EmbeddingSet(*clouds("clustered", n=40, v=2, d=6)), betas=[1.0], device="cpu")
    key = losses.keys[-1]
    loss, found = losses.loss(key), losses.less(key, 0.3, torch.zeros(40, dtype=torch.float64))
    assert (found.value, found.plugin) == (pytest.approx(loss.value - 0.3), pytest.approx(loss.plugin - 0.3))
    assert found.se == pytest.approx(loss.se)
