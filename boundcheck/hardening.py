"""Hardening functions eta(t) in log form (Jiang 2022, Sec. III): eta >= 0, non-decreasing in the logit t.

docs/theory.md, eq. (5).

One of one's own is a small frozen dataclass with `family` and `log_eta`; put into `HARDENINGS` it is reachable by name:

    @dataclass(frozen=True)
    class Step(Hardening):
        height: float
        form = "step:H"

        @property
        def family(self) -> str:
            return f"step:{self.height:g}"

        def log_eta(self, t: Tensor, temperature: float) -> Tensor:
            return math.log(self.height) * (t > 0)

Every log-sum the package needs is a sum over candidates of `eta(t) e^t` or `eta(t)`; a `LogTerm` is one such
summand. The exponential tilts share theirs: eta e^t at beta is e^{(1 + beta) t}, so beta = 0 and beta = 1 meet at e^t.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from boundcheck.errors import InputError, unknown_name
from boundcheck.options import NOT_NEGATIVE, Rule, check

if TYPE_CHECKING:
    from torch import Tensor

    Number = Any  # mpmath's mpf


def hardening_label(hardening: str, beta: float) -> str:
    """How a hardening is written in text, tables and figures: `β = 5`, `η = 1`, `threshold 0.5`, `power 2`.

    Args:
        hardening: its family, as in losses.csv; empty where a row is about none.
        beta: NaN where it has none.
    """
    if hardening == "exp":
        return "β = ∞" if math.isinf(beta) else f"β = {beta:g}" if not math.isnan(beta) else "every β"
    if hardening in ("constant", ""):
        return "η = 1" if hardening else "–"
    name, _, parameter = hardening.partition(":")
    return f"{'power' if name == 'poly' else name} {parameter}".strip()


@dataclass(frozen=True)
class Hardening(ABC):
    """A non-decreasing function of the logit, eta(t) >= 0.

    Attributes:
        form: how it is written as an option, such as `threshold:T`.
        digits: decimal digits that `eta` is good to.
    """

    form: ClassVar[str] = ""
    digits: ClassVar[int] = 15

    @property
    @abstractmethod
    def family(self) -> str:
        """The name in tables: `constant`, `exp`, `threshold:0.5`, ..."""

    @property
    def beta(self) -> float | None:
        """The tilt of an exponential hardening; None for any other."""
        return None

    @property
    def power(self) -> float | None:
        """p where eta(t) = e^{p t}, which shares its powers with others; None for any other function."""
        return None

    @property
    def label(self) -> str:
        """The name in text and figures."""
        return hardening_label(self.family, math.nan if self.beta is None else self.beta)

    @abstractmethod
    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        """log eta(t) for logits t of any shape and precision; -inf where eta is zero."""

    def eta(self, t: Number, temperature: Number) -> Number:
        """eta(t) at mpmath's working precision; from `log_eta` in float64 where a class has no formula of its own."""
        import torch
        from mpmath import mp

        value = float(self.log_eta(torch.tensor(float(t), dtype=torch.float64), float(temperature)))
        return mp.exp(value) if value > -math.inf else mp.zero

    @classmethod
    def parse(cls, parameter: str, betas: Sequence[float]) -> tuple[Hardening, ...]:
        """The functions that `NAME:parameter` stands for.

        Raises:
            InputError: the parameter is missing or out of range.
        """
        try:
            if not parameter.isascii():
                raise ValueError(parameter)
            value = float(parameter)
        except ValueError:
            name = cls.form.partition(":")[0]
            raise InputError(f"hardening: {name} needs a number, as in {name}:0.5, received '{parameter}'") from None
        return (cls(value),)  # type: ignore[call-arg]  # a family with a parameter takes it


@dataclass(frozen=True)
class Constant(Hardening):
    """eta = 1: no tilt. H-UCL is then UCL and H-SCL is SCL."""

    digits: ClassVar[int] = 50

    @property
    def family(self) -> str:
        """`constant`."""
        return "constant"

    @property
    def power(self) -> float:
        """0."""
        return 0.0

    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        """log 1."""
        return t.new_zeros(t.shape)

    def eta(self, t: Number, temperature: Number) -> Number:
        """1."""
        return t * 0 + 1


@dataclass(frozen=True)
class Exponential(Hardening):
    """eta(t) = exp(beta t), beta >= 0 in units of the logit (Robinson et al. 2021; Jiang 2022, Sec. V)."""

    hardness: float
    form: ClassVar[str] = "exp"
    digits: ClassVar[int] = 50

    def __post_init__(self) -> None:
        check("betas", self.hardness, NOT_NEGATIVE, "use 0 for no tilt")

    @property
    def family(self) -> str:
        """`exp`."""
        return "exp"

    @property
    def beta(self) -> float:
        """The tilt."""
        return self.hardness

    @property
    def power(self) -> float:
        """Beta."""
        return self.hardness

    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        """Beta t."""
        return self.hardness * t

    def eta(self, t: Number, temperature: Number) -> Number:
        """e^{beta t}."""
        from mpmath import mp

        return mp.exp(mp.mpf(self.hardness) * t)

    @classmethod
    def parse(cls, parameter: str, betas: Sequence[float]) -> tuple[Hardening, ...]:
        """One for each beta but 0, which is the constant: the losses UCL and SCL, always there."""
        if parameter:
            raise InputError(
                f"hardening: exp takes its tilts from betas, received 'exp:{parameter}'; use exp with betas={parameter}"
            )
        return tuple(tilt for beta in dict.fromkeys(betas) if (tilt := cls(float(beta))).hardness > 0)


@dataclass(frozen=True)
class Threshold(Hardening):
    """eta(t) = 1[t >= t0], t0 = cosine / temperature: only negatives at least this similar count."""

    cosine: float
    form: ClassVar[str] = "threshold:T"
    digits: ClassVar[int] = 50

    def __post_init__(self) -> None:
        check("hardening: threshold:T", self.cosine, Rule("a cosine from -1 to 1", lambda x: -1 <= x <= 1))

    @property
    def family(self) -> str:
        """`threshold:T`."""
        return f"threshold:{self.cosine:g}"

    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        """0 at or above the threshold, -inf below; rounding below cosine -1 is clipped."""
        met = (t * temperature).clamp_min(-1) >= self.cosine
        return t.new_zeros(t.shape).masked_fill_(~met, -math.inf)

    def eta(self, t: Number, temperature: Number) -> Number:
        """1 or 0."""
        from mpmath import mp

        return mp.one if max(temperature * t, mp.mpf(-1)) >= mp.mpf(self.cosine) else mp.zero


@dataclass(frozen=True)
class Polynomial(Hardening):
    """eta(t) = ((1 + tau t) / 2)^p, p > 0: a power of the rescaled cosine similarity (unit-norm embeddings)."""

    exponent: float
    form: ClassVar[str] = "poly:P"
    digits: ClassVar[int] = 50

    def __post_init__(self) -> None:
        check("hardening: poly:P", self.exponent, Rule("a power > 0, at most 1e4", lambda x: 0 < x <= 1e4))

    @property
    def family(self) -> str:
        """`poly:P`."""
        return f"poly:{self.exponent:g}"

    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        """P log((1 + cosine) / 2), -inf at cosine -1; rounding below -1 is clipped."""
        return self.exponent * ((1 + temperature * t) / 2).clamp_min(0).log()

    def eta(self, t: Number, temperature: Number) -> Number:
        """((1 + tau t) / 2)^p."""
        from mpmath import mp

        return max((1 + temperature * t) / 2, mp.zero) ** mp.mpf(self.exponent)


CONSTANT = Constant()
HARDENINGS: dict[str, type[Hardening]] = {
    kind.form.partition(":")[0]: kind for kind in (Exponential, Threshold, Polynomial)
}


def parse_hardening(given: str | Hardening, betas: Sequence[float]) -> tuple[Hardening, ...]:
    """The hardening functions that a name stands for; an object stands for itself.

    `exp` gives one for each beta, `threshold:T` and `poly:P` one.

    Raises:
        InputError: the name is unknown, or its parameter is missing or out of range.
    """
    if isinstance(given, Hardening):
        return (given,)
    name, _, parameter = str(given).strip().partition(":")
    if name not in HARDENINGS:
        raise unknown_name("hardening", str(given), [kind.form for kind in HARDENINGS.values()])
    return HARDENINGS[name].parse(parameter, betas)


@dataclass(frozen=True)
class LogTerm:
    """The summand f(t) = eta(t) e^{gamma t}; `eta` None stands for 1. Non-decreasing in t, so its maximum over
    candidates sits at the largest logit, which is what lets one running maximum serve every term."""

    gamma: float
    eta: Hardening | None = None

    def log(self, t: Tensor, temperature: float) -> Tensor:
        """log f(t), the shape of t."""
        if self.eta is None:
            return self.gamma * t
        tilt = self.eta.log_eta(t, temperature)
        return tilt + self.gamma * t if self.gamma else tilt

    @property
    def steepness(self) -> float:
        """How much log f can change per unit of logit: what a rounding error in t is multiplied by."""
        return self.gamma


def tilted_term(hardening: Hardening, gamma: float) -> LogTerm:
    """The term eta(t) e^{gamma t}."""
    return LogTerm(gamma, hardening) if hardening.power is None else LogTerm(gamma + hardening.power)


def denominator(hardening: Hardening) -> LogTerm:
    """The term eta(t): the weight of a negative under the tilt."""
    return tilted_term(hardening, 0.0)


def numerator(hardening: Hardening) -> LogTerm:
    """The term eta(t) e^t."""
    return tilted_term(hardening, 1.0)


def terms_for(hardenings: Sequence[Hardening]) -> tuple[LogTerm, ...]:
    """The distinct terms that losses under these hardenings need."""
    return tuple(dict.fromkeys(term for h in hardenings for term in (denominator(h), numerator(h))))
