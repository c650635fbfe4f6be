"""Every loss, hardening and estimator against one literal loop: the value is right, or it is refused.

The losses are the registered ones and two of a user's own, on the pools `same` and `siblings`; the hardenings the
built-in ones and two of a user's own. Data are awkward: classes of unequal size, one in two super-classes, one alone in
its own, so that some pools are empty.
"""

from __future__ import annotations

import itertools
import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import boundcheck as bc
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.closed import closed
from boundcheck.estimators.dense import dense
from boundcheck.estimators.dense_finite import dense_finite_losses
from boundcheck.estimators.exact import exact
from boundcheck.estimators.finite import finite_losses
from boundcheck.estimators.montecarlo import montecarlo
from boundcheck.estimators.populations import Population, parse_population
from boundcheck.estimators.records import LossTable
from boundcheck.estimators.vmf import VmfMixture, simplex
from boundcheck.falsification.literal import literal as fifty_digits
from boundcheck.hardening import HARDENINGS, Constant, Exponential, Hardening, Polynomial, Threshold
from boundcheck.losses import LOSSES, Loss, LossKey
from boundcheck.pairwise.labels import Labels
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.pairwise.ring.sharing import Ring, Shard, shard_edges
from boundcheck.pools import SAME, SIBLINGS, siblings
from boundcheck.ranks import Ranks
from boundcheck.spec import Execution, Variant

TAU = 0.4
Y = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
GROUPS = np.array(["a", "a", "a", "a", "a", "b", "b", "b", "c", "c"])
EMB = EmbeddingSet(np.random.default_rng(7).standard_normal((10, 2, 3)) + np.eye(4, 3)[Y][:, None], Y, groups=GROUPS)
DOUBLE = Execution(device="cpu", precision="float64")


@dataclass(frozen=True)
class Ramp(Hardening):
    """eta(t) = 1 + slope max(t, 0): of a user's own, known by its logarithm alone."""

    slope: float
    form: ClassVar[str] = "ramp:S"

    @property
    def family(self) -> str:
        return f"ramp:{self.slope:g}"

    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        return torch.log1p(self.slope * t.clamp_min(0))


@dataclass(frozen=True)
class Square(Hardening):
    """eta(t) = e^{2 t}: of a user's own, a power of e^t."""

    @property
    def family(self) -> str:
        return "square"

    @property
    def power(self) -> float:
        return 2.0

    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        return 2 * t


ETAS: dict[Hardening, Callable[[float], float]] = {
    Constant(): lambda t: 1.0,
    Exponential(3.0): lambda t: math.exp(3 * t),
    Threshold(0.25): lambda t: float(t * TAU >= 0.25),
    Polynomial(2.0): lambda t: ((1 + TAU * t) / 2) ** 2,
    Ramp(1.5): lambda t: 1 + 1.5 * max(t, 0),
    Square(): lambda t: math.exp(2 * t),
}
OWN = (Loss("hsame", "H, the same class", SAME, hardened=True), Loss("sib", "siblings", SIBLINGS, hardened=False))
OWN += (Loss("hsib", "H, siblings", SIBLINGS, hardened=True),)
IN_POOL: dict[str, Callable[[int, int], bool]] = {
    "all": lambda i, j: True,
    "diff": lambda i, j: bool(Y[i] != Y[j]),
    "same": lambda i, j: bool(Y[i] == Y[j]),
    "siblings": lambda i, j: bool(Y[i] != Y[j] and GROUPS[i] == GROUPS[j]),
}
SETTINGS = [
    dict(positives="augmentation"),
    dict(positives="class", class_prior="balanced"),
    dict(positives="class", self_pairs="include"),
]


def variant_of(**setting: Any) -> Variant:
    tilts = tuple(h for h in ETAS if not isinstance(h, Constant))
    return Variant(TAU, hardening=tilts, q=(1.0, 3.0, math.inf), losses=(*LOSSES, *OWN), **setting)


@pytest.fixture(params=SETTINGS, ids=lambda setting: "-".join(setting.values()))
def variant(request: pytest.FixtureRequest) -> Variant:
    return variant_of(**request.param)


def loop(variant: Variant, key: LossKey, k: int | None = None) -> np.ndarray:
    """(anchors,) the loss by its definition; NaN where an anchor has no positive, or nothing in its tilted pool."""
    size = {int(c): 2 * int((c == Y).sum()) for c in Y}
    views = list(itertools.product(range(10), range(2)))
    eta, include = ETAS[key.hardening], variant.self_pairs == "include"
    t = {(a, b): float(EMB.z[a].astype(float) @ EMB.z[b].astype(float)) / TAU for a in views for b in views}
    out = []
    for a in views:
        by_class = variant.positives == "class"
        positives = [
            b
            for b in views
            if (Y[b[0]] == Y[a[0]] if by_class else b[0] == a[0]) and (b != a or (by_class and include))
        ]
        pool = [b for b in views if (b[0] != a[0] or include) and IN_POOL[key.loss.pool.id](a[0], b[0])]
        weight = [(1 / size[Y[b[0]]] if variant.class_prior == "balanced" else 1.0) * eta(t[a, b]) for b in pool]
        if not positives or not sum(weight):
            out.append(math.nan)
            continue
        share, e = np.array(weight) / sum(weight), np.exp([t[a, b] for b in pool])
        if k is None:
            draws, chances = np.array([share @ e]), np.array([1.0])
        else:
            chances, draws = np.ones(1), np.zeros(1)
            for _ in range(k):
                chances, draws = np.outer(chances, share).ravel(), np.add.outer(draws, e / k).ravel()
        of_positives = [
            np.log(draws) - t[a, p] if math.isinf(key.q) else np.log1p(key.q * draws * math.exp(-t[a, p]))
            for p in positives
        ]
        out.append(float(np.mean(of_positives, axis=0) @ chances))
    return np.array(out)


def average(variant: Variant, values: np.ndarray) -> float:
    """Over the anchors at which the loss is defined."""
    weight = np.repeat([1 / (c == Y).sum() for c in Y] if variant.class_prior == "balanced" else np.ones(10), 2)
    defined = ~np.isnan(values)
    return float(np.average(values[defined], weights=weight[defined])) if defined.any() else math.nan


def assert_right(table: LossTable, variant: Variant, atol: float, k: int | None = None) -> None:
    """Every loss at every anchor of a table, and their averages."""
    assert len(table.keys) == 3 * (3 + 5 * 4)
    rows = table.table.anchors.numpy()
    for key in table.keys:
        expected = loop(table.variant, key, k)
        np.testing.assert_allclose(table.per_anchor(key), expected[rows], atol=atol, rtol=0, err_msg=str(key))
        if len(rows) == 20:
            mean = average(variant, expected)
            np.testing.assert_allclose(float(table.losses.mean[table.keys.index(key)]), mean, atol=atol, rtol=0)


def test_the_data_have_what_the_definition_must_cope_with() -> None:
    values = loop(variant_of(positives="augmentation"), LossKey(OWN[2], Threshold(0.25), 1.0))
    assert 0 < np.isnan(values).sum() < 20
    assert np.isnan(loop(variant_of(positives="augmentation"), LossKey(OWN[1], Constant(), 1.0))[-4:]).all()


@pytest.mark.slow
@pytest.mark.parametrize("intervals", [False, True])
def test_exact(variant: Variant, intervals: bool) -> None:
    assert_right(exact(EMB, variant, DOUBLE, intervals=intervals), variant, 1e-9)


def test_exact_in_float32(variant: Variant) -> None:
    assert_right(exact(EMB, variant, Execution(device="cpu", precision="float32"), intervals=False), variant, 2e-5)


def test_dense(variant: Variant) -> None:
    assert_right(dense(EMB, variant)[0], variant, 1e-9)


def test_fifty_digits(variant: Variant) -> None:
    some = torch.tensor([0, 7, 10, 11, 13, 19])
    assert_right(fifty_digits(EMB, variant, some)[0], variant, 1e-9)


@pytest.mark.parametrize("anchors", [20, 7])
def test_sampled_anchors(variant: Variant, anchors: int) -> None:
    execution = Execution(device="cpu", precision="float64", anchors=anchors)
    table = montecarlo(EMB, variant, execution, intervals=False)
    assert len(table.table.anchors) == anchors
    assert_right(table, variant, 1e-9)


@pytest.mark.slow
def test_losses_at_finite_k(variant: Variant) -> None:
    """The quadrature is good to some 1e-6 nats."""
    losses = finite_losses(EMB, variant, (1, 2), DOUBLE)
    for k in (1, 2):
        assert_right(losses.tables[k], variant, 5e-6, k)


def test_dense_losses_at_finite_k(variant: Variant) -> None:
    z = torch.from_numpy(EMB.z)
    for k, table in dense_finite_losses(dense(EMB, variant, z=z)[0], z, (1, 2)).items():
        assert_right(table, variant, 5e-6, k)


@pytest.mark.slow
def test_drawn_negatives(variant: Variant) -> None:
    """All anchors, so that draws alone are left to chance, which leaves no bias."""
    runs, k = 60, 2
    tables = [
        montecarlo(EMB, variant, Execution("cpu", "float64", seed, anchors=20), negatives=k, intervals=False)
        for seed in range(runs)
    ]
    means = torch.stack([table.losses.mean for table in tables])
    error = (means.std(0) / math.sqrt(runs)).clamp_min(1e-9)
    for f, key in enumerate(variant.keys):
        expected = loop(tables[0].variant, key, k)
        assert np.array_equal(np.isnan(expected), tables[0].per_anchor(key).isnan().numpy()), key
        assert abs(float(means[:, f].mean()) - average(variant, expected)) < 4 * float(error[f]), key


@dataclass(frozen=True)
class InProcess(Ranks):
    """Ranks that are called one after another; what would travel between them is pickled."""

    others: list[Ranks] = field(default_factory=list, compare=False)
    sent: list[Any] = field(default_factory=list, compare=False)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        arguments = pickle.loads(pickle.dumps(arguments))
        self.sent.clear()
        for rank in self.others:
            function(rank, *arguments)
        return function(self, *arguments)

    def gather_on_first(self, value: Any) -> Iterator[Any]:
        if not self.is_first:
            self.sent.append(pickle.loads(pickle.dumps(value)))
            return iter(())
        return iter([value, *self.sent])


@dataclass(frozen=True)
class InProcessRing(Ring):
    """A ring whose shards are all at hand."""

    shards: tuple[Shard, ...]

    def guests(self) -> Iterator[Shard]:
        return iter(self.shards[self.ranks.rank :] + self.shards[: self.ranks.rank])


def sharded(emb: EmbeddingSet) -> ShardedEmbeddings:
    """Between two ranks."""
    sent: list[Any] = []
    second = InProcess(1, 2, torch.device("cpu"), sent=sent)
    first = InProcess(0, 2, torch.device("cpu"), others=[second], sent=sent)
    groups = None if emb.groups is None else torch.from_numpy(emb.groups)
    labels = Labels(torch.from_numpy(emb.y), groups)
    edges = shard_edges(emb.n, 2)
    z = torch.from_numpy(emb.z)[labels.order]
    shards = tuple(Shard(z[start:stop], start) for start, stop in itertools.pairwise(edges))
    for rank in (second, first):
        rank.held["ring"] = InProcessRing(rank, shards[rank.rank], labels, emb.largest_norm, shards)
    return ShardedEmbeddings(emb, emb.z, first.held["ring"])


@pytest.mark.slow
@pytest.mark.parametrize("intervals", [False, True])
def test_two_ranks(variant: Variant, intervals: bool) -> None:
    assert_right(exact(sharded(EMB), variant, DOUBLE, intervals=intervals), variant, 1e-9)


@pytest.mark.slow
def test_two_ranks_at_finite_k(variant: Variant) -> None:
    losses = finite_losses(sharded(EMB), variant, (1, 2), DOUBLE, anchors=torch.tensor([0, 5, 9, 12, 18]))
    for k in (1, 2):
        assert_right(losses.tables[k], variant, 5e-6, k)


@pytest.mark.slow
def test_what_leaving_out_does_is_the_same_on_two_ranks(variant: Variant) -> None:
    one, two = (exact(emb, variant, DOUBLE) for emb in (EMB, sharded(EMB)))
    torch.testing.assert_close(two.correction, one.correction, equal_nan=True)
    torch.testing.assert_close(two.influence, one.influence, equal_nan=True)


def collapsed(key: LossKey) -> float:
    """The loss of five classes of equal share, each a single point of a simplex: infinitely many negatives."""
    near, far = 1 / TAU, -1 / 4 / TAU
    beta = key.hardening.beta or 0.0
    levels = {"same": [(1.0, near)], "diff": [(4.0, far)], "all": [(1.0, near), (4.0, far)]}[key.loss.pool.id]
    mass = [(weight * math.exp(beta * t), math.exp(t)) for weight, t in levels]
    mean = sum(weight * e for weight, e in mass) / sum(weight for weight, _ in mass)
    return math.log(mean) - near if math.isinf(key.q) else math.log1p(key.q * mean * math.exp(-near))


@pytest.mark.parametrize("prior", ["empirical", "balanced"])
def test_closed_forms(prior: str) -> None:
    spec = Variant(
        TAU, hardening=(Exponential(3.0),), q=(1.0, 3.0, math.inf), losses=(*LOSSES, OWN[0]), class_prior=prior,
        positives="class",
    )  # fmt: skip
    table = closed(parse_population("simplex:classes=5,dim=8"), spec, anchors=30)
    assert len(table.keys) == 15
    for key in table.keys:
        assert table.loss(key).value == pytest.approx(collapsed(key), abs=1e-8), key


def test_closed_forms_of_a_spread_population() -> None:
    """Against a large sample, whose pools are finite: within 4 standard errors, and what is left of their bias."""
    mixture = VmfMixture(simplex(3, 4), np.array([4.0, 6.0, 9.0]), np.array([0.5, 0.3, 0.2]))
    spec = Variant(TAU, betas=[1.0], losses=(*LOSSES, OWN[0]), positives="class")
    population = Population("three classes", mixture, n=1500)
    known, found = closed(population, spec, anchors=4000), exact(population.sample(5), spec, Execution(device="cpu"))
    for key in spec.keys:
        one, other = known.loss(key), found.loss(key)
        assert other.value == pytest.approx(one.value, abs=4 * math.hypot(one.se, other.se) + 1e-4), key


@pytest.mark.parametrize("hardening", [h for h in ETAS if not isinstance(h, (Constant, Exponential))], ids=str)
def test_closed_forms_refuse_other_tilts(hardening: Hardening) -> None:
    with pytest.raises(InputError, match=f"exp alone, received {hardening.family}"):
        closed(parse_population("vmf"), Variant(hardening=hardening), anchors=30)


@pytest.mark.parametrize("loss", OWN[1:], ids=lambda loss: loss.id)
def test_closed_forms_refuse_super_classes(loss: Loss) -> None:
    with pytest.raises(InputError, match=f"'{loss.id}' needs super-classes, which a population has not"):
        bc.estimate("vmf", losses=["ucl", loss])


ESTIMATORS: dict[str, Callable[[EmbeddingSet, Variant], LossTable]] = {
    "exact": lambda emb, variant: exact(emb, variant, DOUBLE, intervals=False),
    "dense": lambda emb, variant: dense(emb, variant)[0],
    "fifty digits": lambda emb, variant: fifty_digits(emb, variant, torch.arange(20))[0],
    "sampled": lambda emb, variant: montecarlo(emb, variant, Execution("cpu", "float64", anchors=20)),
    "drawn": lambda emb, variant: montecarlo(emb, variant, Execution("cpu", "float64", anchors=20), negatives=1),
    "finite": lambda emb, variant: finite_losses(emb, variant, (1,), DOUBLE, intervals=False).tables[1],
    "ring": lambda emb, variant: exact(sharded(emb), variant, DOUBLE, intervals=False),
}
BARE = EmbeddingSet(EMB.z, Y)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_siblings_without_super_classes_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"'sib' needs a super-class of every instance, .* add the array groups"):
        ESTIMATORS[name](BARE, Variant(TAU, losses=OWN[1:]))


@pytest.mark.parametrize("emb", [BARE, EmbeddingSet(EMB.z, Y, groups=Y)], ids=["none", "others"])
@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "ring"])
def test_a_pool_may_bring_its_super_classes(name: str, emb: EmbeddingSet) -> None:
    brought = Loss("hsib", "H, siblings", siblings(GROUPS), hardened=True)
    mine, theirs = (
        ESTIMATORS[name](of, Variant(TAU, betas=[3.0], losses=["ucl", loss]))
        for of, loss in ((emb, brought), (EMB, OWN[2]))
    )
    torch.testing.assert_close(mine.losses.value, theirs.losses.value, rtol=0, atol=0, equal_nan=True)
    assert bool(mine.losses.value[:, 1].isfinite().any())


def test_ranks_refuse_super_classes_that_a_pool_brings() -> None:
    with pytest.raises(InputError, match="own groups do not reach other ranks"):
        ESTIMATORS["ring"](BARE, Variant(TAU, losses=[Loss("sib", "siblings", siblings(GROUPS), hardened=False)]))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pools_that_disagree_on_the_super_classes_are_refused(name: str) -> None:
    other = Loss("other", "siblings of another kind", siblings(Y % 2), hardened=False)
    with pytest.raises(InputError, match=r"pools must agree on the super-classes \(groups\)"):
        ESTIMATORS[name](EMB, Variant(TAU, losses=[OWN[1], other]))


def test_a_hardening_of_ones_own_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HARDENINGS, "ramp", Ramp)
    named, given = (
        bc.estimate(EMB, hardening=h, losses=["hucl", OWN[2]], device="cpu").to_frame() for h in ("ramp:1.5", Ramp(1.5))
    )
    assert named.equals(given) and (named.hardening == "ramp:1.5").all()
    with pytest.raises(InputError, match="ramp needs a number"):
        Variant(hardening="ramp")
