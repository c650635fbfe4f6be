"""What values options take: every rule once. A refusal names the option, the rule, what was received and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from boundcheck.errors import InputError, unknown_name


@dataclass(frozen=True)
class Rule:
    """Which numbers an option takes.

    Attributes:
        words: what it takes, as "a finite number > 0".
        accepts: whether a number is one; False of NaN.
    """

    words: str
    accepts: Callable[[float], bool]


POSITIVE = Rule("a finite number > 0", lambda x: 0 < x < math.inf)
NOT_NEGATIVE = Rule("a finite number >= 0", lambda x: 0 <= x < math.inf)
BELOW_ONE = Rule("a number >= 0 and < 1", lambda x: 0 <= x < 1)
SHARE = Rule("a number from 0 to 1", lambda x: 0 <= x <= 1)
CONFIDENCE = Rule("a number between 0 and 1, as 0.95", lambda x: 0 < x < 1)
POSITIVE_OR_INF = Rule("a number > 0, or inf", lambda x: x > 0)
LARGEST = 2**63 - 1


def whole(least: int, most: int = LARGEST) -> Rule:
    """Whole numbers from one on, as far as another; a float is none, whatever its value, as it counts nothing."""
    words = f"a whole number >= {least}" if most == LARGEST else f"a whole number from {least} to {most}"
    return Rule(words, lambda x: isinstance(x, Integral) and least <= x <= most)


SEED = Rule("a whole number from 0 to 2^63 - 1", whole(0).accepts)


def check(name: str, value: Any, rule: Rule, usual: str = "", *, optional: bool = False) -> None:
    """Refuses a number that breaks its rule.

    Args:
        name: of the option.
        value: what was given.
        rule: of the option.
        usual: the usual value or what to do, for the message.
        optional: whether None, which then stands for a default, is taken too.

    Raises:
        InputError: the number breaks it, or is none.
    """
    # Tensors of one number too: a temperature may be learned.
    is_number = hasattr(value, "__float__") and not isinstance(value, bool) and not getattr(value, "ndim", 0)
    if (optional and value is None) or (is_number and rule.accepts(value)):
        return
    received = f"{value}" if is_number else f"{value!r}"
    raise InputError(f"{name}: must be {rule.words}, received {received}" + (f"; {usual}" if usual else ""))


DEVICES = ("auto", "cpu", "cuda", "mps")


def check_confidence(confidence: float) -> None:
    """That of every interval.

    Raises:
        InputError: it is not between 0 and 1.
    """
    check("confidence", confidence, CONFIDENCE)


def one_of(name: str, value: Any, valid: Collection[str], listed_by: str = "") -> str:
    """The value, one of those that are valid.

    Args:
        name: of the option.
        value: what was given.
        valid: what would do.
        listed_by: the command that lists it, for the message.

    Raises:
        InputError: it is not among them; the nearest is suggested.
    """
    if not isinstance(value, str) or value not in valid:
        raise unknown_name(name, str(value), valid, listed_by)
    return value
