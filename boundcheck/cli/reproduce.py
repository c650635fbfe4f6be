"""`boundcheck reproduce`: a paper's experiments, from training to figures."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from boundcheck.cli.parameters import DEVICE, FILE
from boundcheck.cli.progress import note, reporting, say


@click.command("reproduce")
@click.argument("paper", metavar="jiang2022|jiang2024")
@click.option("--preset", default="quick", show_default=True, help="quick (minutes), cpu (hours) or paper (a GPU).")
@click.option("--out", type=FILE, help="Folder of the results.  [default: results/PAPER-PRESET]")
@click.option("--trials", type=FILE, default="runs/trials", show_default=True, help="Folder of encoders.")
@click.option("--train/--no-train", default=True, help="Train what is missing, or show what is finished.")
@click.option("--data-dir", type=FILE, help="Folder of data sets, looked in first and downloaded to.")
@click.option("--device", type=DEVICE, default="auto", show_default=True)
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.pass_context
def command(
    ctx: click.Context,
    paper: str,
    preset: str,
    out: Path | None,
    trials: Path,
    train: bool,
    data_dir: Path | None,
    device: str,
    quiet: bool,
) -> int:
    """Trains what a paper trains and writes its tables and figures.

    What is finished is not done again, and what was interrupted goes on: give the same command.
    """
    from boundcheck.lab.papers import reproduce

    with reporting(quiet) as progress:
        place = reproduce(
            paper,
            preset=preset,
            out=out,
            trials=trials,
            train=train,
            data_dir=data_dir,
            device=device,
            command=shlex.join(["boundcheck", *ctx.obj]),
            say=lambda line: note(line, quiet),
            progress=progress,
        )
    say(place)
    return 0
