"""Known populations: a short text such as `vmf:classes=10,dim=64,kappa=20` gives embeddings and their exact limits.

| kind | classes are | keys |
|---|---|---|
| vmf | von Mises-Fisher about the vertices of a simplex | classes dim kappa imbalance n views |
| simplex | the vertices of a simplex themselves: neural collapse | classes dim imbalance n views |

`kappa` is one concentration, or one for each class separated by `/`. `imbalance` is the largest class's share over the
smallest's; the shares in between fall geometrically. An instance's views are independent given its class.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.vmf import Array, VmfMixture, simplex
from boundcheck.options import one_of


@dataclass(frozen=True)
class Population:
    """A distribution of instances whose large-negative limits are known.

    Attributes:
        name: the text it was made of, with every key.
        mixture: the distribution of a view; an instance draws its component once and its views from that.
        n: instances of a sample.
        v: views of each.
    """

    name: str
    mixture: VmfMixture
    n: int = 2000
    v: int = 1

    def sample(self, seed: int = 0) -> EmbeddingSet:
        """n instances in v views, drawn independently; classes that were not drawn are absent.

        Raises:
            InputError: fewer than two classes were drawn.
        """
        rng = np.random.default_rng([seed, 3])
        component = rng.choice(len(self.mixture.means), self.n, p=self.mixture.share)
        z = self.mixture.sample(np.repeat(component, self.v), rng).reshape(self.n, self.v, -1)
        labels = np.asarray(self.mixture.labels)[component]
        if len(np.unique(labels)) < 2:
            raise InputError(f"population: n = {self.n} instances all fell into one class; raise n")
        return EmbeddingSet(z, labels, meta={"dataset": self.name, "seed": seed})


@dataclass(frozen=True)
class _Key:
    """What a key of the text accepts."""

    rule: str
    convert: Callable[[str], float]
    least: float
    most: float

    def __call__(self, text: str) -> float | None:
        """The number, or None where the rule is broken."""
        try:
            value = self.convert(text)
        except ValueError:
            return None
        return value if text.isascii() and self.least <= value <= self.most else None


_KEYS = {
    "classes": _Key("a whole number from 2 to 10,000", int, 2, 10_000),
    "dim": _Key("a whole number from 1 to 100,000", int, 1, 100_000),
    "n": _Key("a whole number from 4 to 1e9", int, 4, 10**9),
    "views": _Key("a whole number from 1 to 1,000", int, 1, 1000),
    "kappa": _Key("a number > 0 and at most 1e4, or one for each class as in 5/10/20", float, 1e-9, 1e4),
    "imbalance": _Key("a number from 1 to 1e6", float, 1, 1e6),
}
_DEFAULTS = {"classes": "10", "dim": "64", "imbalance": "1", "n": "2000", "views": "1"}


def _vmf(values: Mapping[str, tuple[float, ...]]) -> VmfMixture:
    classes, dim, kappa = int(values["classes"][0]), int(values["dim"][0]), values["kappa"]
    if len(kappa) not in (1, classes):
        raise InputError(f"population: kappa needs 1 or {classes} values, one for each class, received {len(kappa)}")
    spread = np.broadcast_to(np.array(kappa), (classes,))
    return VmfMixture(simplex(classes, dim), spread, _shares(classes, values["imbalance"][0]))


def _collapse(values: Mapping[str, tuple[float, ...]]) -> VmfMixture:
    classes, dim = int(values["classes"][0]), int(values["dim"][0])
    return VmfMixture(simplex(classes, dim), math.inf, _shares(classes, values["imbalance"][0]))


# name -> (defaults of its keys, what makes the mixture of them)
POPULATIONS = MappingProxyType(
    {"vmf": (_DEFAULTS | {"kappa": "20"}, _vmf), "simplex": (_DEFAULTS, _collapse)},
)


def parse_population(text: str) -> Population:
    """The population that a text such as `vmf:classes=10,dim=64,kappa=20,n=2000` stands for.

    Raises:
        InputError: an unknown kind or key, a key given twice, or a value out of range; the message lists what is valid.
    """
    kind, _, rest = text.strip().partition(":")
    one_of("population", kind, POPULATIONS)
    defaults, build = POPULATIONS[kind]
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise InputError(f"population: expected key=value with keys {', '.join(defaults)}, received '{part}'")
        one_of(f"population: key of {kind}", key, defaults)
        if key in given:
            raise InputError(f"population: {key} may be given once, received it twice; leave one out")
        given[key] = value
    texts = defaults | given
    values = {key: _values(key, value) for key, value in texts.items()}
    name = f"{kind}:" + ",".join(f"{key}={texts[key]}" for key in defaults)
    return Population(name, build(values), int(values["n"][0]), int(values["views"][0]))


def checked(emb: object) -> EmbeddingSet | Population:
    """What a verb was given: embeddings or a population as they are, a text as the population that it names.

    Raises:
        InputError: it is something else, such as an array or the name of a file.
    """
    if isinstance(emb, (EmbeddingSet, Population)):
        return emb
    if not isinstance(emb, str):
        received = f"a {type(emb).__name__}"
    elif emb.partition(":")[0].strip() in POPULATIONS or (":" in emb and not Path(emb).exists()):
        return parse_population(emb)
    else:
        received = f"the text '{emb}'"
    raise InputError(
        f"emb: expected an EmbeddingSet or a population such as 'vmf:kappa=20', received {received}; make one of "
        "arrays with EmbeddingSet(z, y), of a file with load_embeddings(path)"
    )


def _values(key: str, text: str) -> tuple[float, ...]:
    """The numbers of a key; only kappa takes several."""
    parts = text.split("/") if key == "kappa" else [text]
    values = [value for part in parts if (value := _KEYS[key](part)) is not None]
    if len(values) < len(parts):
        raise InputError(f"population: {key} must be {_KEYS[key].rule}, received '{text}'")
    return tuple(values)


def _shares(classes: int, imbalance: float) -> Array:
    """(classes,) probabilities falling geometrically, the first `imbalance` times the last."""
    share = imbalance ** -np.linspace(0, 1, classes)
    return np.asarray(share / share.sum())
