"""What is computed, and how: the variant of the losses and the execution, checked once and then trusted."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

from boundcheck.errors import InputError, unknown_name
from boundcheck.hardening import CONSTANT, Hardening, parse_hardening
from boundcheck.losses import LOSSES, Loss, LossKey, choose_losses, keys_of
from boundcheck.options import DEVICES, POSITIVE, check, one_of, whole
from boundcheck.pools import ALL, Partition, partition_for

if TYPE_CHECKING:
    from boundcheck.embeddings import EmbeddingSet

Progress = Callable[[int, int, str], None]

STEEPEST = 1e5  # of beta / temperature and 1 / temperature: beyond it a rounding error of a cosine decides a loss
MOST_Q = 1e9
TEMPERATURE, BETAS = 0.5, (0.5, 1.0, 2.0, 5.0, 10.0)
POSITIVES = ("auto", "augmentation", "class")
SELF_PAIRS = ("exclude", "include")
CLASS_PRIORS = ("empirical", "balanced")
DESIGNS = ("auto", "iid", "fixed")
ESTIMATORS = ("auto", "exact", "montecarlo", "closed")
PRECISIONS = ("auto", "float32", "float64")
DUPLICATES = ("keep", "group", "drop")
CONFIGURATIONS = ("own", "cheap", "all")
FAIL_ON = ("violated", "undecided", "never")


@dataclass(frozen=True, init=False)
class Variant:
    """The variant of the losses, stated in full.

    Attributes:
        temperature: tau > 0.
        tilts: the hardenings of the hardened losses; the constant, eta = 1, is always there and not among them.
        q: values of Q > 0; inf is the decoupled loss rho - t_ap.
        positives: "augmentation" (other views), "class" (other views with the same label), or "auto": augmentation
            with two or more views, else class.
        self_pairs: "exclude" the anchor's own instance from the pools, or "include" it: the data are the population.
        class_prior: "empirical", or "balanced": weights proportional to 1 / n_y.
        losses: in the order of the papers.
        design: how the instances were drawn, for the step to the population: "iid", labels with them; "fixed" numbers
            of each class, which are then the population's shares; "auto": fixed where all classes are of one size.
    """

    temperature: float
    tilts: tuple[Hardening, ...]
    q: tuple[float, ...]
    positives: str
    self_pairs: str
    class_prior: str
    losses: tuple[Loss, ...]
    design: str

    def __init__(
        self,
        temperature: float = TEMPERATURE,
        betas: Sequence[float] = BETAS,
        hardening: str | Hardening | Sequence[str | Hardening] = "exp",
        *,
        q: Sequence[float] = (1.0,),
        positives: str = "auto",
        self_pairs: str = "exclude",
        class_prior: str = "empirical",
        losses: str | Sequence[str | Loss] = tuple(LOSSES),
        design: str = "auto",
    ) -> None:
        """Checks what it is given.

        Args:
            temperature: as the attribute.
            betas: tilts of the exponential hardening, >= 0; 0 is no tilt.
            hardening: "exp" (one tilt for each of `betas`), "threshold:T" (a cosine), "poly:P", a `Hardening`, or
                several of them.
            q, positives, self_pairs, class_prior: as the attributes.
            losses: ids or `Loss` objects.
            design: as the attribute.

        Raises:
            InputError: a value is unknown or out of range.
        """
        names = (hardening,) if isinstance(hardening, (str, Hardening)) else hardening
        powers = _numbers("betas", betas)
        values = {
            "temperature": _number("temperature", temperature),
            "tilts": tuple(dict.fromkeys(h for name in names for h in parse_hardening(name, powers) if h != CONSTANT)),
            "q": _numbers("q", q),
            "positives": one_of("positives", positives, POSITIVES),
            "self_pairs": one_of("self_pairs", self_pairs, SELF_PAIRS),
            "class_prior": one_of("class_prior", class_prior, CLASS_PRIORS),
            "losses": choose_losses(losses),
            "design": one_of("design", design, DESIGNS),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        check("temperature", self.temperature, POSITIVE, "the usual is 0.5")
        if not 1 / STEEPEST <= self.temperature <= STEEPEST:
            raise InputError(
                f"temperature: must be from {1 / STEEPEST:g} to {STEEPEST:g}, received {self.temperature:g}; "
                "the usual is 0.5"
            )
        most = STEEPEST * min(1.0, self.temperature)
        if steep := [h.beta for h in self.tilts if h.beta is not None and h.beta > most]:
            raise InputError(
                f"betas: must be at most {most:g} at this temperature, received {steep[0]:g}; "
                "beyond it rounding decides"
            )
        if not self.q:
            raise InputError("q: needs at least one value, received none; the usual is 1")
        if wrong := [value for value in self.q if not value > 0]:
            raise InputError(f"q: must be > 0 (inf allowed), received {wrong[0]:g}; the usual is 1")
        if wrong := [value for value in self.q if not (1 / MOST_Q <= value <= MOST_Q or value == math.inf)]:
            raise InputError(
                f"q: must be from {1 / MOST_Q:g} to {MOST_Q:g}, or inf, received {wrong[0]:g}; the usual is 1"
            )

    def but(self, **changes: Any) -> Variant:
        """The variant with other values, by the names of the arguments."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tilts"}
        tilts = {} if {"betas", "hardening"} & set(changes) else {"hardening": self.tilts}
        return Variant(**{**own, **tilts, **changes})

    @property
    def hardenings(self) -> tuple[Hardening, ...]:
        """The constant, then the tilts."""
        return (CONSTANT, *self.tilts)

    @property
    def betas(self) -> list[float]:
        """Of the exponential tilts."""
        return [h.beta for h in self.tilts if h.beta is not None]

    def plain(self) -> dict[str, Any]:
        """In plain values and names, as run.json holds it."""
        return {
            "temperature": self.temperature,
            "betas": self.betas,
            "hardening": list(dict.fromkeys(h.family for h in self.tilts)),
            "q": list(self.q),
            "losses": [loss.id for loss in self.losses],
            **{name: getattr(self, name) for name in ("positives", "self_pairs", "class_prior", "design")},
        }

    @cached_property
    def keys(self) -> tuple[LossKey, ...]:
        """Every loss of the variant, in reporting order."""
        return keys_of(self.losses, self.tilts, self.q)

    @property
    def stratified(self) -> bool:
        """Whether the classes' shares are known: only instances within a class are left to chance."""
        return self.class_prior == "balanced" or self.design == "fixed"

    @property
    def partition(self) -> Partition:
        """What sums over candidates are kept apart for."""
        return partition_for(loss.pool for loss in self.losses)

    def with_views(self, views: int) -> Variant:
        """The variant for instances in this many views: what "auto" stands for.

        Raises:
            InputError: there are too few.
        """
        positives = self.positives
        if positives == "auto":
            positives = "augmentation" if views >= 2 else "class"
        if positives == "augmentation" and views < 2:
            raise InputError(
                f"positives: augmentation needs two or more views of each instance, received {views}; use class"
            )
        return self.but(positives=positives)

    def _without_labels(self, views: int) -> Variant:
        """The variant for data without labels: positives are other views, and pools hold all other instances."""
        if views < 2 or self.positives == "class":
            raise InputError(
                f"positives: data without labels need two or more views of each instance, received {views} and "
                f"positives '{self.positives}'; encode several views, or add labels y"
            )
        losses = tuple(loss for loss in self.losses if loss.pool == ALL)
        if not losses:
            raise InputError(
                f"losses: without labels only those over all other instances are defined, received "
                f"{','.join(loss.id for loss in self.losses)}; take ucl,hucl, or add labels y"
            )
        return self.but(losses=losses).with_views(views)

    def on(self, emb: EmbeddingSet) -> Variant:
        """The variant for these embeddings: what "auto" stands for.

        Raises:
            InputError: they lack what it needs.
        """
        variant = self.with_views(emb.v) if emb.labelled else self._without_labels(emb.v)
        if variant.design == "auto":
            counts = emb.class_counts
            variant = variant.but(design="fixed" if counts.min() == counts.max() > 1 and emb.labelled else "iid")
        if variant.positives == "class" and emb.v == 1 and self.self_pairs == "exclude" and emb.class_counts.max() < 2:
            raise InputError(
                "y: class positives need a class with two or more instances, received one in each; check that y names "
                "classes, not instances"
            )
        lacking = [loss for loss in self.losses if loss.pool.needs_groups and loss.pool.groups is None]
        if lacking and emb.groups is None:
            raise InputError(
                f"losses: '{lacking[0].id}' needs a super-class of every instance, received embeddings without; "
                "add the array groups"
            )
        return variant


@dataclass(frozen=True)
class Execution:
    """How it is computed.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "float32" or "float64" of the products.
        seed: of whatever is sampled.
        estimator: "exact"; "montecarlo": sampled anchors against all candidates; "closed": populations only; "auto".
        anchors: how many anchors to sample; None means all.
        progress: called with (done, total, unit).

    Raises:
        InputError: a value is unknown or out of range.
    """

    device: str = "auto"
    precision: str = "auto"
    seed: int = 0
    estimator: str = "auto"
    anchors: int | None = None
    progress: Progress | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name, valid in (("device", DEVICES), ("precision", PRECISIONS), ("estimator", ESTIMATORS)):
            one_of(name, getattr(self, name), valid)
        check("seed", self.seed, whole(0), "the usual is 0")
        check("anchors", self.anchors, whole(2), "None means all", optional=True)
        if self.estimator == "exact" and self.anchors is not None:
            raise InputError(f"estimator: exact takes every anchor, received anchors={self.anchors}; use montecarlo")


class Options(TypedDict, total=False):
    """The fields of `Variant` and `Execution`, as the keywords that every verb takes in their place."""

    temperature: float
    betas: Sequence[float] | str
    hardening: str | Hardening | Sequence[str | Hardening]
    q: Sequence[float]
    positives: str
    self_pairs: str
    class_prior: str
    losses: str | Sequence[str | Loss]
    design: str
    device: str
    precision: str
    seed: int
    estimator: str
    anchors: int | None
    progress: Progress | None


_VARIANT = frozenset(inspect.signature(Variant).parameters)
_EXECUTION = frozenset(f.name for f in fields(Execution))


def understood(
    variant: Variant | None, execution: Execution | None, options: Options | Mapping[str, Any]
) -> tuple[Variant, Execution]:
    """The variant and the execution that a verb was given: whole, or by the keywords they hold.

    Raises:
        InputError: an option is unknown, or out of range.
    """
    for name in options:
        if name not in _VARIANT | _EXECUTION:
            raise unknown_name("option", name, sorted(_VARIANT | _EXECUTION))
    if isinstance(options.get("betas"), str) and options.get("betas") == "auto":
        raise InputError("betas: auto is for one embedding set, in verify; here name betas, as 0.5,1,2")
    of_variant = {name: value for name, value in options.items() if name in _VARIANT}
    of_execution: dict[str, Any] = {name: value for name, value in options.items() if name in _EXECUTION}
    return (variant or Variant()).but(**of_variant), replace(execution or Execution(), **of_execution)


def _number(parameter: str, value: Any) -> float:
    if isinstance(value, (list, tuple)) or getattr(value, "ndim", False):
        raise InputError(
            f"{parameter}: takes one number, received {[float(v) for v in value]}; boundcheck.sweep takes several "
            f"{parameter}s"
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{parameter}: expected a number, received {value!r}") from None


def _numbers(parameter: str, values: Any) -> tuple[float, ...]:
    try:
        given = (values,) if isinstance(values, (int, float)) else tuple(values)
        return tuple(dict.fromkeys(float(value) for value in given))
    except (TypeError, ValueError):
        raise InputError(f"{parameter}: expected a list of numbers, received {values!r}") from None
