"""Commands that several processes run together: the first does the command, the others serve it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from boundcheck.errors import BoundcheckError, LostRankError

if TYPE_CHECKING:
    from boundcheck.ranks import Ranks


def is_first() -> bool:
    """Whether this process is the only one, or torchrun's first; told without importing torch."""
    return os.environ.get("RANK", "0") == "0" or os.environ.get("WORLD_SIZE", "1") == "1"


def join(device: str) -> Ranks:
    """The processes that torchrun started with this one; alone without it.

    Args:
        device: as the user named it.
    """
    from boundcheck._device import resolve_device
    from boundcheck.ranks import join_ranks

    group = join_ranks(resolve_device(device))
    if group.size > 1 and group.is_first:
        # torchrun ends all processes so when one fails, before this one may have noticed.
        signal.signal(signal.SIGTERM, _stopped)
    return group


def serve(group: Ranks) -> int:
    """Does what the first process calls for; returns the exit code."""
    try:
        group.serve()
    except LostRankError:
        return 3  # the first says so
    except BoundcheckError as error:
        click.echo(f"boundcheck: error: rank {group.rank}: {error}", err=True)
        return 2
    return 0


@contextmanager
def leading(group: Ranks) -> Iterator[None]:
    """Lets the other processes go when the block ends, however it ends."""
    try:
        yield
    finally:
        with suppress(LostRankError):
            group.dismiss()


def _stopped(*_: Any) -> None:
    click.echo(
        "boundcheck: error: stopped, because another process was lost or the job was cancelled; what is finished is "
        "kept (encoded images, cells of a sweep): start the same command again",
        err=True,
    )
    os._exit(3)
