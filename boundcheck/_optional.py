"""Packages that only some commands need, imported when one does."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from boundcheck.errors import InputError


def import_optional(module: str, package: str, extra: str, asker: str) -> Any:
    """A module of an optional package.

    Args:
        module: its name.
        package: what brings it.
        extra: of boundcheck, which brings the package.
        asker: what needs it; the error begins with it.

    Raises:
        InputError: it cannot be imported; the message says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"{asker}: needs the package {package}, which cannot be imported ({error}); in the folder of boundcheck: "
            f'pip install -c constraints.txt ".[{extra}]"'
        ) from error
