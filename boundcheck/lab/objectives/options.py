"""What an objective asks for, read from its signature: hyperparameters by name, and inputs of each batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TypeAlias

from torch import Tensor

from boundcheck.errors import InputError
from boundcheck.options import one_of

Objective: TypeAlias = Callable[..., Tensor]
Value: TypeAlias = float | int | bool | str | None

BATCH_INPUTS = ("class_logits", "generator")
"""Keywords that the training loop fills anew for every batch, for the objectives that take them."""


def hyperparameters(loss: Objective) -> dict[str, inspect.Parameter]:
    """The keywords of an objective that a user sets, by name, in the order of its signature."""
    parameters = inspect.signature(loss).parameters.values()
    return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in BATCH_INPUTS}


def batch_inputs(loss: Objective) -> tuple[str, ...]:
    """Those of `BATCH_INPUTS` that an objective takes."""
    parameters = inspect.signature(loss).parameters
    return tuple(name for name in BATCH_INPUTS if name in parameters)


def parse_options(loss: Objective, texts: Iterable[str]) -> dict[str, Value]:
    """Hyperparameters from texts NAME=VALUE, of the type of their defaults.

    Args:
        loss: the objective.
        texts: such as `tau_plus=0.1`; `true` or `false` where the default is one of them, `none` where it is None;
            a number where there is no default, or none but None.

    Returns:
        Keyword arguments for the objective.

    Raises:
        InputError: a text has no `=`, a name is unknown, or a value is of the wrong type.
    """
    known = hyperparameters(loss)
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"option: must be NAME=VALUE, received '{text}'; the names are {', '.join(known)}")
        one_of("option", name, known)
        options[name] = _parse(name, value, known[name].default)
    return options


def _parse(name: str, text: str, default: object) -> Value:
    """The value of a hyperparameter whose default is given."""
    if isinstance(default, str):
        return text
    if default is None and text == "none":
        return None
    convert: Callable[[str], Value] = float
    kind = "a number"
    if isinstance(default, bool):
        convert, kind = _switch, "true or false"
    elif isinstance(default, int):
        convert, kind = int, "a whole number"
    try:
        return convert(text)
    except (KeyError, ValueError):
        raise InputError(f"{name}: must be {kind}, received '{text}'") from None


def _switch(text: str) -> bool:
    """`true` or `false`."""
    return {"true": True, "false": False}[text]
