"""What stands against relying on a number."""

import dataclasses

import numpy as np
import pytest
import torch

import boundcheck as bc
from boundcheck.estimators import convergence
from boundcheck.estimators.convergence import with_duplicates, with_parts
from boundcheck.estimators.exact import exact
from boundcheck.estimators.permutation import with_permutations
from boundcheck.estimators.populations import parse_population
from boundcheck.estimators.reliability import LEAST_ESS, effective
from boundcheck.hardening import Exponential
from boundcheck.losses import HSCL, HUCL, SCL, UCL, LossKey
from boundcheck.pairwise.plan import Tally
from boundcheck.spec import Execution, Variant

EXECUTION = Execution()


def sample(classes=5, dim=16, kappa=20, n=600, seed=0):
    return parse_population(f"vmf:classes={classes},dim={dim},kappa={kappa},n={n}").sample(seed)


def judged(emb, **options):
    losses = with_parts(exact(emb, Variant(**options), EXECUTION), EXECUTION, Tally())
    return with_duplicates(with_permutations(losses, 0), EXECUTION, Tally(), group=False)


def keys(beta):
    h = Exponential(beta)
    return LossKey(HSCL, h, 1.0), LossKey(HUCL, h, 1.0)


def test_a_soft_tilt_of_many_instances_is_not_doubted():
    losses = judged(sample(), betas=(1.0,))
    assert losses.doubt(keys(1.0)) is None
    assert losses.to_frame().reliable.all()


def test_effective_instances_are_those_of_the_tilted_pool():
    """Against a literal loop: the lesser of the two sums' effective numbers, harmonically averaged."""
    emb, beta, tau = sample(n=60), 2.0, 0.5
    losses = exact(emb, Variant(tau, (beta,)), EXECUTION)
    z = torch.from_numpy(emb.z[:, 0]).to(torch.float64)
    t = z @ z.T / tau
    for loss, keep in ((HUCL, lambda a, b: a != b), (HSCL, lambda a, b: emb.y[a] != emb.y[b])):
        inverse = []
        for a in range(emb.n):
            pool = [b for b in range(emb.n) if keep(a, b)]
            shares = [torch.softmax(power * t[a, pool], 0).square().sum() for power in (1 + beta, beta)]
            inverse.append(float(max(shares)))
        assert effective(losses, LossKey(loss, Exponential(beta), 1.0)) == pytest.approx(1 / np.mean(inverse), rel=1e-5)


def test_the_pool_of_all_is_doubted_where_only_the_own_class_is_near():
    """Many classes: other classes are far and plenty, a handful of the own class carry H-UCL."""
    losses = judged(sample(classes=100, dim=128, kappa=100, n=2000), temperature=0.2, betas=(5.0,))
    hscl, hucl = keys(5.0)
    assert effective(losses, hscl) > 2 * LEAST_ESS > effective(losses, hucl) * 2
    assert "H-UCL" in losses.doubt((hscl, hucl)).reason
    assert "effective" not in getattr(losses.doubt((hscl,)), "reason", "")


def test_a_remedy_names_a_beta_that_is_fine():
    losses = judged(sample(n=400), betas=(1.0, 30.0))
    doubt = losses.doubt(keys(30.0)[:1])
    assert "or β = 1, where" in doubt.remedy and "instances" in doubt.remedy


@pytest.mark.parametrize("collapsed", [True, False])
def test_nothing_is_concluded_from_a_collapsed_encoder(collapsed):
    rng = np.random.default_rng(0)
    z = np.ones((200, 8)) + (1e-3 if collapsed else 1.0) * rng.standard_normal((200, 8))
    v = bc.verify(bc.EmbeddingSet(z, rng.integers(0, 4, 200)), betas=[1.0])
    frame = v.to_frame()
    tested = frame[(frame.kind != "exact") & (frame.verdict != "inapplicable")]
    assert len(tested) and (tested.verdict == "undecided").all() == collapsed
    assert bool(v.run.manifest["collapse"]) == collapsed


def test_nothing_is_concluded_where_every_instance_is_a_class():
    z = np.random.default_rng(0).standard_normal((50, 2, 8))
    frame = bc.verify(bc.EmbeddingSet(z, np.arange(50)), betas=[1.0]).to_frame()
    assert set(frame.verdict[frame.kind != "exact"]) <= {"undecided", "inapplicable"}


def test_few_instances_decide_nothing():
    frame = bc.verify(sample(classes=2, dim=8, kappa=4, n=10), betas=[1.0]).to_frame()
    assert not set(frame.verdict) & {"violated", "does not occur", "holds", "occurs"}


def test_classes_seen_once_are_doubted():
    losses = judged(sample(classes=100, dim=128, kappa=50, n=150), betas=(1.0,))
    assert "no other instance" in losses.doubt(keys(1.0)).reason


def test_parts_agree_with_the_jackknife_where_the_bias_falls_with_n():
    losses = judged(sample(n=2000), betas=(0.5, 1.0))
    for f, key in enumerate(losses.keys):
        estimate = losses.loss(key)
        assert abs(estimate.value - float(losses.by_parts[f])) < 0.2 * estimate.se, key


def test_corrections_that_differ_are_doubted():
    losses = judged(sample(), betas=(1.0,))
    moved = dataclasses.replace(losses, by_parts=losses.by_parts + torch.arange(4.0) * losses.loss(keys(1.0)[0]).se)
    assert "Two corrections" in moved.doubt(keys(1.0)).reason


def test_permuted_labels_leave_no_gap_where_nothing_is_heavy():
    losses = judged(sample(n=800), betas=(1.0,))
    for (h, q), null in losses.null.items():
        high, low = (HUCL, HSCL) if h.beta else (UCL, SCL)
        se = losses.gap(LossKey(high, h, q), LossKey(low, h, q)).se
        assert abs(null.mean) < 4 * null.se + 0.2 * se, h


def test_permuted_labels_show_what_runs_with_permuted_labels_do():
    """The quick null against the whole estimator on permuted sets, where near-duplicates bias it."""
    rng = np.random.default_rng(1)
    z = rng.standard_normal((200, 8))
    z = np.concatenate([z, z[:80] + 0.01 * rng.standard_normal((80, 8))])
    y = rng.integers(0, 4, len(z))
    losses = judged(bc.EmbeddingSet(z, y), temperature=0.2, betas=(3.0,), positives="class")
    hscl, hucl = keys(3.0)
    found = []
    for _ in range(12):
        again = exact(bc.EmbeddingSet(z, rng.permutation(y)), losses.variant, EXECUTION)
        found.append(again.gap(hucl, hscl).value)
    null = losses.null[Exponential(3.0), 1.0]
    noise = np.hypot(null.se, np.std(found) / np.sqrt(len(found)))
    assert null.mean > 4 * noise
    assert abs(null.mean - np.mean(found)) < 4 * noise


@pytest.mark.slow
def test_near_duplicates_are_said_and_mark_what_they_move():
    rng = np.random.default_rng(0)
    emb = sample(n=500)
    z = np.concatenate([emb.z, emb.z[:100] + 1e-3 * rng.standard_normal((100, 1, emb.d))])
    both = bc.EmbeddingSet(z, np.concatenate([emb.y, emb.y[:100]]))
    kept = bc.verify(both, betas=[2.0], claims="hscl_le_hucl")
    assert kept.run.manifest["duplicates"]["instances"] == 200
    assert kept.run.manifest["duplicates"]["clusters"] == 100
    assert any("near-duplicate" in warning for warning in kept.run.manifest["warnings"])
    judgement = kept.to_frame().iloc[0]
    # They move the gap by more than a standard error, and by a thirtieth of it: its sign stands, its interval does not.
    assert not judgement.reliable and "have a near-duplicate" in judgement.reason
    assert judgement.verdict == "holds" and "the sign stands" in judgement.reason
    dropped = bc.verify(both, betas=[2.0], claims="hscl_le_hucl", duplicates="drop")
    alone = bc.verify(emb, betas=[2.0], claims="hscl_le_hucl")
    assert dropped.claims["hscl_le_hucl"].verdict == "holds"
    assert dropped.to_frame().gap.item() == pytest.approx(alone.to_frame().gap.item(), abs=1e-6)
    grouped = bc.verify(both, betas=[2.0], claims="hscl_le_hucl", duplicates="group")
    assert grouped.to_frame().se.item() > 1.05 * kept.to_frame().se.item()


def test_grouped_errors_are_those_of_clusters():
    """Every instance twice: the error is that of half as many instances, but for n - 1."""
    emb = sample(n=300)
    twice = bc.EmbeddingSet(np.concatenate([emb.z] * 2), np.concatenate([emb.y] * 2))
    losses = exact(twice, Variant(betas=(1.0,)), EXECUTION)
    grouped = dataclasses.replace(losses, clusters=torch.arange(600) % 300)
    once = exact(emb, Variant(betas=(1.0,)), EXECUTION)
    for key in once.keys:
        assert grouped.loss(key).se == pytest.approx(once.loss(key).se, rel=0.1)
        assert losses.loss(key).se < 0.8 * once.loss(key).se


def test_losses_that_move_together_are_doubted_in_words():
    """Their difference has no standard error to divide by, and none too small to name an end of."""
    losses = judged(sample(), betas=(1.0,))
    together = dataclasses.replace(losses, influence=losses.influence[:, :1].expand_as(losses.influence))
    assert together.gap(*keys(1.0)[::-1]).se == 0
    moved = dataclasses.replace(together, by_parts=losses.by_parts + torch.arange(4.0))
    doubt = moved.doubt(keys(1.0))
    assert "Two corrections" in doubt.reason and "standard errors" not in doubt.reason
    assert doubt.remedy.startswith("more than 1,000 times as many instances")


def test_a_loss_that_is_undefined_withholds_nothing_of_the_others():
    """A threshold that no candidate of another class passes, in parts of the sample as in the whole."""
    alone, beside = (
        judged(sample(), betas=(1.0,), hardening=hardening) for hardening in ("exp", ("exp", "threshold:1"))
    )
    assert torch.isnan(beside.by_parts).any()
    for key in alone.keys:
        assert (alone.doubt((key,)) is None) == (beside.doubt((key,)) is None), key
    assert alone.doubt(keys(1.0)) is None and beside.doubt(keys(1.0)) is None


def test_what_near_duplicates_leave_too_little_of_is_doubted_in_words():
    """Every class one place: without duplicates no class has two instances left."""
    centres = np.eye(40)
    y = np.arange(80) % 40
    z = centres[y] + 1e-3 * np.random.default_rng(0).standard_normal((80, 40))
    losses = judged(bc.EmbeddingSet(z, y), betas=(1.0,))
    reasons = [losses.doubt((key,)).reason for key in losses.keys]
    assert any("too few are left to estimate it from" in reason for reason in reasons)
    assert not any("nan" in reason for reason in reasons)


def test_parts_are_halves_of_few_instances_and_quarters_of_many(monkeypatch):
    losses = exact(sample(n=120), Variant(betas=(1.0,)), EXECUTION)
    assert with_parts(losses, EXECUTION, Tally()).pieces == 2
    monkeypatch.setattr(convergence, "HALVES", 119)
    assert with_parts(losses, EXECUTION, Tally()).pieces == 4


def test_a_share_reaches_to_where_its_parts_lead():
    """Against the shares of the parts themselves, docs/theory.md, eq. (103)."""
    emb, variant = sample(n=150, kappa=8), Variant(betas=(2.0,))
    plain = exact(emb, variant, EXECUTION)
    losses, h = with_parts(plain, EXECUTION, Tally()), Exponential(2.0)
    rng, in_parts = np.random.default_rng([EXECUTION.seed, 5]), []
    for _ in range(convergence.MOST_SPLITS):
        for part in np.array_split(rng.permutation(emb.n), 2):
            in_parts.append(exact(emb.subset(np.sort(part)), variant, EXECUTION).margins[h].share.value)
    share, before = losses.margins[h].share, plain.margins[h].share
    assert share.rest == pytest.approx((share.value - np.mean(in_parts)) / (2**0.5 - 1), abs=1e-12)
    assert share.rest > 0.01
    (low, high), (least, most) = before.interval(0.95), share.interval(0.95)
    assert least == low and most == pytest.approx(min(high + share.rest, 1.0))


def test_a_share_that_copies_make_or_a_collapsed_encoder_has_is_not_to_be_relied_on():
    """Every instance five times, with labels that mean nothing: the copies alone meet Assumption 1."""
    rng = np.random.default_rng(5)
    z, y = np.repeat(rng.standard_normal((120, 32)), 5, 0), np.repeat(rng.integers(0, 6, 120), 5)
    copies = bc.EmbeddingSet(z + 1e-3 * rng.standard_normal(z.shape), y)
    frame = judged(copies, betas=(2.0,)).assumption_frame()
    assert (frame.share_holding > 0.9).all() and not frame.reliable.any()
    assert judged(copies.subset(slice(0, None, 5)), betas=(1.0,)).assumption_frame().reliable.iloc[:2].all()
    collapsed = bc.EmbeddingSet(1 + 1e-6 * rng.standard_normal((200, 16)), np.arange(200) % 5)
    assert not judged(collapsed, betas=(2.0,)).assumption_frame().reliable.any()


def test_near_duplicates_may_move_a_number_by_a_standard_error():
    """They alone decide here: what dropping them leaves is set beside the number."""
    emb = sample(n=300)
    both = bc.EmbeddingSet(np.concatenate([emb.z, emb.z[:30]]), np.concatenate([emb.y, emb.y[:30]]))
    losses = dataclasses.replace(judged(both, betas=(1.0,)), by_parts=None)
    key = keys(1.0)[0]
    estimate = losses.loss(key)
    for errors, withheld in ((0.9, False), (1.1, True)):
        dropped = losses.losses.mean + errors * estimate.se
        doubt = dataclasses.replace(losses, dropped=dropped).doubt((key,))
        assert ("near-duplicate" in getattr(doubt, "reason", "")) == withheld
