"""dcl, hcl and sscl: the losses that take the part of the anchor's class out of the mean over negatives."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from boundcheck.errors import InputError
from boundcheck.lab.objectives import dcl, hcl, hscl, hucl, scl, sscl, ucl
from tests.lab.objectives.batches import LABELS, batch, value_and_gradient
from tests.oracles.batch_losses import authors_hcl, looped_debiased

TOLERANCE = {"rtol": 1e-10, "atol": 1e-12}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def assert_same(loss, expected, z=None, **tolerance):
    z = batch() if z is None else z
    for computed, wanted in zip(value_and_gradient(loss, z), value_and_gradient(expected, z), strict=True):
        torch.testing.assert_close(computed, wanted, **(tolerance or TOLERANCE))


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("tau_plus", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("q", [None, 2.5])
@pytest.mark.parametrize("views", [2, 3])
def test_dcl_equals_the_literal_loop(positives, tau_plus, q, views):
    shared = {"temperature": 0.4, "positives": positives, "tau_plus": tau_plus, "q": q}
    assert_same(lambda z: dcl(z, LABELS, **shared), lambda z: looped_debiased(z, LABELS, **shared), batch(views))


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("beta", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("tau_plus", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("weight_gradient", [True, False])
def test_hcl_equals_the_literal_loop(positives, beta, tau_plus, weight_gradient):
    shared = {"temperature": 0.4, "positives": positives, "beta": beta, "tau_plus": tau_plus}
    shared["weight_gradient"] = weight_gradient
    assert_same(lambda z: hcl(z, LABELS, **shared), lambda z: looped_debiased(z, LABELS, **shared), batch(3))


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("beta", [0.0, 3.0])
@pytest.mark.parametrize("hardest", [1, 4, 64])  # 64 is more than the batch has
@pytest.mark.parametrize("weight_gradient", [True, False])
def test_sscl_equals_the_literal_loop(positives, beta, hardest, weight_gradient):
    shared = {"temperature": 0.4, "positives": positives, "beta": beta, "tau_plus": 0.1, "hardest": hardest}
    shared |= {"synthetic": 3, "weight_gradient": weight_gradient}
    assert_same(
        lambda z: sscl(z, LABELS, **shared, generator=seeded()),
        lambda z: looped_debiased(z, LABELS, **shared, generator=seeded()),
    )


def test_sscl_equals_the_loop_where_an_anchor_has_no_positive():
    shared = {"temperature": 0.4, "positives": "class", "tau_plus": 0.1, "hardest": 2, "synthetic": 3}
    assert_same(
        lambda z: sscl(z, LABELS, beta=0.0, **shared, generator=seeded()),
        lambda z: looped_debiased(z, LABELS, **shared, generator=seeded()),
        batch(views=1),
    )


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("tau_plus", [0.1, 0.5])
def test_hcl_equals_the_code_of_robinson_2021(beta, tau_plus):
    assert_same(
        lambda z: hcl(z, LABELS, temperature=0.5, beta=beta, tau_plus=tau_plus),
        lambda z: authors_hcl(z[:, 0], z[:, 1], beta, 0.5, tau_plus),
    )


@pytest.mark.parametrize("positives", ["augmentation", "class"])
def test_reductions(positives):
    shared = {"temperature": 0.2, "positives": positives}
    pairs = [
        (lambda z: dcl(z, LABELS, tau_plus=0.0, **shared), lambda z: ucl(z, LABELS, **shared)),
        (lambda z: hcl(z, LABELS, beta=2.0, tau_plus=0.0, **shared), lambda z: hucl(z, LABELS, beta=2.0, **shared)),
        (lambda z: hcl(z, LABELS, beta=0.0, **shared), lambda z: dcl(z, LABELS, **shared)),
        (lambda z: sscl(z, LABELS, beta=2.0, synthetic=0, **shared), lambda z: hcl(z, LABELS, beta=2.0, **shared)),
    ]
    for loss, expected in pairs:
        assert_same(loss, expected)


def test_with_the_share_of_its_class_dcl_is_scl():
    """Single views: the positives are the same-class part of the pool, and the debiased mean is exact."""
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    shared = {"temperature": 0.5, "positives": "class"}
    assert_same(lambda z: dcl(z, y, tau_plus=1 / 5, **shared), lambda z: scl(z, y, **shared), batch(views=1))


def simplex(classes: int, each: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Neural collapse: every class one vertex of a simplex, one view of each instance."""
    y = torch.arange(classes * each) % classes
    vertices = F.normalize(torch.eye(classes, dtype=torch.float64) - 1 / classes, dim=1)
    return vertices[y][:, None], y


@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
def test_at_collapse_hcl_with_the_tilted_share_is_hscl(beta):
    z, y = simplex(classes=4, each=5)
    same, diff = 4 * math.exp(beta / 0.5), 15 * math.exp(-beta / 3 / 0.5)
    value = hcl(z, y, temperature=0.5, beta=beta, tau_plus=same / (same + diff), positives="class", q=1.0)
    expected = hscl(z, y, temperature=0.5, beta=beta, q=1.0)
    torch.testing.assert_close(value, expected)
    if beta == 0:
        torch.testing.assert_close(expected, scl(z, y, temperature=0.5, q=1.0))


def test_the_floor_binds_without_a_gradient():
    z = torch.tensor([[[1.0, 0.0]] * 2, [[-1.0, 0.0]] * 2], dtype=torch.float64)  # e^{-2} less 0.9 e^2: negative
    value, gradient = value_and_gradient(lambda z: dcl(z, torch.tensor([0, 1]), temperature=0.5, tau_plus=0.9), z)
    assert float(value) == pytest.approx(math.log(1 + 2 * math.exp(-2) / math.exp(2)))
    only_positives = value_and_gradient(
        lambda z: torch.log(1 + 2 * math.exp(-2) / torch.exp((z[:, 0] * z[:, 1]).sum(1) / 0.5)).mean(), z
    )[1]
    torch.testing.assert_close(gradient, only_positives)


def test_synthetic_negatives_are_harder_than_the_pool():
    z = batch()
    plain = hcl(z, LABELS, temperature=0.5, beta=0.0, tau_plus=0.0, q=1.0)
    mixed = sscl(z, LABELS, temperature=0.5, beta=0.0, tau_plus=0.0, q=1.0, hardest=2, generator=seeded())
    assert mixed > plain


def test_synthetic_gradient_changes_the_gradient_but_not_the_value():
    stopped, through = (
        value_and_gradient(
            lambda z, on=on: sscl(z, LABELS, temperature=0.5, synthetic_gradient=on, generator=seeded()), batch()
        )
        for on in (False, True)
    )
    assert stopped[0] == through[0]
    assert not torch.allclose(stopped[1], through[1])


def test_the_generator_decides_the_draws():
    def loss(generator):
        return sscl(batch(), LABELS, temperature=0.5, generator=generator)

    assert loss(seeded()) == loss(seeded())
    assert loss(seeded()) != loss(torch.Generator().manual_seed(2))
    torch.manual_seed(5)
    first = loss(None)
    torch.manual_seed(5)
    assert loss(None) == first


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"tau_plus": 1.0}, "tau_plus: must be a number >= 0 and < 1, received 1"),
        ({"tau_plus": -0.1}, "tau_plus: must be a number >= 0"),
        ({"hardest": 0}, "hardest: must be a whole number >= 1, received 0"),
        ({"synthetic": -1}, "synthetic: must be a whole number >= 0, received -1"),
        ({"beta": -1.0}, "beta: must be a finite number >= 0"),
    ],
)
def test_broken_parameters_are_named(broken, message):
    with pytest.raises(InputError, match=message):
        sscl(batch(), LABELS, temperature=0.5, **broken)
