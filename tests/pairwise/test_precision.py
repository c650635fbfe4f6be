"""Every log-sum within 1e-5 nats of a float64 brute force, with the precision chosen automatically."""

import numpy as np
import pytest

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import pair_plan
from boundcheck.hardening import Exponential, terms_for
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.passes import ask
from boundcheck.spec import Execution, Variant
from tests.oracles.bridge import plan_of
from tests.strategies import clouds
from tests.studies.precision import BETAS, PROMISE, SETS, TEMPERATURES, brute_force, study, worst_error


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_every_log_sum_keeps_the_promise(name):
    table = study(n=120, sets=(name,))
    assert len(table) == len(TEMPERATURES) * len(BETAS)
    assert set(table.precision) == {"float32", "float64"}
    assert table.worst_error_nats.max() <= PROMISE, table.loc[table.worst_error_nats.idxmax()]


def test_many_tilts_that_share_their_exponentials_keep_it_too():
    emb = EmbeddingSet(*clouds("collapsed", n=100, d=64))
    hardenings = [Exponential(beta) for beta in (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 11.0)]
    terms = terms_for(hardenings)
    expected = brute_force(emb, 0.5, [term.gamma for term in terms])
    found = ask(
        pair_plan(emb, Variant(0.5, hardening=tuple(hardenings)), Execution(device="cpu")), LogSumsOf(terms)
    ).log_sums
    np.testing.assert_allclose(found, expected, atol=PROMISE, rtol=0)


def test_vectors_that_are_not_unit_keep_it_too():
    z, y = clouds("clustered", n=100, d=64)
    emb = EmbeddingSet(z * np.linspace(1, 4, 100)[:, None, None], y, normalize=False)
    for beta in (0.0, 2.0, 30.0):
        assert worst_error(emb, 0.5, beta)[1] <= PROMISE


def test_forced_float32_is_close_at_moderate_settings_and_never_undefined():
    emb = EmbeddingSet(*clouds("clustered", n=120, d=64))
    assert worst_error(emb, 0.5, 5.0, precision="float32")[1] <= PROMISE
    plan = plan_of(emb, Variant(0.01, hardening=()), precision="float32", rows=(50, 30))
    table = ask(plan, LogSumsOf(terms_for([Exponential(100.0)])))
    assert bool(table.log_sums.isfinite().all())
