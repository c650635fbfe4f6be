import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boundcheck.errors import InputError
from boundcheck.hardening import (
    CONSTANT,
    Exponential,
    Hardening,
    Polynomial,
    Threshold,
    denominator,
    numerator,
    parse_hardening,
)
from tests.oracles import literal

TAU = 0.3
PAIRS = [
    (CONSTANT, literal.constant()),
    (Exponential(0.0), literal.exponential(0.0)),
    (Exponential(7.5), literal.exponential(7.5)),
    (Threshold(0.25), literal.threshold(0.25, TAU)),
    (Polynomial(3.0), literal.polynomial(3.0, TAU)),
]


@pytest.mark.parametrize(("hardening", "definition"), PAIRS, ids=lambda x: getattr(x, "family", ""))
def test_log_eta_and_both_summands_follow_the_definition(hardening, definition):
    t = torch.linspace(-1, 1, 41, dtype=torch.float64)[1:] / TAU  # cosine 0.25 lies on this grid
    expected = torch.tensor([definition(float(x)) for x in t], dtype=torch.float64)
    torch.testing.assert_close(hardening.log_eta(t, TAU), expected)
    torch.testing.assert_close(denominator(hardening).log(t, TAU), expected)
    torch.testing.assert_close(numerator(hardening).log(t, TAU), expected + t)


@pytest.mark.parametrize("hardening", [pair[0] for pair in PAIRS], ids=lambda h: h.family)
@given(cosines=st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_eta_never_decreases(hardening, cosines):
    t = torch.tensor(sorted(cosines), dtype=torch.float64) / TAU
    for term in (denominator(hardening), numerator(hardening)):
        values = term.log(t, TAU)
        assert bool((values[1:] >= values[:-1]).all())


def test_exponential_tilts_share_their_terms():
    assert numerator(CONSTANT) == denominator(Exponential(1.0)) == numerator(Exponential(0.0))
    assert denominator(CONSTANT) == denominator(Exponential(0.0))
    assert numerator(Exponential(1.0)) == denominator(Exponential(2.0))
    assert numerator(Threshold(0.5)) != numerator(Threshold(0.6))


def test_polynomial_clips_what_rounding_leaves_below_minus_one():
    assert float(Polynomial(2.0).log_eta(torch.tensor([-1.0 - 1e-12]) / TAU, TAU)) == -math.inf


def test_threshold_minus_one_keeps_antipodes_that_rounding_left_below_it():
    assert float(Threshold(-1.0).log_eta(torch.tensor([-1.0 - 1e-7]) / TAU, TAU)) == 0.0


def test_parse_exp_drops_zero_and_duplicates():
    assert parse_hardening("exp", (0.0, 1.0, 5.0, 1.0)) == (Exponential(1.0), Exponential(5.0))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("threshold:0.5", Threshold(0.5)), (" poly:2 ", Polynomial(2.0)), ("threshold:-1", Threshold(-1.0))],
)
def test_parse_names(name, expected):
    assert parse_hardening(name, (1.0,)) == (expected,)
    assert isinstance(expected, Hardening)
    assert parse_hardening(expected.family, ()) == (expected,)


@pytest.mark.parametrize(
    ("name", "betas", "words"),
    [
        ("expo", (1.0,), "did you mean"),
        ("exp:5", (1.0,), "betas=5"),
        ("exp", (-1.0,), "received -1"),
        ("exp", (np.inf,), "received inf"),
        ("exp", (np.nan,), "received nan"),
        ("threshold:2", (), "a cosine from -1 to 1"),
        ("threshold", (), "needs a number"),
        ("threshold:nan", (), "received nan"),
        ("poly:0", (), "> 0"),
        ("poly:x", (), "needs a number"),
    ],
)
def test_parse_refuses(name, betas, words):
    with pytest.raises(InputError, match=words):
        parse_hardening(name, betas)
