import pytest

from boundcheck.errors import InputError
from boundcheck.lab.objectives import OBJECTIVES
from boundcheck.lab.training.loss_options import loss_keywords

COMMON = {"temperature": 0.5, "beta": 2.0, "positives": "auto", "weight_gradient": True}


def mine(z, y, *, temperature, margin, kind="soft", rounds=3, sharp=False, positives="class", generator=None):
    return margin * z.sum()


@pytest.fixture(autouse=True)
def own_objective(monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "mine", mine)


OWN = {"average": "anchors", "keep_anchor": False, "drawn": 0}


def test_common_parameters_reach_the_objectives_that_take_them():
    assert loss_keywords("ucl", COMMON, {}) == {"temperature": 0.5, "positives": "augmentation", "q": None, **OWN}
    assert loss_keywords("hscl", COMMON, {"q": 7}) == {**COMMON, "positives": "class", "q": 7, **OWN}


def test_an_objective_of_ones_own_gets_its_options_and_defaults():
    expected = {"temperature": 0.5, "positives": "class", "margin": 0.2, "kind": "soft", "rounds": 5, "sharp": True}
    assert loss_keywords("mine", COMMON, {"margin": 0.2, "rounds": 5, "sharp": True}) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "options: 'mine' needs margin, received none"),
        ({"margin": "wide"}, "options: margin must be a number, received 'wide'"),
        ({"margin": None}, "options: margin must be a number, received None"),
        ({"margin": 1.0, "rounds": 2.5}, "options: rounds must be a whole number, received 2.5"),
        ({"margin": 1.0, "sharp": 1}, "options: sharp must be true or false, received 1"),
        ({"margin": 1.0, "kind": 3}, "options: kind must be a text, received 3"),
        ({"margn": 1.0}, "options: expected one of margin, kind, rounds, sharp, received 'margn'; did you mean"),
        ({"beta": 1.0}, "options: expected one of margin, kind, rounds, sharp, received 'beta'"),
        ({"generator": 1.0}, "options: expected one of margin"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(InputError, match=message):
        loss_keywords("mine", COMMON, options)


def test_an_objective_without_options_says_so(monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "mine", lambda z, y, *, temperature: z.sum())
    with pytest.raises(InputError, match="options: 'mine' has none of its own, received 'margin'"):
        loss_keywords("mine", COMMON, {"margin": 1.0})
