"""Arguments `[NAME=]FILE`: checkpoints or saved embeddings, where those of one name are seeds of one method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from boundcheck.cli.grouped import Grouped
from boundcheck.errors import InputError

_ELSEWHERE = ("checkpoint", "encoder", "embeddings", "population")


def named_paths(texts: Sequence[str], metavar: str) -> list[tuple[str, Path]]:
    """Each name, empty where none is given, with its path; a path that exists is one, whatever it holds.

    Args:
        texts: the arguments.
        metavar: of a path in the command's help, for the error.

    Raises:
        InputError: a name without a path.
    """
    split = [("", text) if Path(text).exists() or "=" not in text else text.split("=", 1) for text in texts]
    if unnamed := [name for name, text in split if text == ""]:
        raise InputError(f"{metavar}: expected NAME={metavar}, received '{unnamed[0]}' without a path; name a file")
    return [(name, Path(text)) for name, text in split]


def complete_path(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Lets the shell complete a file's name."""
    return [CompletionItem(incomplete, type="file")]


class TakesFiles(Grouped):
    """A command whose one FILE is that of --checkpoint or, where it holds embeddings, of --embeddings."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's; afterwards `files` has two or more, or none.

        Raises:
            InputError: an encoder is named by an option of the command line as well.
        """
        rest = super().parse_args(ctx, args)
        files = ctx.params["files"]
        if not files or ctx.resilient_parsing:
            return rest
        for option in _ELSEWHERE:
            if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE:
                raise InputError(f"--{option}: cannot be used with FILE, received '{files[0]}' as well; leave one out")
            ctx.params[option] = None  # of a file of options, over which the command line wins
            ctx.set_parameter_source(option, ParameterSource.DEFAULT)
        if len(files) == 1:
            _take_as_option(ctx, files[0])
        return rest


def _take_as_option(ctx: click.Context, text: str) -> None:
    ((name, path),) = named_paths([text], "FILE")
    if name:
        raise InputError(f"FILE: a name tells methods apart, received one file, '{text}'; leave '{name}=' out")
    option = "embeddings" if _holds_embeddings(path) else "checkpoint"
    ctx.params |= {option: path, "files": ()}
    ctx.set_parameter_source(option, ParameterSource.COMMANDLINE)


def _holds_embeddings(path: Path) -> bool:
    if path.suffix in (".npz", ".parquet"):
        return True
    if path.suffix not in (".pt", ".safetensors"):
        return False
    from boundcheck.sweeps.subjects import holds_embeddings  # imports torch, which the others need not

    return holds_embeddings(path)
