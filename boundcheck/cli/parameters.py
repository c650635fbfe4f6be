"""Types of option values: strict numbers, lists of them, and names with a suggestion when misspelt."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from boundcheck import options
from boundcheck.errors import InputError
from boundcheck.hardening import HARDENINGS


# click's types are generic only in its later releases
class Number(click.ParamType):  # type: ignore[type-arg]
    """A number that meets a rule.

    Args:
        rule: which numbers.
        kind: int or float.
        words: words taken instead of a number, with what they stand for.
        several: what to do who gives a list.
    """

    name = "number"

    def __init__(
        self,
        rule: options.Rule,
        kind: type[int] | type[float] = float,
        words: dict[str, Any] | None = None,
        several: str = "",
    ) -> None:
        self.rule, self.kind, self.words = rule, kind, words or {}
        self.several = several

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or what the word stands for."""
        if not isinstance(value, str):
            return value
        if value in self.words:
            return self.words[value]
        try:
            # Python also reads digits of other scripts and underscores, which nobody sees in a table of options.
            number = self.kind(value) if value.isascii() and "_" not in value else math.nan
        except ValueError:
            number = math.nan
        if math.isnan(number) or not self.rule.accepts(number):
            remedy = f"; {self.several}" if self.several and "," in value else ""
            expected = ", or ".join([self.rule.words, *self.words])
            raise InputError(f"{_option(param)}: expected {expected}, received '{value}'{remedy}")
        return number


class Several(click.ParamType):  # type: ignore[type-arg]
    """A comma-separated list of values of one type, as a tuple; or a word taken in its place, as it is.

    Args:
        each: the type.
        word: taken as it is.
        none: whether the list may be empty.
    """

    name = "list"

    def __init__(self, each: Number, word: str | None = None, none: bool = False) -> None:
        self.each, self.word, self.none = each, word, none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The values, in order."""
        if not isinstance(value, str):
            return tuple(value)
        if value == self.word:
            return value
        if not value and self.none:
            return ()
        return tuple(self.each.convert(part.strip(), param, ctx) for part in value.split(","))


class OneOf(click.Choice):  # type: ignore[type-arg]
    """One of a few names."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it is."""
        options.one_of(_option(param), value, self.choices)
        return str(value)


class _Place(click.Path):
    """A path of a file or folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as it is; an empty one would be the folder at hand."""
        if value == "":
            raise InputError(f"{_option(param)}: expected a path, received ''; name a file or folder")
        return super().convert(value, param, ctx)


class Listed(click.Option):
    """An option whose help ends with the names that are registered when it is shown.

    Args:
        names: gives them.
    """

    def __init__(self, *args: Any, names: Callable[[], Iterable[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names, self.words = names, self.help or ""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """As click's, of what is there now."""
        self.help = f"{self.words} {', '.join(self.names())}.".strip()
        return super().get_help_record(ctx)


_OBJECTIVES = ("ucl", "hucl", "scl", "hscl", "dcl", "hcl", "sscl", "supcon", "nscl", "schane", "...")


def hardening_forms() -> list[str]:
    """exp, threshold:T, ..."""
    return [kind.form for kind in HARDENINGS.values()]


def objective_names() -> list[str]:
    """All where a plugin was loaded; else some, as importing them takes a second that help does not have."""
    loaded = sys.modules.get("boundcheck.lab.objectives")
    return list(loaded.OBJECTIVES) if loaded else list(_OBJECTIVES)


def plugin_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """--plugin, which `plugins_in` has read by then."""
    text = "Python file that registers claims, losses, ... of one's own; repeatable."
    return click.option("--plugin", multiple=True, expose_value=False, metavar="FILE", help=text)(function)


def plugins_in(arguments: Sequence[str]) -> list[str]:
    """The values of --plugin in a command line."""
    found: list[str] = []
    before = ""
    for argument in arguments:
        if argument == "--":
            break
        name, given, value = argument.partition("=")
        if before == "--plugin":
            found.append(argument)
        elif name == "--plugin" and given:
            found.append(value)
        before = "" if before == "--plugin" else argument
    return found


def _option(param: click.Parameter | None) -> str:
    """An option as it is typed, an argument as its help calls it."""
    if isinstance(param, click.Argument):
        return param.human_readable_name
    return param.opts[0] if param else "value"


FILE = _Place(path_type=Path)
POSITIVE = Number(options.POSITIVE)
TAU = Number(options.POSITIVE, several="boundcheck sweep --temperatures takes several")
NOT_NEGATIVE = Number(options.NOT_NEGATIVE)
WHOLE = Number(options.whole(0), int)
COUNT = Number(options.whole(1), int)
SEED = Number(options.SEED, int)
CONFIDENCE = Number(options.CONFIDENCE)
Q = Number(options.POSITIVE_OR_INF)
ANCHORS = Number(options.whole(2), int, {"all": None})
DEVICE = OneOf(options.DEVICES)
FORMAT = OneOf(["table", "json"])
