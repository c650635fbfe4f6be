"""Known populations: the text they are made of, and the samples they give."""

import numpy as np
import pytest

from boundcheck.errors import InputError
from boundcheck.estimators.populations import Population, parse_population
from boundcheck.estimators.vmf import VmfMixture, simplex


def test_the_text_and_its_defaults():
    population = parse_population(" vmf: classes=4, dim=8,kappa=5 ,n=300, views=2 ")
    assert (population.n, population.v) == (300, 2)
    assert population.name == "vmf:classes=4,dim=8,imbalance=1,n=300,views=2,kappa=5"
    assert parse_population(population.name).name == population.name
    np.testing.assert_allclose(population.mixture.kappa, 5.0)
    np.testing.assert_allclose(population.mixture.prior, 0.25)
    plain = parse_population("vmf")
    assert (plain.mixture.classes, plain.mixture.dim, plain.n, plain.v) == (10, 64, 2000, 1)


def test_a_concentration_for_each_class_and_imbalance():
    mixture = parse_population("vmf:classes=3,dim=4,kappa=5/10/20,imbalance=4").mixture
    np.testing.assert_allclose(mixture.kappa, [5, 10, 20])
    np.testing.assert_allclose(mixture.prior, np.array([4, 2, 1]) / 7)


def test_neural_collapse():
    emb = parse_population("simplex:classes=3,dim=2,n=50").sample(1)
    np.testing.assert_allclose(emb.z[:, 0], simplex(3, 2)[emb.y], atol=1e-12)


def test_samples_follow_the_shares_and_the_seed():
    population = parse_population("vmf:classes=4,dim=6,kappa=30,imbalance=8,n=4000,views=2")
    emb, again, other = population.sample(3), population.sample(3), population.sample(4)
    assert emb.digest == again.digest != other.digest
    assert emb.z.shape == (4000, 2, 6)
    share, prior = emb.class_counts / 4000, population.mixture.prior
    assert np.all(np.abs(share - prior) < 4 * np.sqrt(prior * (1 - prior) / 4000))
    for c in range(4):
        mean = emb.z[emb.y == c].mean((0, 1))
        assert mean @ population.mixture.means[c] / np.linalg.norm(mean) > 0.99


def test_views_of_an_instance_share_its_component():
    mixture = VmfMixture(simplex(4, 6), 500.0, None, np.array([0, 0, 1, 1]))
    emb = Population("four clusters in two classes", mixture, n=200, v=2).sample()
    assert (emb.z[:, 0] * emb.z[:, 1]).sum(1).min() > 0.9
    assert (emb.z[emb.y == 0, 0] @ mixture.means[:2].T > 0.9).any(1).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vmg:kappa=1", "expected one of vmf, simplex, received 'vmg'; did you mean 'vmf'"),
        ("vmf:clases=3", "classes, dim, imbalance, n, views, kappa, received 'clases'; did you mean 'classes'"),
        ("simplex:kappa=3", "key of simplex: expected one of classes, dim, imbalance, n, views, received 'kappa'"),
        ("vmf:classes", "expected key=value with keys classes, .*, received 'classes'"),
        ("vmf:classes=1", "classes must be a whole number from 2 to 10,000, received '1'"),
        ("vmf:kappa=1e20", "kappa must be a number > 0 and at most 1e4"),
        ("vmf:dim=6.5", "dim must be a whole number from 1 to 100,000, received '6.5'"),
        ("vmf:kappa=0", "kappa must be a number > 0.*, received '0'"),
        ("vmf:kappa=nan", "kappa must be a number > 0.*, received 'nan'"),
        ("vmf:kappa=1/2", "kappa needs 1 or 10 values, one for each class, received 2"),
        ("vmf:imbalance=0.5", "imbalance must be a number from 1 to 1e6, received '0.5'"),
        ("vmf:n=5,n=6", "n may be given once"),
        ("vmf:dim=3", "a simplex of 10 vertices needs dim >= 9, received 3"),
        ("vmf:classes=2,dim=1", "finite kappa needs dim >= 2, received 1"),
        ("", "expected one of vmf, simplex, received ''"),
    ],
)
def test_one_line_for_every_mistake(text, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_population(text)
    assert "\n" not in str(caught.value)


def test_a_sample_needs_two_classes():
    with pytest.raises(InputError, match="raise n"):
        parse_population("simplex:classes=2,dim=1,imbalance=1e6,n=4").sample()
