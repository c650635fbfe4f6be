"""`boundcheck runs`: the saved runs in a folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from boundcheck.cli.parameters import FILE, FORMAT
from boundcheck.cli.progress import say, say_json
from boundcheck.cli.tables import aligned


@click.command("runs")
@click.argument("folder", type=FILE, default="results")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
def command(folder: Path, form: str) -> int:
    """Lists the saved runs in FOLDER (results) and the folders in it, newest first.

    Data, encoder, temperature, how the theorems stand, date. A folder that cannot be read is listed with the reason;
    the cells of a sweep are not listed beside it.
    """
    from boundcheck.report.listing import saved_runs

    runs = saved_runs(folder)
    if form == "json":
        say_json([asdict(run) for run in runs])
    elif not runs:
        say(f"no saved runs in '{folder}'")
    else:
        header = ("created (UTC)", "run", "kind", "data", "encoder", "temperature", "verdict")
        rows = [
            (
                run.created[:16].replace("T", " "),
                run.folder,
                run.kind,
                run.data,
                run.encoder,
                ", ".join(f"{tau:g}" for tau in run.temperature),
                run.verdict,
            )
            for run in runs
        ]
        say(aligned([header, *rows]))
    return 0
