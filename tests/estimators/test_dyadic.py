"""The number of negatives that is as good as infinitely many, against the losses at the k around it."""

import math

import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.dyadic import least_k
from boundcheck.estimators.finite import EPSILONS, finite_losses
from boundcheck.spec import Execution, Variant
from tests.strategies import clouds

EMB = EmbeddingSet(*clouds("clustered", n=40, v=2, d=6, seed=2))
EXECUTION = Execution(device="cpu", precision="float64")


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_it_is_right_to_a_per_cent(positives, temperature):
    """Exactly right below 100, where a per cent is less than one negative."""
    spec = Variant(betas=[2.0], q=[1.0, 7.0, math.inf], positives=positives, temperature=temperature).on(EMB)
    losses = finite_losses(EMB, spec, (10, 100_000), EXECUTION, intervals=False)
    answers = {(key, e): losses.k_epsilon(key, e) for key in spec.keys for e in (*EPSILONS, 3e-4)}
    finite = {int(k) for k in answers.values() if math.isfinite(k)}
    assert len(finite) > 20 and max(finite) > 1000
    around = {k: (max(1, min(k - 1, int(k / 1.01))), max(k, int(k * 1.01))) for k in finite}
    dense = finite_losses(EMB, spec, sorted({k for pair in around.values() for k in pair}), EXECUTION, intervals=False)
    for (key, epsilon), k in answers.items():
        assert math.isfinite(k) or losses.gap(key, 100_000).plugin > epsilon
        if math.isfinite(k):
            low, high = around[int(k)]
            assert dense.gap(key, high).plugin <= epsilon + 2e-6
            assert k == 1 or dense.gap(key, low).plugin > epsilon - 2e-6


def test_it_does_not_depend_on_which_k_were_asked_for():
    spec = Variant(betas=[2.0], q=[1.0, math.inf]).on(EMB)
    few, many = (finite_losses(EMB, spec, ks, EXECUTION, intervals=False) for ks in ((300,), (1, 7, 50, 300)))
    for key in spec.keys:
        for epsilon in EPSILONS:
            assert few.k_epsilon(key, epsilon) == pytest.approx(many.k_epsilon(key, epsilon), rel=1e-3)
    with pytest.raises(InputError, match="epsilon: must be a finite number > 0"):
        few.k_epsilon(spec.keys[0], 0.0)


def test_gaps_that_fall_as_the_inverse_are_met_exactly():
    ks = [2**j for j in range(12)]
    gaps = 0.5 / torch.tensor(ks).double()
    assert least_k(ks, gaps, 0.5 / 77.5) == 78
    assert least_k(ks, gaps, 0.6) == 1 and least_k(ks, gaps, 1e-5) == math.inf
    assert least_k(ks, torch.where(gaps > 0.01, gaps, 0.0), 0.011) in range(33, 64)  # zero is rounding
    # Between the first two numbers of negatives as well.
    assert least_k(ks, gaps, 0.5 / 1.5) == 2
    assert least_k([1, 1024], 0.5 / torch.tensor([1, 1024]).double(), 0.5 / 100) == pytest.approx(100, abs=1)
