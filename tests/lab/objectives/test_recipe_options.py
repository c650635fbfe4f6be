"""What the authors' codes do otherwise than the defaults: every option against a literal loop."""

from __future__ import annotations

import inspect

import pytest
import torch

from boundcheck.errors import InputError
from boundcheck.lab.objectives import hscl, hucl, scl, ucl
from tests.lab.objectives.batches import LABELS, batch, value_and_gradient
from tests.oracles.batch_losses import authors_hscl, looped_options

FOUR = {"ucl": ucl, "hucl": hucl, "scl": scl, "hscl": hscl}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("average", ["anchors", "pairs"])
@pytest.mark.parametrize("keep_anchor", [False, True])
@pytest.mark.parametrize("drawn", [0, 3])
def test_every_option_equals_the_literal_loop(name, views, average, keep_anchor, drawn):
    shared = {"temperature": 0.7, "positives": "class", "q": 1.5, "average": average, "keep_anchor": keep_anchor}
    shared |= {"drawn": drawn}
    tilted = "beta" in inspect.signature(FOUR[name]).parameters
    tilt = {"beta": 2.0} if tilted else {}
    detached = {"weight_gradient": False} if tilted else {}
    z = 0.8 * batch(views)  # inside the ball: norms count
    value, gradient = value_and_gradient(
        lambda z: FOUR[name](z, LABELS, generator=seeded(), **shared, **tilt, **detached), z
    )
    supervised = name in ("scl", "hscl")
    expected = value_and_gradient(
        lambda z: looped_options(z, LABELS, supervised_negatives=supervised, generator=seeded(), **shared, **tilt), z
    )
    torch.testing.assert_close(value, expected[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, expected[1], rtol=1e-10, atol=1e-12)


def test_pairs_are_averaged_as_in_the_code_of_jiang_2022_where_classes_differ_in_size():
    z = batch()
    expected = authors_hscl(z[:, 0], z[:, 1], LABELS, 2.0, 0.5)
    torch.testing.assert_close(hscl(z, LABELS, temperature=0.5, beta=2.0, average="pairs"), expected)
    assert not torch.allclose(hscl(z, LABELS, temperature=0.5, beta=2.0), expected)


@pytest.mark.parametrize("name", ["ucl", "hscl"])
def test_many_drawn_negatives_are_the_weighted_ones(name):
    detached = {"beta": 2.0, "weight_gradient": False} if name == "hscl" else {}
    shared = {"temperature": 0.7, "positives": "class", "q": 1.0, **detached}
    many = FOUR[name](batch(), LABELS, drawn=100_000, generator=seeded(), **shared)
    # each of some 40 terms has a relative error of its mean of about 0.3 %
    torch.testing.assert_close(many, FOUR[name](batch(), LABELS, **shared), rtol=2e-3, atol=0)


def test_draws_differ_between_positives_and_follow_the_generator():
    def loss(generator):
        return scl(batch(), LABELS, temperature=0.5, drawn=2, generator=generator)

    assert loss(seeded()) == loss(seeded())
    assert loss(seeded()) != loss(torch.Generator().manual_seed(8))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"average": "pair"}, "did you mean 'pairs'"),
        ({"drawn": -1}, "drawn: must be a whole number >= 0, received -1"),
        ({"drawn": 4}, "weight_gradient: must be false with negatives that are drawn"),
    ],
)
def test_broken_options_are_named(broken, message):
    with pytest.raises(InputError, match=message):
        hscl(batch(), LABELS, temperature=0.5, **broken)
