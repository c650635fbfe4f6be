"""Losses at finite k against enumeration of every draw, and their influences against deletion."""

import itertools
import math

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import pair_plan
from boundcheck.estimators.finite import FiniteLosses, finite_losses
from boundcheck.hardening import terms_for
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.laplace import loops, pools
from boundcheck.pairwise.laplace.loops import doubling_sums
from boundcheck.pairwise.laplace.pools import PoolTransformsOf, doublings
from boundcheck.pairwise.passes import ask
from boundcheck.spec import Execution, Variant
from tests.oracles import literal
from tests.oracles.bridge import eta_of, problem_of


def cloud(n: int, views: int, d: int = 4, seed: int = 0) -> EmbeddingSet:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return EmbeddingSet(rng.standard_normal((n, views, d)) + np.eye(3, d)[y][:, None], y)


def found(emb: EmbeddingSet, ks: tuple[int, ...], **options: object) -> FiniteLosses:
    return finite_losses(emb, Variant(**options).on(emb), ks, Execution(device="cpu"))


@pytest.mark.parametrize(
    ("views", "options"),
    [
        (1, {"positives": "class"}),
        (1, {"positives": "class", "self_pairs": "include", "temperature": 0.1}),
        (2, {"positives": "augmentation", "class_prior": "balanced"}),
        (2, {"positives": "class", "temperature": 0.1}),
    ],
    ids=str,
)
def test_the_quadrature_is_the_mean_over_every_draw(views: int, options: dict[str, object]) -> None:
    emb = cloud(5, views)
    ks = (1, 2, 3) if views == 1 else (1, 2)
    losses = found(emb, ks, betas=[2.0], hardening=["exp", "poly:2"], q=[1.0, 3.0, math.inf], **options)
    problem = problem_of(emb, losses.limit.variant)
    for key, k in itertools.product(losses.limit.keys, ks):
        eta = eta_of(key.hardening, losses.limit.variant.temperature)
        values = losses.tables[k].per_anchor(key)
        for a in range(0, emb.n * views, 2):
            anchor = (a // views, a % views)
            if not literal.positives(problem, anchor, losses.limit.variant.positives):
                assert math.isnan(float(values[a]))
                continue
            expected = mean_over_draws(problem, anchor, key.tilt.pool.id, eta, key.q, k, losses.limit.variant.positives)
            assert float(values[a]) == pytest.approx(expected, abs=5e-6), (key, k, anchor)


def mean_over_draws(
    problem: literal.Problem, a: literal.Anchor, pool: str, eta: literal.LogEta, q: float, k: int, positives: str
) -> float:
    """E log(1 + Q mean of k draws of e^(t - t_p)), averaged over the positives, by enumeration."""
    candidates, at = literal.pool(problem, a, pool), literal.positives(problem, a, positives)
    t = np.array([problem.logit(a, b) for b in candidates])
    log_p = np.array([math.log(problem.weight(b[0])) + eta(x) for b, x in zip(candidates, t, strict=True)])
    p = np.exp(log_p - literal.log_sum(log_p))
    total = 0.0
    for draw in itertools.product(range(len(t)), repeat=k):
        chosen = list(draw)
        log_mean = literal.log_sum(t[chosen]) - math.log(k)
        losses = [literal.loss_term(q, log_mean, problem.logit(a, b)) for b in at]
        total += p[chosen].prod() * float(np.mean(losses))
    return total


def test_one_exponential_serves_every_node() -> None:
    t = torch.linspace(-6, 2, 40, dtype=torch.float64).view(2, 20)
    log_u = torch.tensor([-3.0, 0.5], dtype=torch.float64)
    for g, y in enumerate(doublings(t, log_u, 12)):
        assert torch.allclose(y, -torch.expm1(-(2**g) * (t + log_u[:, None]).exp()), rtol=1e-12)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_compiled_loop_is_the_same_sum(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    emb = cloud(40, 2)
    spec = Variant(betas=[1.0, 5.0], hardening=["exp", "poly:2"], class_prior="balanced").on(emb)

    def sums() -> torch.Tensor:
        plan = pair_plan(emb, spec, Execution(device="cpu", precision=precision))
        table = ask(plan, LogSumsOf(terms_for(spec.hardenings)))
        log_u = torch.linspace(-9, -6, 80, dtype=torch.float64)
        # with a second exponential at the 32nd node
        asked = PoolTransformsOf(table=table, hardenings=spec.hardenings, log_u=log_u, nodes=40)
        return ask(plan, asked).deficit

    made = []
    monkeypatch.setattr(loops, "doubling_sums", lambda *given: made.append(doubling_sums(*given)) or made[-1])
    fast = sums()
    assert made
    monkeypatch.setattr(pools, "compiled", lambda plan: False)
    tolerance = {"float32": 2e-6, "float64": 1e-13}[precision]
    torch.testing.assert_close(fast, sums(), rtol=tolerance, atol=0)


def test_large_k_is_the_limit_and_the_second_order_prediction_leads_there() -> None:
    losses = found(cloud(60, 2), (10, 1000, 100_000), betas=[1.0], positives="class")
    for f, key in enumerate(losses.limit.keys):
        gaps = [losses.gap(key, k).plugin for k in losses.ks]
        assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-4
        assert gaps[1] * 1000 == pytest.approx(float(losses.predicted[f]), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("positives", ["augmentation", "class"])
def test_standard_errors_agree_with_the_jackknife(positives: str) -> None:
    emb = cloud(30, 2, seed=3)
    losses = found(emb, (1, 20), betas=[1.0], positives=positives)
    options = {"betas": [1.0], "positives": positives}
    without = [found(emb.subset(np.delete(np.arange(30), x)), (1, 20), **options) for x in range(30)]
    for key, k in itertools.product(losses.limit.keys, (1, 20)):
        deleted = np.array([other.tables[k].loss(key).plugin for other in without])
        se = math.sqrt(29 / 30 * ((deleted - deleted.mean()) ** 2).sum())
        assert losses.tables[k].loss(key).se == pytest.approx(se, rel=0.15), (key, k)
        gaps = np.array([other.gap(key, k).plugin for other in without])
        se = math.sqrt(29 / 30 * ((gaps - gaps.mean()) ** 2).sum())
        assert losses.gap(key, k).se == pytest.approx(se, rel=0.4), (key, k)  # deletion is second-order large here


@pytest.mark.parametrize("self_pairs", ["exclude", "include"])
def test_logits_of_hundreds_do_not_underflow(self_pairs: str) -> None:
    """Rows of norm 20 at temperature 0.5: what is zero at the first node must not stay zero."""
    rng = np.random.default_rng(0)
    emb = EmbeddingSet(20 * cloud(24, 1).z * rng.uniform(0.9, 1.1, (24, 1, 1)), np.arange(24) % 3, normalize=False)
    options = {"betas": [1.0], "positives": "class", "self_pairs": self_pairs}
    finite = finite_losses(emb, Variant(**options).on(emb), (1, 1000), Execution(device="cpu"), intervals=False)
    problem = problem_of(emb, finite.limit.variant)
    for key in finite.limit.keys:
        for a in (0, 7, 16):
            eta = eta_of(key.hardening, 0.5)
            expected = mean_over_draws(problem, (a, 0), key.tilt.pool.id, eta, key.q, 1, "class")
            assert float(finite.tables[1].per_anchor(key)[a]) == pytest.approx(expected, abs=1e-4)
        steps = torch.stack([*(t.per_anchor(key) for t in finite.tables.values()), finite.limit.per_anchor(key)])
        assert float(steps.diff(dim=0).min()) > -1e-4


@pytest.mark.parametrize(("views", "positives"), [(1, "class"), (2, "augmentation")])
@pytest.mark.parametrize("q", [1.0, 1e4])
def test_one_near_negative_among_many_far_ones_keeps_its_mass(views: int, positives: str, q: float) -> None:
    """Its logit is 20 above all others, the positive's too: without regard to it the nodes begin 2e-5 nats too late."""
    n, tau = 40_000 // views, 0.1
    z = np.zeros((n, views, 2))
    z[..., 0] = -1
    z[0, 0, 0] = z[2, :, 0] = 1  # the anchor and the near negative
    y = np.ones(n, dtype=int)
    y[:2] = 0
    emb = EmbeddingSet(z, y)
    spec = Variant(temperature=tau, betas=[], q=[q], positives=positives).on(emb)
    anchor = torch.tensor([0])
    losses = finite_losses(
        emb, spec, (1,), Execution(device="cpu", precision="float64"), anchors=anchor, intervals=False
    )
    for key in spec.keys:
        far = n - 3 + (key.loss.id == "ucl")
        at = [np.log1p(q * np.exp((cosine + 1) / tau)) for cosine in (-1, 1)]
        expected = (far * at[0] + at[1]) / (far + 1)
        assert float(losses.tables[1].per_anchor(key)[0]) == pytest.approx(expected, abs=2e-6)


def test_a_class_of_one_spoils_no_standard_error() -> None:
    y = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3])
    simplex = np.eye(4) - 0.25
    emb = EmbeddingSet(np.repeat(simplex[y][:, None], 2, axis=1), y)
    losses = found(emb, (1, 10), temperature=0.01, betas=[30.0])
    for key, k in itertools.product(losses.limit.keys, (1, 10)):
        assert math.isfinite(losses.tables[k].loss(key).se) and math.isfinite(losses.gap(key, k).se), (key, k)
