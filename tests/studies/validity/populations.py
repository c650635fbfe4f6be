"""Populations with known truth, by name: closed forms and finite sets, some to tune the engine on, others to report.

What is tuned (thresholds of guards, say) may look at TUNE alone; REPORT says how it does elsewhere. The principal
components of Fashion-MNIST are in TUNE, as trial runs looked at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from boundcheck.estimators import Population, parse_population
from boundcheck.estimators.closed import closed
from boundcheck.estimators.vmf import VmfMixture, simplex
from tests.studies.validity.limits import crossing, finite_crossing, finite_limits, with_crossing, with_gaps
from tests.studies.validity.sets import load

BETAS = (0.5, 2.0, 10.0)
BETWEEN = (1.0,)  # further betas that a finite set's critical beta is found among
TABLES = 4  # closed-form tables of 10,000 anchors behind one truth


@dataclass(frozen=True)
class Closed:
    """A von Mises-Fisher mixture; samples are independent, or have class sizes fixed in proportion."""

    mixture: VmfMixture
    v: int = 1

    def sample(self, n: int, design: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(n, v, d), (n,)."""
        rng = np.random.default_rng([seed, 7])
        share = np.asarray(self.mixture.share)
        labels = np.asarray(self.mixture.labels)
        if design == "iid":
            component = rng.choice(len(share), n, p=share)
        else:
            size = _sizes(self.mixture.prior, n)
            within = [share * (labels == c) for c in range(self.mixture.classes)]
            component = np.concatenate(
                [rng.choice(len(share), m, p=w / w.sum()) for m, w in zip(size, within, strict=True)]
            )
        z = self.mixture.sample(np.repeat(component, self.v), rng).reshape(n, self.v, -1)
        return z, labels[component]

    def limits(self, temperature: float, prior: str) -> pd.DataFrame:
        """quantity, beta, truth, truth_se: the mean of closed forms at anchors of their own, and its standard error."""
        tables = pd.concat([self._table(temperature, prior, seed) for seed in range(TABLES)])
        found = tables.groupby(["quantity", "beta"], sort=False, dropna=False).truth
        return found.agg(truth="mean", truth_se="sem").reset_index()

    def _table(self, temperature: float, prior: str, seed: int) -> pd.DataFrame:
        from boundcheck.spec import Variant  # earlier versions, whose verdicts are compared, have none

        def at(betas: Sequence[float]) -> pd.DataFrame:
            variant = Variant(temperature, betas, class_prior=prior)
            table = closed(Population("", self.mixture, 4, self.v), variant, seed=seed)
            values = {(key.loss.id, key.hardening.beta or 0.0): table.loss(key).value for key in table.keys}
            values |= {("hucl", 0.0): values["ucl", 0.0], ("hscl", 0.0): values["scl", 0.0]}
            values |= {("share", h.beta or 0.0): summary.share.value for h, summary in table.margins.items()}
            return with_gaps(pd.Series(values))

        def excess(beta: float) -> float:
            return float(at([beta]).query("quantity == 'hscl-ucl'").truth.iloc[0])

        limits = at(BETAS)
        return with_crossing(limits, crossing(limits, excess))


@dataclass(frozen=True)
class Finite:
    """A finite set, sampled without replacement within classes.

    Attributes:
        name: in `sets.SETS`.
        imbalance: the largest class's probability over the smallest's, falling geometrically; 0 keeps the set's own.
        permuted: labels are independent of the embeddings, so that every gap is exactly 0.
    """

    name: str
    imbalance: float = 0.0
    permuted: bool = False

    @property
    def shares(self) -> np.ndarray:
        """(c,) class probabilities."""
        count = np.bincount(load_once(self.name)[1])
        if not self.imbalance:
            return count / len(load_once(self.name)[1])
        share = self.imbalance ** -np.linspace(0, 1, len(count))
        return share / share.sum()

    def sample(self, n: int, design: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(n, v, d), (n,): class sizes multinomial (hypergeometric in the set's own shares), or fixed."""
        z, y = load_once(self.name)
        rng = np.random.default_rng([seed, 11])
        chosen = self.chosen(n, design, rng)
        return z[chosen], rng.permutation(y[chosen]) if self.permuted else y[chosen]

    def chosen(self, n: int, design: str, rng: np.random.Generator) -> np.ndarray:
        """(n,) places of a sample in the set."""
        y = load_once(self.name)[1]
        if design == "iid" and not self.imbalance:
            return rng.choice(len(y), n, replace=False)
        size = rng.multinomial(n, self.shares) if design == "iid" else _sizes(self.shares, n)
        members = [np.flatnonzero(y == c) for c in range(len(size))]
        return np.concatenate([rng.choice(m, k, replace=False) for m, k in zip(members, size, strict=True)])

    def limits(self, temperature: float, prior: str) -> pd.DataFrame:
        """quantity, beta, truth, truth_se (0: the set is seen whole); of permuted labels the gaps alone."""
        if self.permuted:
            gaps = [("ucl-scl", 0.0), *(("hucl-hscl", beta) for beta in BETAS)]
            return pd.DataFrame(gaps, columns=["quantity", "beta"]).assign(truth=0.0, truth_se=0.0)
        z, y = load_once(self.name)
        shares = np.full(y.max() + 1, 1 / (y.max() + 1)) if prior == "balanced" else self.shares
        every = finite_limits(z, y, temperature, sorted({*BETAS, *BETWEEN}), shares)
        found = every[every.beta.isin([0.0, *BETAS])]
        return with_crossing(found, finite_crossing(every)).assign(truth_se=0.0)


load_once = cache(load)


def _sizes(shares: np.ndarray, n: int) -> np.ndarray:
    """Whole numbers that add up to n, in proportion: the largest remainders are rounded up."""
    size = np.floor(shares * n).astype(int)
    size[np.argsort(size - shares * n, kind="stable")[: n - size.sum()]] += 1
    return size


def _clusters(classes: int, each: int, dim: int, kappa: tuple[float, float], share_seed: int) -> VmfMixture:
    """Heavy tails: every class is a cloud of near-duplicate clusters, whose sizes fall as 1 / rank."""
    rng = np.random.default_rng(share_seed)
    labels = np.repeat(np.arange(classes), each)
    centre, within = kappa
    means = VmfMixture(simplex(classes, dim), centre).sample(labels, rng)
    share = np.tile(1 / np.arange(1, each + 1), classes)
    return VmfMixture(means, within, share / share.sum(), labels)


def _scattered(classes: int, dim: int, kappa: float, seed: int) -> VmfMixture:
    """Class means drawn uniformly from the sphere: more classes than dimensions."""
    means = np.random.default_rng(seed).standard_normal((classes, dim))
    return VmfMixture(means / np.linalg.norm(means, axis=1, keepdims=True), kappa)


def _vmf(text: str) -> Closed:
    known = parse_population(f"vmf:{text}")
    return Closed(known.mixture, known.v)


# Nine in ten points of a class lie close to its vertex, the tenth far out; the two views of an instance agree which.
_TAILS = VmfMixture(
    np.repeat(simplex(10, 16), 2, axis=0), np.tile([40.0, 4.0], 10), np.tile([0.09, 0.01], 10), np.repeat(range(10), 2)
)
TUNE: dict[str, Closed | Finite] = {
    "vmf 2 classes": _vmf("classes=2,dim=8,kappa=4"),
    "vmf 10 classes": _vmf("classes=10,dim=16,kappa=20"),
    "vmf 100 classes": _vmf("classes=100,dim=128,kappa=100"),
    "vmf imbalanced, two views": _vmf("classes=10,dim=16,kappa=20,imbalance=100,views=2"),
    "vmf clusters": Closed(_clusters(10, 60, 16, (10, 300), 0)),
    "fashion": Finite("fashion"),
    "fashion, permuted": Finite("fashion", permuted=True),
    "fashion, PCA": Finite("fashion_pca"),
    "fashion, PCA, permuted": Finite("fashion_pca", permuted=True),
    "digits": Finite("digits"),
    "digits, permuted": Finite("digits", permuted=True),
    "digits, long tail": Finite("digits", imbalance=300),
    "newsgroups": Finite("newsgroups"),
    "newsgroups, long tail": Finite("newsgroups", imbalance=300),
    "newsgroups, permuted": Finite("newsgroups", permuted=True),
    "six newsgroups": Finite("six_newsgroups"),
    "six newsgroups, permuted": Finite("six_newsgroups", permuted=True),
}
REPORT: dict[str, Closed | Finite] = {
    "vmf 5 classes": _vmf("classes=5,dim=32,kappa=10"),
    "vmf 20 classes": _vmf("classes=20,dim=32,kappa=15"),
    "vmf 30 classes, imbalanced": _vmf("classes=30,dim=48,kappa=60,imbalance=10"),
    "vmf 40 classes, imbalanced": _vmf("classes=40,dim=64,kappa=40,imbalance=20"),
    "vmf 1,000 classes, two views": Closed(_scattered(1000, 128, 100, 1), 2),
    "vmf heavy tails, two views": Closed(_TAILS, 2),
    "vmf fine clusters": Closed(_clusters(5, 300, 32, (20, 1000), 1)),
    "fashion, two views": Finite("fashion_views"),
    "fashion, long tail": Finite("fashion", imbalance=100),
    "digits encoder": Finite("digits_encoder"),
    "digits encoder, permuted": Finite("digits_encoder", permuted=True),
    "reuters": Finite("reuters"),
    "reuters, permuted": Finite("reuters", permuted=True),
}
POPULATIONS = TUNE | REPORT
