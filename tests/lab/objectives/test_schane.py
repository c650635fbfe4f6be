from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from boundcheck.errors import InputError
from boundcheck.lab.objectives import schane, supcon
from tests.lab.objectives.batches import LABELS, batch, value_and_gradient
from tests.oracles.batch_losses import looped_schane

SCORES = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("contrast_weight", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("weight_gradient", [True, False])
@pytest.mark.parametrize("class_logits", [None, SCORES], ids=["mean-classifier", "given"])
def test_it_equals_the_literal_loop(positives, beta, contrast_weight, weight_gradient, class_logits):
    shared = {"temperature": 0.4, "positives": positives, "beta": beta, "contrast_weight": contrast_weight}
    shared |= {"weight_gradient": weight_gradient, "class_logits": class_logits}
    computed = value_and_gradient(lambda z: 0 * z.sum() + schane(z, LABELS, **shared), batch())
    expected = value_and_gradient(lambda z: 0 * z.sum() + looped_schane(z, LABELS, **shared), batch())
    torch.testing.assert_close(computed, expected, rtol=1e-10, atol=1e-12)


def test_without_tilt_and_cross_entropy_it_is_supcon():
    value = value_and_gradient(lambda z: schane(z, LABELS, temperature=0.1, beta=0.0, contrast_weight=1.0), batch())
    torch.testing.assert_close(value, value_and_gradient(lambda z: supcon(z, LABELS, temperature=0.1), batch()))


def test_given_logits_get_the_gradient_of_the_cross_entropy():
    scores = SCORES.clone().requires_grad_()
    loss = schane(batch(), LABELS, temperature=0.5, contrast_weight=0.25, class_logits=scores)
    expected = 0.75 * F.cross_entropy(scores.flatten(0, 1), LABELS.repeat_interleave(2))
    torch.testing.assert_close(torch.autograd.grad(loss, scores), torch.autograd.grad(expected, scores))


def test_the_labels_of_the_mean_classifier_need_not_count_from_zero():
    moved = torch.tensor([40, 40, -3, 7, 7, 7])
    torch.testing.assert_close(schane(batch(), moved, temperature=0.5), schane(batch(), LABELS, temperature=0.5))


def test_in_a_batch_of_one_class_it_is_supcon_with_nothing_to_classify():
    one_class = torch.zeros(6, dtype=torch.long)
    value = value_and_gradient(lambda z: schane(z, one_class, temperature=0.5, contrast_weight=0.5), batch())
    expected = value_and_gradient(lambda z: supcon(z, one_class, temperature=0.5) / 2, batch())
    torch.testing.assert_close(value, expected)


def test_the_weight_of_the_contrastive_part_is_a_share():
    with pytest.raises(InputError, match=r"contrast_weight: must be a number from 0 to 1, received 1\.5"):
        schane(batch(), LABELS, temperature=0.5, contrast_weight=1.5)
