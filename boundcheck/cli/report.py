"""`boundcheck report`: a saved run's report again, from its numbers."""

from __future__ import annotations

from pathlib import Path

import click

from boundcheck.cli.progress import say
from boundcheck.cli.samples import FILE


@click.command("report")
@click.argument("run", type=FILE)
def command(run: Path) -> int:
    """Renders a saved run's report again.

    Figures, tables and report.html of RUN, from its saved numbers; recomputes nothing.
    """
    from boundcheck.report import render

    say(render(run))
    return 0
