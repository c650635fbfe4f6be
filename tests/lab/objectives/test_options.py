"""Hyperparameters by name, and an objective of one's own: one file and one line."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from boundcheck.data import ImageSet
from boundcheck.errors import InputError
from boundcheck.lab.objectives import OBJECTIVES, batch_inputs, hyperparameters, parse_options

OWN = """
from boundcheck.lab.objectives import hscl

def my_loss(z, y, *, temperature, margin=0.1, steps=3, sign="up"):
    return hscl(z, y, temperature=temperature, beta=steps) + margin
"""


def test_options_take_the_type_of_their_defaults():
    texts = ["tau_plus=0.2", "synthetic=8", "synthetic_gradient=true", "positives=class", "q=none"]
    assert parse_options(OBJECTIVES["sscl"], texts) == {
        "tau_plus": 0.2, "synthetic": 8, "synthetic_gradient": True, "positives": "class", "q": None,
    }  # fmt: skip
    assert parse_options(OBJECTIVES["sscl"], ["q=7", "temperature=1"]) == {"q": 7.0, "temperature": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tau_plus", "must be NAME=VALUE, received 'tau_plus'"),
        ("tau_pls=0.1", "did you mean 'tau_plus'"),
        ("tau_plus=much", "tau_plus: must be a number, received 'much'"),
        ("tau_plus=none", "tau_plus: must be a number, received 'none'"),
        ("synthetic=1.5", "synthetic: must be a whole number, received '1.5'"),
        ("weight_gradient=yes", "weight_gradient: must be true or false, received 'yes'"),
        ("generator=3", "option: expected one of temperature, beta, tau_plus"),
    ],
)
def test_broken_options_are_named(text, message):
    with pytest.raises(InputError, match=message):
        parse_options(OBJECTIVES["sscl"], [text])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_default_survives_its_text(name):
    defaults = {key: p.default for key, p in hyperparameters(OBJECTIVES[name]).items() if p.default is not p.empty}
    texts = [f"{key}={str(value).lower()}" for key, value in defaults.items()]
    assert parse_options(OBJECTIVES[name], texts) == defaults
    assert "temperature" in hyperparameters(OBJECTIVES[name]) and "temperature" not in defaults


def test_inputs_of_each_batch_are_not_options():
    assert batch_inputs(OBJECTIVES["schane"]) == ("class_logits",)
    assert batch_inputs(OBJECTIVES["sscl"]) == ("generator",)
    assert batch_inputs(OBJECTIVES["hscl"]) == ("generator",)
    assert batch_inputs(OBJECTIVES["supcon"]) == ()
    assert "generator" not in hyperparameters(OBJECTIVES["sscl"])


def test_an_objective_of_ones_own_is_one_file_and_one_line(tmp_path, monkeypatch):
    (tmp_path / "own_objective.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    own = importlib.import_module("own_objective")
    monkeypatch.setitem(OBJECTIVES, "my_loss", own.my_loss)

    assert list(hyperparameters(OBJECTIVES["my_loss"])) == ["temperature", "margin", "steps", "sign"]
    assert parse_options(OBJECTIVES["my_loss"], ["margin=0.2", "steps=4"]) == {"margin": 0.2, "steps": 4}

    from boundcheck.lab.training import train

    rng = np.random.default_rng(0)
    images = ImageSet(
        name="toy",
        split="train",
        images=rng.integers(0, 256, (16, 1, 28, 28), dtype=np.uint8),
        labels=np.arange(16) % 2,
        classes=("a", "b"),
        ids=np.arange(16).astype(str),
    )
    path = train(images, objective="my_loss", out=tmp_path / "run", epochs=1, batch_size=8, device="cpu")
    assert path.is_file()
