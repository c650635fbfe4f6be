"""The command line: parse, call, format. Every module here imports what computes only when it computes."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

import click

from boundcheck import __version__
from boundcheck._text import shown
from boundcheck.cli.completion import SHELLS, answer, script
from boundcheck.cli.parameters import OneOf, plugins_in
from boundcheck.cli.progress import UnheardError
from boundcheck.cli.ranks import is_first
from boundcheck.errors import BoundcheckError, LostRankError
from boundcheck.options import one_of
from boundcheck.plugins import load_plugins

COMMANDS = (
    "verify", "embed", "train", "sweep", "compare", "runs", "falsify", "diagnose", "reproduce", "atlas", "claims",
    "glossary", "datasets", "inspect", "report", "rerun",
)  # fmt: skip


class _Commands(click.Group):
    """One module of this package per command, imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        one_of("command", cmd_name, COMMANDS)
        command: click.Command = import_module(f"boundcheck.cli.{cmd_name}").command
        return command


@click.group(
    "boundcheck",
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--completion", type=OneOf(SHELLS), help="Print what the shell runs to complete commands.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def _boundcheck(ctx: click.Context, completion: str | None) -> int:
    """Tells whether the theory of contrastive learning holds on a trained encoder.

    `boundcheck verify` without options checks the encoder that comes with the package, offline.
    """
    if completion is not None:
        click.echo(script(ctx.command, completion))
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line.

    Args:
        argv: the arguments, without the program's name; None for the process's own.

    Returns:
        The exit code: 0 nothing violated, 1 a claim violated or a promise broken, 2 the user's mistake, 3 interrupted
        or out of resources, 70 a fault of the program.
    """
    gc.set_threshold(100_000)  # looking through all that torch and matplotlib define takes a second of a run
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if (answered := answer(_boundcheck)) is not None:
            return answered
        load_plugins(plugins_in(arguments))  # before the parser, whose choices and help name what they register
        # click's own main() ends the process with 1, here "violated", when the reader of our output leaves
        with _boundcheck.make_context("boundcheck", arguments.copy(), obj=arguments) as ctx:
            code = int(_boundcheck.invoke(ctx) or 0)
        _flush()
        return code
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code
    except click.UsageError as error:
        said = error.format_message().removesuffix(".")
        guessed = said.endswith(("?", "?)"))  # at what was meant, a sentence of its own
        see = f"{' See' if guessed else '; see'} {error.ctx.command_path} --help" if error.ctx else ""
        return _fail(f"{said}{see}", 2)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except LostRankError as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, which would say the same again
        return _fail(str(error), 3)
    except BoundcheckError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 3) if is_first() else 3
    except BrokenPipeError:
        _let_go_of_stdout()  # whoever read it has left
        return 3
    except UnheardError as error:
        _let_go_of_stdout()
        return _fail(f"standard output cannot be written ({error}); what was saved is kept", 3)
    except Exception as error:
        if _out_of_memory(error):
            return _fail("out of memory; use fewer anchors (--anchors), a smaller --batch-size or a larger machine", 3)
        # Python would exit with 1, which here says that a claim is violated
        traceback.print_exc()
        return _fail("a fault of boundcheck's own; please report it with the lines above", 70)


def _flush() -> None:
    """Writes what is still buffered; a process may be started without a standard output."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnheardError(error.strerror or str(error)) from error


def _let_go_of_stdout() -> None:
    """What is still buffered must not fail again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    """One line on stderr; of a mistake that several processes find, the first one's."""
    if code == 2 and not is_first():
        return code
    with suppress(OSError, ValueError):  # where stderr is full or closed there is nobody to tell
        click.echo(shown(f"boundcheck: error: {' '.join(message.split())}"), err=True)
    return code


def _out_of_memory(error: BaseException) -> bool:
    """Whether Python, or torch on a CPU or a GPU, ran out of memory; told without importing torch."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "can't allocate memory" in str(error)
