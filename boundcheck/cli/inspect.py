"""`boundcheck inspect`: what a checkpoint is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from boundcheck.cli.parameters import FILE, FORMAT
from boundcheck.cli.progress import say, say_json
from boundcheck.cli.tables import aligned


@click.command("inspect")
@click.argument("file", type=FILE)
@click.option("--checkpoint-format", help="Read it as this code base's.  [default: recognised by its keys]")
@click.option("--arch", help="Read it as this architecture.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(file: Path, checkpoint_format: str | None, arch: str | None, form: str) -> int:
    """Tells what a checkpoint is: code base, network, head, statistics, temperature.

    Nothing in the file is run. Values marked (assumed) are defaults of the code base that the file does not state.
    """
    from boundcheck.checkpoints import inspect_file

    facts = inspect_file(file, checkpoint_format, arch)
    if form == "json":
        say_json(facts)
        return 0
    assumed = facts.get("assumed", [])
    rows = [
        (name, _said(value) + (" (assumed)" if name in assumed else ""))
        for name, value in facts.items()
        if name != "assumed" and (value not in (None, []) or name == "format")
    ]
    say(aligned(rows))
    return 0


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_said(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else "unknown" if value is None else str(value)
