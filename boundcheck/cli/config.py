"""`--config FILE`: options from a TOML file, or from the run.json of an earlier run; the command line wins."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from boundcheck.cli.parameters import FILE
from boundcheck.errors import FileError, InputError

# Of the program or of one run: a file of options does not say where its results go.
_NOT = ("plugin", "config", "help", "version")
_OF_THE_RUN = (*_NOT, "out", "overwrite", "format", "quiet", "cells")
_KEY = "boundcheck.config"
_LARGEST = 1 << 20  # bytes of a file of options


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """--config, read before the options it gives."""
    text = "Options from a TOML file, or a run's run.json; the command line wins."
    given: dict[str, Any] = {"metavar": "FILE", "is_eager": True, "expose_value": False, "callback": _read}
    return click.option("--config", type=FILE, help=text, **given)(function)


def noted(ctx: click.Context) -> dict[str, Any]:
    """What run.json says of options: those that were given, by their names in a file, and the file they are from."""
    given = {}
    for name, option in _options(ctx.command).items():
        value = ctx.params.get(option.name or "")
        if name in _OF_THE_RUN or value is None or ctx.get_parameter_source(option.name or "") not in _GIVEN:
            continue
        given[name.replace("-", "_")] = _plain(value)
    return {"options": given, "config_file": ctx.meta.get(_KEY)}


_GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)


def _plain(value: Any) -> Any:
    """For a file: paths as text, several values as a list."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def was_given(ctx: click.Context, name: str) -> bool:
    """Whether a parameter was given, on the command line or in the file."""
    return ctx.get_parameter_source(name) in _GIVEN


def _options(command: click.Command) -> dict[str, click.Option]:
    """Options by their names without dashes before them."""
    return {
        opt.removeprefix("--"): option
        for option in command.params
        if isinstance(option, click.Option)
        for opt in option.opts
        if opt.startswith("--") and opt.removeprefix("--") not in _NOT
    }


def _read(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Makes the options of the file the defaults of this call.

    Raises:
        FileError: it is missing or damaged.
        InputError: a key is unknown, or a value is of no kind that an option takes.
    """
    if path is None:
        return
    from boundcheck.ingest import sha256_of

    values = {str(key).replace("_", "-"): value for key, value in _values(path).items()}
    options = _options(ctx.command)
    _refuse_unknown(path, [key for key in values if key not in options], [key for key in options if key != "json"])
    budget = values.get("until-decided")
    if isinstance(budget, int) and not isinstance(budget, bool):  # as run.json has them together
        values |= {"until-decided": True, "max-anchors": budget}
    ctx.default_map = {
        options[key].name or key: _as_typed(path, key, value, options[key])
        for key, value in values.items()
        if value is not None
    }
    ctx.meta[_KEY] = {"path": str(path), "sha256": sha256_of(path)}


def _values(path: Path) -> Mapping[str, Any]:
    from boundcheck.ingest import read_json, read_regular

    if path.suffix == ".json":
        manifest = read_json(path, "the manifest of a run")
        found = manifest.get("options", manifest.get("config"))
        if not isinstance(found, dict):
            raise FileError(
                f"{path}: expected a run's run.json, which has its options, received another; use a TOML file"
            )
        # empty lists: without tilts, without finite k; whether the design was assumed is no option
        return {key: value for key, value in found.items() if value != [] and key != "design_assumed"}
    try:
        return tomllib.loads(read_regular(path, _LARGEST).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"{path}: expected TOML such as 'betas = [0.5, 1]', received another text ({error})") from error


def _refuse_unknown(path: Path, unknown: list[str], known: list[str]) -> None:
    """Names every unknown key, with the option nearest to it."""
    if not unknown:
        return
    if "plugin" in unknown:
        raise InputError(f"{path}: plugins are loaded before it is read; give --plugin on the command line")
    said = []
    for key in unknown:
        near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5)
        said.append(f"'{key}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
    raise InputError(f"{path}: unknown options {', '.join(said)}; the keys are the options of --help without dashes")


def _as_typed(path: Path, key: str, value: Any, option: click.Option) -> Any:
    """The text that one would type for the value, so that it is checked like one; flags are true or false."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise InputError(f"{path}: {key} is true or false, received {value!r}")
        return value
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(part, bool) or not isinstance(part, (str, int, float)) for part in parts):
        raise InputError(f"{path}: {key} takes a number, a text or a list of them, received {value!r}")
    texts = [part if isinstance(part, str) else repr(part) for part in parts]
    return texts if option.multiple else ",".join(texts)
