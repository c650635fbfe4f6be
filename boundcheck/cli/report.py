"""`boundcheck report`: a saved run's report again, from its numbers; its figures and tables for a paper."""

from __future__ import annotations

from pathlib import Path

import click

from boundcheck.cli.parameters import FILE, OneOf
from boundcheck.cli.progress import say
from boundcheck.errors import InputError

_STYLES = ("neurips", "icml", "beamer", "notebook")  # a test holds them against `plot.STYLES`, which is slow to import


@click.command("report")
@click.argument("run", type=FILE)
@click.option("--format", "form", type=OneOf(["html", "tex", "md", "png"]), default="html", show_default=True)
@click.option("--style", type=OneOf(_STYLES), help="Look of figures and tables of tex, md, png.  [default: neurips]")
@click.option("--out", type=FILE, help="Folder of tex, md, png.  [default: paper in the run's]")
@click.option("--cite", is_flag=True, help="Print BibTeX of the claims' sources instead.")
def command(run: Path, form: str, style: str | None, out: Path | None, cite: bool) -> int:
    """Renders a saved run's report again, or its figures and tables for a paper.

    Of RUN's saved numbers; recomputes nothing. html: figures, tables and report.html, in place of the old ones.
    tex: figures as PDF with captions, tables, methods and references, to be included. md: tables and methods.
    png: figures.
    """
    if form == "html" and (style or out):
        name = "--style" if style else "--out"
        raise InputError(f"{name}: is for --format tex, md or png, received with html; name one of them")
    if cite:
        from boundcheck.table import cite as references

        say(references(run), nl=False)
    elif form == "html":
        from boundcheck.report import render

        say(render(run))
    else:
        from boundcheck.paper import write_paper

        for path in write_paper(run, out or run / "paper", style or "neurips", form):
            say(path)
    return 0
