"""What holds for each entry of the registry."""

from __future__ import annotations

import inspect

import pytest
import torch

from boundcheck.errors import InputError
from boundcheck.lab.objectives import OBJECTIVES
from tests.lab.objectives.batches import LABELS, batch, value_and_gradient


def hardened(name: str, beta: float, **more) -> dict[str, object]:
    """Keywords for an objective: beta where it takes one, draws from a fixed seed."""
    accepted = inspect.signature(OBJECTIVES[name]).parameters
    offered = {"beta": beta, "generator": torch.Generator().manual_seed(0), **more}
    return {key: value for key, value in offered.items() if key in accepted}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("beta", [0.0, 5.0])
@pytest.mark.parametrize("shape", ["random", "collapsed", "opposite"])
def test_float32_is_stable_at_temperature_one_hundredth(name, beta, shape):
    z = {
        "random": batch(dtype=torch.float32),
        "collapsed": torch.ones(6, 2, 4) / 2,
        "opposite": torch.ones(6, 2, 4) / 2 * torch.tensor([1.0, -1.0] * 3)[:, None, None],
    }[shape]
    loss = OBJECTIVES[name]
    value, gradient = value_and_gradient(lambda z: loss(z, LABELS, temperature=0.01, **hardened(name, beta)), z)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()
    if name != "sscl":  # whose float64 draws are other numbers
        expected = loss(z.double(), LABELS, temperature=0.01, **hardened(name, beta))
        assert float(value) == pytest.approx(float(expected), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 1], [0] * 6], ids=["single", "rare", "one"])
@pytest.mark.parametrize("views", [1, 2])
def test_classes_of_one_member_and_of_all(name, labels, views):
    """Whatever the labels, a number and a gradient without NaN; with single views, by class."""
    by_class = {"positives": "class"} if views == 1 else {}
    keywords = {"temperature": 0.5, **hardened(name, 1.0), **by_class}
    y = torch.tensor(labels)
    value, gradient = value_and_gradient(lambda z: OBJECTIVES[name](z, y, **keywords), batch(views))
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("views", [1, 2])
def test_a_batch_of_one_instance(name, views):
    keywords = {"temperature": 0.5, "positives": "class", **hardened(name, 1.0)}
    value, gradient = value_and_gradient(lambda z: OBJECTIVES[name](z, torch.tensor([0]), **keywords), batch(views)[:1])
    assert float(value) == 0
    assert not gradient.any()


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "sscl"])
def test_order_of_the_batch_does_not_matter(name):
    z, order = batch(), torch.tensor([3, 1, 5, 0, 2, 4])
    keywords = {"temperature": 0.5, **hardened(name, 2.0)}
    value = OBJECTIVES[name](z[order], LABELS[order], **keywords)
    torch.testing.assert_close(value, OBJECTIVES[name](z, LABELS, **keywords))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_broken_parameters_are_named(name):
    with pytest.raises(InputError, match="temperature: must be a finite number > 0, received 0"):
        OBJECTIVES[name](batch(), LABELS, temperature=0.0)
    with pytest.raises(InputError, match="did you mean 'class'"):
        OBJECTIVES[name](batch(), LABELS, temperature=0.5, positives="clas")
    with pytest.raises(InputError, match="needs two views"):
        OBJECTIVES[name](batch(views=1), LABELS, temperature=0.5, positives="augmentation")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_docstring_gives_the_source(name):
    assert any(text in (OBJECTIVES[name].__doc__ or "") for text in ("arXiv", "Robinson et al. 2021", "Chen et al."))
