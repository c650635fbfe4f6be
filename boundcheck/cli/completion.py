"""Completion of the command line in bash, zsh and fish.

`eval "$(boundcheck --completion bash)"`, the same with zsh, or `boundcheck --completion fish | source`. The shell then
asks the program itself, by an environment variable, what may stand at the cursor.
"""

from __future__ import annotations

import os

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from boundcheck.errors import BoundcheckError

SHELLS = ("bash", "zsh", "fish")
_PROGRAM, _VARIABLE = "boundcheck", "_BOUNDCHECK_COMPLETE"


def script(command: click.Command, shell: str) -> str:
    """What a shell has to run to complete this command."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(command, {}, _PROGRAM, _VARIABLE).source()


def answer(command: click.Command) -> int | None:
    """Tells a shell that asks what may stand at the cursor; None where none asks."""
    instruction = os.environ.get(_VARIABLE)
    if not instruction:
        return None
    try:
        return shell_complete(command, {}, _PROGRAM, _VARIABLE, instruction)
    except BoundcheckError:  # an unknown command stands before the cursor: there is nothing to offer
        return 0


def claim_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of claims that start so, with their titles."""
    from boundcheck.cli.catalogue import catalogue

    claims = catalogue().items()
    return [
        click.shell_completion.CompletionItem(name, help=c["title"])
        for name, c in claims
        if name.startswith(incomplete)
    ]


def terms(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Terms of the glossary that start so."""
    from boundcheck.glossary import glossary

    return [
        click.shell_completion.CompletionItem(term.id, help=term.name)
        for term in glossary().values()
        if term.id.startswith(incomplete)
    ]
