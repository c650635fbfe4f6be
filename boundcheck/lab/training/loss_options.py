"""From a user's parameters to the keywords of one objective."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeAlias

from boundcheck.errors import InputError, unknown_name
from boundcheck.lab.objectives import OBJECTIVES, hyperparameters
from boundcheck.options import one_of

OptionValue: TypeAlias = float | int | bool | str | None


def loss_keywords(objective: str, common: Mapping[str, Any], options: Mapping[str, OptionValue]) -> dict[str, Any]:
    """The hyperparameters that the objective is called with.

    Args:
        objective: a name in `OBJECTIVES`.
        common: parameters that training offers to every objective; one that the objective does not take is
            left out, and `auto` is the objective's own default.
        options: values for hyperparameters of this objective alone, such as `tau_plus`.

    Returns:
        Name to value, defaults included.

    Raises:
        InputError: a name is unknown, a value is missing or of the wrong kind.
    """
    one_of("objective", objective, OBJECTIVES)
    known = hyperparameters(OBJECTIVES[objective])
    own = {name: parameter for name, parameter in known.items() if name not in common}
    for name in options:
        if name not in own and own:
            raise unknown_name("options", name, own)
        if name not in own:
            raise InputError(f"options: '{objective}' has none of its own, received '{name}'; leave it out")
    shared = {
        name: known[name].default if value == "auto" else value for name, value in common.items() if name in known
    }
    return shared | {name: _value(objective, parameter, options) for name, parameter in own.items()}


def _value(objective: str, parameter: inspect.Parameter, options: Mapping[str, OptionValue]) -> OptionValue:
    """The value given, of the kind of the default; else the default."""
    name, default = parameter.name, parameter.default
    value = options.get(name, default)
    if value is parameter.empty:
        raise InputError(f"options: '{objective}' needs {name}, received none; pass it (--option {name}=VALUE)")
    if value is None or isinstance(default, str):
        suits, kind = isinstance(value, str) or default is None, "a text" if isinstance(default, str) else "a number"
    elif isinstance(default, bool):
        suits, kind = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        suits, kind = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    else:
        suits, kind = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    if not suits:
        raise InputError(f"options: {name} must be {kind}, received {value!r}")
    chosen: OptionValue = value
    return chosen
