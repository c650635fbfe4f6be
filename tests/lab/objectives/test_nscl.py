from __future__ import annotations

import pytest
import torch

from boundcheck.lab.objectives import nscl, scl
from tests.lab.objectives.batches import LABELS, batch, value_and_gradient
from tests.oracles.batch_losses import looped_nscl


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("q", [None, 1.0, 7.5])
def test_it_equals_the_literal_loop(positives, decoupled, q):
    shared = {"temperature": 0.4, "positives": positives, "decoupled": decoupled, "q": q}
    computed = value_and_gradient(lambda z: nscl(z, LABELS, **shared), batch(views=3))
    expected = value_and_gradient(lambda z: looped_nscl(z, LABELS, **shared), batch(views=3))
    torch.testing.assert_close(computed, expected, rtol=1e-10, atol=1e-12)


def test_coupled_and_at_the_same_q_it_is_scl_with_augmentation_positives():
    value = nscl(batch(), LABELS, temperature=0.4, decoupled=False, q=3.0)
    torch.testing.assert_close(value, scl(batch(), LABELS, temperature=0.4, positives="augmentation", q=3.0))


def test_it_is_below_the_loss_over_all_negatives_by_at_most_the_papers_bound():
    """Luthra et al. 2025, Theorem 1, at temperature 1: log(1 + n_max e^2 / (N - n_max)) with sums over views."""
    z, y = batch(), torch.tensor([0, 0, 1, 1, 2, 2])
    everything = nscl(z, torch.arange(6), temperature=1.0)  # every instance a class: all other instances
    gap = float(everything - nscl(z, y, temperature=1.0))
    assert 0 <= gap <= float(torch.log1p(torch.exp(torch.tensor(2.0)) * 4 / 8))


@pytest.mark.parametrize("decoupled", [True, False])
def test_a_batch_of_one_class_gives_zero_with_a_gradient(decoupled):
    value, gradient = value_and_gradient(
        lambda z: nscl(z, torch.zeros(6, dtype=torch.long), temperature=0.5, decoupled=decoupled), batch()
    )
    assert value == 0 and not gradient.any()
