"""Differentiable losses at finite k: against the passes, and their gradients against differences."""

import math

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.dense import dense
from boundcheck.estimators.dense_finite import dense_finite_losses, dense_summed_losses
from boundcheck.estimators.exact import pair_plan
from boundcheck.estimators.finite import finite_losses
from boundcheck.estimators.quadrature import summed_losses
from boundcheck.pairwise.passes import run_one
from boundcheck.spec import Execution, Variant
from tests.strategies import clouds

EMB = EmbeddingSet(*clouds("clustered", n=14, v=2, d=4, seed=3))
SINGLE = EmbeddingSet(EMB.z[:, :1], [*EMB.y[:-1], 99])
VARIANTS = [
    (EMB, dict(positives="augmentation", q=[1.0, 3.0, math.inf])),
    (EMB, dict(positives="class", class_prior="balanced", temperature=0.1)),
    (SINGLE, dict(positives="class", hardening=["exp", "threshold:0.5"])),
    (SINGLE, dict(positives="class", self_pairs="include", hardening="poly:2")),
]


@pytest.mark.parametrize(("emb", "options"), VARIANTS, ids=range(4))
def test_the_visits_give_the_same(emb, options):
    spec = Variant(betas=[2.0], **options).on(emb)
    z = torch.from_numpy(emb.z).to(torch.float64)
    limit = dense(emb, spec, z=z)[0]
    tables = dense_finite_losses(limit, z, (1, 7, 500))
    known = finite_losses(emb, spec, (1, 7, 500), Execution(device="cpu", precision="float64"), intervals=False)
    for k in (1, 7, 500):
        torch.testing.assert_close(
            tables[k].losses.value, known.tables[k].losses.value, rtol=0, atol=1e-6, equal_nan=True
        )
    if spec.positives == "class":
        plan = pair_plan(emb, spec, Execution(device="cpu", precision="float64"))
        found, other = dense_summed_losses(limit, z, (1, 64)), run_one(plan, summed_losses(limit, (1, 64)))
        torch.testing.assert_close(found, other, rtol=0, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("positives", ["augmentation", "class"])
def test_gradients_are_those_of_the_losses(positives):
    spec = Variant(betas=[2.0], q=[1.0, math.inf], positives=positives).on(EMB)
    direction = torch.from_numpy(np.random.default_rng(0).standard_normal(EMB.z.shape))

    def total(z):
        limit = dense(EMB, spec, z=z)[0]
        tables = dense_finite_losses(limit, z, (1, 20))
        summed = dense_summed_losses(limit, z, (1, 64))
        return torch.stack([*(table.losses.value.mean() for table in tables.values()), summed.mean()])

    start = torch.from_numpy(EMB.z.copy()).to(torch.float64)
    with torch.no_grad():
        slope = (total(start + 1e-4 * direction) - total(start - 1e-4 * direction)) / 2e-4
    z = start.requires_grad_()
    for value, expected in zip(total(z), slope, strict=True):
        (gradient,) = torch.autograd.grad(value, z, retain_graph=True)
        assert float((gradient * direction).sum()) == pytest.approx(float(expected), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.1, *np.linspace(0.5, 1.0, 8)])  # the last node is up to a step farther
def test_the_grid_reaches_the_farthest_positive(temperature):
    """A positive opposite the anchor, negatives where it is: log(1 + Q e^(2 / tau)), however many are drawn."""
    emb = EmbeddingSet(np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])[:, None], [0, 0, 1, 1])
    spec = Variant(temperature, betas=[], q=[0.1, 1.0, 100.0], positives="class", losses="scl").on(emb)
    known = finite_losses(emb, spec, (1, 100), Execution(device="cpu", precision="float64"), intervals=False)
    for table in known.tables.values():
        for key in spec.keys:
            expected = [math.log1p(key.q * math.exp(2 / temperature)), math.log1p(key.q)]
            assert table.per_anchor(key)[:2].tolist() == pytest.approx(expected, abs=5e-6)
