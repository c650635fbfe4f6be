"""The study's own truths against literal sums, the engine's plug-in and closed forms."""

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.estimators import parse_population
from tests.studies.validity.limits import CROSSING, crossing, finite_crossing, finite_limits, with_crossing
from tests.studies.validity.populations import BETAS, Closed, Finite, _sizes


def literal(z: np.ndarray, y: np.ndarray, temperature: float, beta: float, p: np.ndarray) -> dict[str, float]:
    """H-UCL, H-SCL and the share by plain sums over one anchor at a time."""
    n, v, d = z.shape
    rows, instance, label = z.reshape(n * v, d).astype(np.float64), np.repeat(np.arange(n), v), np.repeat(y, v)
    high = low = share = 0.0
    for a in range(n * v):
        t, other = rows @ rows[a] / temperature, instance != instance[a]
        own = label[a]
        pools = {"all": range(len(p)), "diff": [c for c in range(len(p)) if c != own], "same": [own]}
        moments = {
            power: [p[c] * np.exp(power * t[other & (label == c)]).mean() for c in range(len(p))]
            for power in (beta, 1 + beta)
        }
        rho = {
            name: np.log(sum(moments[1 + beta][c] for c in pool) / sum(moments[beta][c] for c in pool))
            for name, pool in pools.items()
        }
        partners = (instance == instance[a]) & (np.arange(n * v) != a) if v > 1 else other & (label == own)
        weight = p[own] / (np.sum(y == own) * v)
        high += weight * np.log1p(np.exp(rho["all"] - t[partners])).mean()
        low += weight * np.log1p(np.exp(rho["diff"] - t[partners])).mean()
        share += weight * (rho["same"] >= rho["diff"])
    return {"hucl": high, "hscl": low, "share": share}


@pytest.mark.parametrize("v", [1, 2])
def test_limits_of_a_finite_set_are_the_literal_sums(v):
    emb = parse_population(f"vmf:classes=3,dim=4,kappa=5,n=40,views={v}").sample(1)
    shares = np.array([0.2, 0.3, 0.5])
    found = finite_limits(emb.z, emb.y, 0.3, [2.0], shares).set_index(["quantity", "beta"]).truth
    for name, value in literal(emb.z, emb.y, 0.3, 2.0, shares).items():
        assert found[name, 2.0] == pytest.approx(value, abs=2e-6), name
    for name, value in literal(emb.z, emb.y, 0.3, 0.0, shares).items():
        assert found[name.removeprefix("h"), 0.0] == pytest.approx(value, abs=2e-6), name
    assert found["hucl-hscl", 2.0] == pytest.approx(found["hucl", 2.0] - found["hscl", 2.0])
    assert found["hscl-ucl", 2.0] == pytest.approx(found["hscl", 2.0] - found["ucl", 0.0])


def test_limits_of_a_large_finite_set_are_the_plug_in_of_the_engine():
    emb = parse_population("vmf:classes=4,dim=8,kappa=8,n=3000").sample(0)
    found = finite_limits(emb.z, emb.y, 0.5, BETAS).set_index(["quantity", "beta"]).truth
    table = bc.estimate(emb, temperature=0.5, betas=BETAS, intervals=False, device="cpu").to_frame()
    for row in table.to_dict("records"):
        # The engine's masses of the pools are those without the anchor itself: 1/N apart.
        assert found[row["loss"], np.nan_to_num(row["beta"])] == pytest.approx(row["plugin"], abs=5e-4)


@pytest.mark.slow
def test_limits_of_a_closed_form_and_of_a_large_sample_of_it_agree():
    known = Closed(parse_population("vmf:classes=4,dim=8,kappa=8").mixture)
    closed = known.limits(0.5, "empirical").set_index(["quantity", "beta"])
    z, y = known.sample(6000, "fixed", 0)
    sampled = finite_limits(z, y, 0.5, BETAS).set_index(["quantity", "beta"]).truth
    assert (np.bincount(y) == 1500).all()
    for key in sampled.index[sampled.index.get_level_values("beta") <= 1]:
        assert closed.truth[key] == pytest.approx(sampled[key], abs=0.02), key


def test_the_critical_beta_is_where_the_interpolated_losses_meet():
    limits = finite_limits(
        *Closed(parse_population("vmf:classes=3,dim=8,kappa=8").mixture).sample(60, "iid", 0), 0.5, [1.0]
    )
    limits.loc[limits.quantity == "hscl-ucl", "truth"] = 0.7
    limits.loc[limits.quantity == "ucl-scl", "truth"] = 0.3
    found = with_crossing(limits, crossing(limits, lambda beta: beta - 0.3))
    assert found[found.quantity == CROSSING].truth.item() == pytest.approx(0.3, abs=1e-3)


def test_the_critical_beta_of_a_finite_set_is_that_of_its_losses():
    z, y = Finite("digits").sample(400, "iid", 0)
    at = finite_crossing(finite_limits(z, y, 0.5, [0.5, 1.0, 2.0, 10.0]))
    fine = finite_limits(z, y, 0.5, [0.5, 1.0]).query("quantity == 'hscl-ucl'").truth
    assert fine.iloc[0] < 0 < fine.iloc[1]
    assert at == pytest.approx(finite_crossing(finite_limits(z, y, 0.5, np.arange(0.5, 4, 0.5))), abs=0.01)


def test_permuted_labels_have_no_gap():
    found = Finite("digits", permuted=True).limits(0.5, "empirical").set_index(["quantity", "beta"]).truth
    assert set(found) == {0.0}
    assert set(found.index) == {("ucl-scl", 0.0), *(("hucl-hscl", beta) for beta in BETAS)}


def test_sizes_add_up_in_proportion():
    assert _sizes(np.array([0.5, 0.3, 0.2]), 9).tolist() == [4, 3, 2]
    assert _sizes(np.full(7, 1 / 7), 30).sum() == 30
