"""What values options take: every rule once. A refusal names the option, the rule, what was received and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from boundcheck.errors import InputError, unknown_name


@dataclass(frozen=True)
class Rule:
    """Which numbers an option takes.

    Attributes:
        words: what a value must be.
        accepts: whether a number is one; False of NaN.
    """

    words: str
    accepts: Callable[[float], bool]


POSITIVE = Rule("finite and > 0", lambda x: 0 < x < math.inf)
NOT_NEGATIVE = Rule("finite and >= 0", lambda x: 0 <= x < math.inf)
BELOW_ONE = Rule("at least 0 and less than 1", lambda x: 0 <= x < 1)
SHARE = Rule("from 0 to 1", lambda x: 0 <= x <= 1)
CONFIDENCE = Rule("between 0 and 1", lambda x: 0 < x < 1)


def at_least(least: int) -> Rule:
    """Numbers from one on."""
    return Rule(f"at least {least}", lambda x: least <= x < math.inf)


def check(name: str, value: float | None, rule: Rule, usual: str = "") -> None:
    """Refuses a number that breaks its rule; None, which stands for a default, keeps every rule.

    Args:
        name: of the option.
        value: what was given.
        rule: of the option.
        usual: the usual value or what to do, for the message.

    Raises:
        InputError: the number breaks it.
    """
    if value is not None and not rule.accepts(value):
        received = f"{value:g}" if isinstance(value, float) else f"{value}"
        raise InputError(f"{name}: must be {rule.words}, received {received}" + (f"; {usual}" if usual else ""))


def check_confidence(confidence: float) -> None:
    """That of every interval.

    Raises:
        InputError: it is not between 0 and 1.
    """
    check("confidence", confidence, CONFIDENCE, "the usual is 0.95")


def one_of(name: str, value: str, valid: Collection[str], listed_by: str = "") -> str:
    """The value, one of those that are valid.

    Args:
        name: of the option.
        value: what was given.
        valid: what would do.
        listed_by: the command that lists it, for the message.

    Raises:
        InputError: it is not among them; the nearest is suggested.
    """
    if value not in valid:
        raise unknown_name(name, str(value), valid, listed_by)
    return value
