from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss

from boundcheck.lab.objectives import supcon
from tests.lab.objectives.batches import LABELS, batch, value_and_gradient
from tests.oracles.batch_losses import looped_supcon


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("views", [2, 3])
def test_it_equals_the_literal_loop(positives, views):
    shared = {"temperature": 0.3, "positives": positives}
    computed = value_and_gradient(lambda z: supcon(z, LABELS, **shared), batch(views))
    expected = value_and_gradient(lambda z: looped_supcon(z, LABELS, **shared), batch(views))
    torch.testing.assert_close(computed, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_it_equals_pytorch_metric_learning(views, temperature):
    reference = SupConLoss(temperature=temperature)  # which normalises what it is given
    computed = value_and_gradient(
        lambda z: supcon(F.normalize(z, dim=2), LABELS, temperature=temperature), batch(views)
    )
    expected = value_and_gradient(
        lambda z: reference(z.flatten(0, 1), LABELS.repeat_interleave(z.shape[1])), batch(views)
    )
    torch.testing.assert_close(computed, expected)


def test_with_augmentation_positives_it_is_nt_xent():
    z = batch()
    expected = NTXentLoss(temperature=0.2)(z.flatten(0, 1), torch.arange(len(z)).repeat_interleave(2))
    torch.testing.assert_close(supcon(z, LABELS, temperature=0.2, positives="augmentation"), expected)


def test_the_log_is_outside_the_sum_over_positives():
    """L_out is at least L_in, the log of the mean over positives (Jensen), and more where positives differ."""
    z, y = batch(), LABELS
    t = z.flatten(0, 1) @ z.flatten(0, 1).T / 0.2
    label = y.repeat_interleave(2)
    positive = (label[:, None] == label) & ~torch.eye(12, dtype=torch.bool)
    share = F.softmax(t.masked_fill(torch.eye(12, dtype=torch.bool), -torch.inf), dim=1)
    log_inside = -((share * positive).sum(1) / positive.sum(1)).log().mean()
    assert supcon(z, y, temperature=0.2) > log_inside + 1e-3


def test_in_a_batch_of_one_class_positives_still_repel_each_other():
    one_class = torch.zeros(6, dtype=torch.long)
    value, gradient = value_and_gradient(lambda z: supcon(z, one_class, temperature=0.5), batch())
    torch.testing.assert_close(value, looped_supcon(batch(), one_class, temperature=0.5, positives="class"))
    assert gradient.any()
