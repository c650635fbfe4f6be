"""Fixed class sizes: the pools' masses, and what is left to chance."""

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.estimators.closed import closed
from boundcheck.estimators.exact import exact
from boundcheck.estimators.populations import parse_population
from boundcheck.losses import SCL, UCL
from boundcheck.spec import Variant

SPEC = "vmf:classes=10,dim=16,kappa=20"


def fixed(per, seed, spec=SPEC, classes=10):
    big = parse_population(f"{spec},n={classes * per * 5}").sample(seed)
    chosen = np.concatenate([np.flatnonzero(big.y == k)[:per] for k in range(classes)])
    return big.subset(np.sort(chosen))


def gap(losses):
    key = {k.loss: k for k in losses.keys}
    return losses.gap(key[UCL], key[SCL])


def test_auto_takes_equal_class_sizes_for_fixed():
    variant = Variant(betas=())
    assert variant.on(fixed(10, 0)).design == "fixed"
    assert variant.on(parse_population(f"{SPEC},n=200").sample(0)).design == "iid"


@pytest.mark.slow
@pytest.mark.parametrize("positives", ["class", "augmentation"])
def test_the_gap_of_fixed_sizes_is_covered(positives):
    """Ten classes of 20: leaving the own instance out takes a twentieth of its class from the pool."""
    spec = SPEC + (",views=2" if positives == "augmentation" else "")
    views = 2 if positives == "augmentation" else 1
    variant = Variant(betas=(), positives=positives)
    truth = gap(closed(parse_population(f"{spec},n=100"), variant.with_views(views), anchors=20_000)).value
    held = {"fixed": [], "iid": []}
    for seed in range(12):
        emb = fixed(20, seed, spec)
        for design, found in held.items():
            low, high = gap(exact(emb, variant.but(design=design))).interval(0.95)
            found.append(low <= truth <= high)
    assert sum(held["fixed"]) >= 9 > sum(held["iid"])


def test_the_plug_in_value_does_not_know_the_design():
    emb = fixed(10, 0)
    one, two = (exact(emb, Variant(betas=(1.0,), design=design)) for design in ("fixed", "iid"))
    assert np.array_equal(one.losses.mean, two.losses.mean)
    shift = (one.correction - two.correction).numpy()
    pools = [key.loss.pool.id for key in one.keys]
    assert all((abs(s) > 1e-6) == (pool == "all") for s, pool in zip(shift, pools, strict=True))


def test_the_shift_restores_the_share_of_the_own_class():
    """Against a literal loop of UCL with the own class weighing for the whole of it."""
    emb, tau = fixed(5, 1), 0.5
    z = emb.z[:, 0].astype(np.float64)
    t = z @ z.T / tau
    total = 0.0
    for a in range(emb.n):
        same = (emb.y == emb.y[a]) & (np.arange(emb.n) != a)
        weight = np.where(same, 5 / 4, 1.0) * (np.arange(emb.n) != a)
        rho = np.log((weight * np.exp(t[a])).sum() / weight.sum())
        total += np.log1p(np.exp(rho - t[a, same])).mean()
    losses = exact(emb, Variant(tau, ()), intervals=True)
    ucl = [k.loss for k in losses.keys].index(UCL)
    assert float(losses.losses.mean[ucl] + losses.shift[ucl]) == pytest.approx(total / emb.n, abs=1e-6)


def test_a_class_of_one_keeps_its_variance_under_a_balanced_prior():
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((41, 2, 8)), np.array([0] * 20 + [1] * 20 + [2])
    losses = exact(bc.EmbeddingSet(z, y), Variant(betas=(), class_prior="balanced"))
    assert (losses.influence[-1].abs() > 0).all()
