"""Every mistake a user can make is a `BoundcheckError`: one line, no traceback, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BoundcheckError(Exception):
    """A user's mistake. The message names the parameter, the rule, the value received and the remedy."""


class InputError(BoundcheckError):
    """An argument or an array breaks a rule."""


class FileError(BoundcheckError):
    """A file is missing, truncated, of the wrong type, unsafe, or cannot be written."""


class DivergedError(BoundcheckError):
    """Training broke down: loss or weights are no longer finite."""


class DataMissingError(BoundcheckError):
    """A data set is not on this machine; the message says how to get it and where to put it."""


class LostRankError(BoundcheckError):
    """Of several processes one is gone, or did not answer in time: no mistake of the user's, the exit code is 3."""


MOST_LISTED = 16  # names of a registry in a message that must stay one line


def unknown_name(parameter: str, received: str, valid: Iterable[str], listed_by: str = "") -> InputError:
    """An error for a name that is not in a registry: lists the valid names and suggests the nearest.

    Args:
        parameter: what the name was given for.
        received: the name.
        valid: names that would do.
        listed_by: the command that lists them, said where not all are in the message.
    """
    names = list(valid)
    near = difflib.get_close_matches(received.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    hint = next((f"; did you mean '{name}'?" for name in names if near and name.lower() == near[0]), "")
    listed = ", ".join(names[:MOST_LISTED])
    if len(names) > MOST_LISTED:
        listed += f" and {len(names) - MOST_LISTED} more" + (f", see {listed_by}" if listed_by else "")
    return InputError(f"{parameter}: expected one of {listed}, received '{received}'{hint}")
