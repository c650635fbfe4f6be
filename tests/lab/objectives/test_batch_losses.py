from __future__ import annotations

import inspect

import pytest
import torch

from boundcheck.errors import InputError
from boundcheck.lab.objectives import hscl, hucl, scl, ucl
from tests.lab.objectives.batches import LABELS, batch, value_and_gradient
from tests.oracles.batch_losses import authors_hcl, authors_hscl, looped_loss

FOUR = {"ucl": ucl, "hucl": hucl, "scl": scl, "hscl": hscl}


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("beta", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("weight_gradient", [True, False])
@pytest.mark.parametrize("q", [None, 1.0, 7.5])
def test_values_and_gradients_equal_the_literal_loop(name, positives, beta, weight_gradient, q):
    tilt = {"beta": beta, "weight_gradient": weight_gradient}
    if "beta" not in inspect.signature(FOUR[name]).parameters:
        tilt = {}
    shared = {"temperature": 0.4, "positives": positives, "q": q, **tilt}
    supervised = name in ("scl", "hscl")
    value, gradient = value_and_gradient(lambda z: FOUR[name](z, LABELS, **shared), batch())
    expected = value_and_gradient(lambda z: looped_loss(z, LABELS, supervised_negatives=supervised, **shared), batch())
    torch.testing.assert_close(value, expected[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, expected[1], rtol=1e-10, atol=1e-12)


def test_weight_gradient_changes_the_gradient_but_not_the_value():
    through = value_and_gradient(lambda z: hscl(z, LABELS, temperature=0.5, beta=2.0), batch())
    stopped = value_and_gradient(lambda z: hscl(z, LABELS, temperature=0.5, beta=2.0, weight_gradient=False), batch())
    assert through[0] == stopped[0]
    assert not torch.allclose(through[1], stopped[1])


@pytest.mark.parametrize(("hard", "plain"), [(hscl, scl), (hucl, ucl)])
@pytest.mark.parametrize("weight_gradient", [True, False])
def test_beta_zero_is_the_plain_loss(hard, plain, weight_gradient):
    tilted = value_and_gradient(
        lambda z: hard(z, LABELS, temperature=0.1, beta=0.0, weight_gradient=weight_gradient), batch()
    )
    expected = value_and_gradient(lambda z: plain(z, LABELS, temperature=0.1), batch())
    torch.testing.assert_close(tilted, expected)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_hucl_equals_the_code_of_robinson_2021(beta):
    z = batch()
    expected = authors_hcl(z[:, 0], z[:, 1], beta, 0.5)
    torch.testing.assert_close(hucl(z, LABELS, temperature=0.5, beta=beta), expected)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_hscl_equals_the_code_of_jiang_2022_on_a_balanced_batch(beta):
    z, y = batch(), torch.tensor([0, 1, 2, 2, 1, 0])
    expected = authors_hscl(z[:, 0], z[:, 1], y, beta, 0.5)
    torch.testing.assert_close(hscl(z, y, temperature=0.5, beta=beta), expected)


def test_tilting_raises_the_loss():
    z = batch()
    values = [float(hscl(z, LABELS, temperature=0.5, beta=beta)) for beta in (0.0, 1.0, 5.0, 30.0)]
    assert values == sorted(values) and values[0] < values[-1]


def test_an_anchor_without_a_partner_is_left_out():
    z = batch(views=1)
    alone = LABELS == 1  # a single view of a class of its own: no positive by class
    expected = looped_loss(z, LABELS, supervised_negatives=True, positives="class", temperature=0.5)
    torch.testing.assert_close(scl(z, LABELS, temperature=0.5), expected)
    moved = z.clone()
    moved[alone] = -moved[alone]  # it still serves as a negative
    assert scl(moved, LABELS, temperature=0.5) != expected


def test_a_batch_of_one_class_gives_zero_with_a_gradient():
    value, gradient = value_and_gradient(lambda z: hscl(z, torch.zeros(6, dtype=torch.long), temperature=0.5), batch())
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"temperature": 0.0}, "temperature: must be a finite number > 0, received 0"),
        ({"temperature": float("nan")}, "temperature: must be a finite number > 0"),
        ({"beta": -1.0}, "beta: must be a finite number >= 0, received -1"),
        ({"q": 0.0}, "q: must be a finite number > 0"),
        ({"positives": "clas"}, "did you mean 'class'"),
    ],
)
def test_broken_parameters_are_named(broken, message):
    with pytest.raises(InputError, match=message):
        hscl(batch(), LABELS, **{"temperature": 0.5, **broken})
