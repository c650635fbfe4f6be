"""`boundcheck falsify`: search for points that violate a claim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from boundcheck._places import reserve_folder
from boundcheck.cli.completion import claim_ids
from boundcheck.cli.grouped import Grouped
from boundcheck.cli.parameters import (
    COUNT,
    FILE,
    FORMAT,
    NOT_NEGATIVE,
    POSITIVE,
    Listed,
    OneOf,
    Q,
    Several,
    hardening_forms,
)
from boundcheck.cli.progress import note, reporting, say, say_json
from boundcheck.cli.samples import run_options


@click.command("falsify", cls=Grouped)
@click.argument("claim", shell_complete=claim_ids)
@click.option("--classes", type=COUNT, default="3", show_default=True, help="C, kept while shrinking.")
@click.option("--points", type=COUNT, help="Instances at the start.  [default: 8 for each class]")
@click.option("--dim", type=COUNT, default="8", show_default=True, help="Dimension of the embeddings.")
@click.option("--views", type=COUNT, help="Views of each instance.  [default: what the claim needs, else 1]")
@click.option("--temperature", type=POSITIVE, default="0.5", show_default=True)
@click.option("--beta", type=Several(NOT_NEGATIVE), default="1", show_default=True, help="A tilt, or a list of them.")
@click.option("--hardening", cls=Listed, names=hardening_forms, default="exp", show_default=True, help="List of")
@click.option("--q", type=Several(Q), default="1", show_default=True, help="List of Q; inf for the decoupled loss.")
@click.option("--positives", type=OneOf(["auto", "augmentation", "class"]), help="[default: the claim's, else auto]")
@click.option("--self-pairs", type=OneOf(["exclude", "include"]), help="[default: the claim's, else exclude]")
@click.option("--class-prior", type=OneOf(["empirical", "balanced"]), help="[default: the claim's, else empirical]")
@click.option(
    "--premise",
    type=OneOf(["free", "hold", "fail"]),
    default="free",
    show_default=True,
    help="free: report it; hold: search only where it holds; fail: search for where it fails.",
)
@click.option("--seconds", type=POSITIVE, default="30", show_default=True, help="Budget of the search.")
@click.option("--out", type=FILE, help="Folder of the result.  [default: results/falsify-CLAIM]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --out.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
@run_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    claim: str,
    beta: tuple[float, ...],
    hardening: str,
    out: Path | None,
    overwrite: bool,
    form: str,
    quiet: bool,
    **options: Any,
) -> int:
    """Searches for points on the sphere that violate CLAIM, by gradient descent from many starts.

    A find is shrunk to few points, evaluated again at 50 digits and saved as counterexample.npz; the exit code is
    then 1. Nothing found is reported with the effort spent, never as proof; the exit code is then 0. Either way
    report.html shows it.
    """
    with reserve_folder(out or _usual(claim), overwrite=overwrite, numbered=out is None) as place:
        from boundcheck.falsification import search

        options = {name: value for name, value in options.items() if value is not None}
        with reporting(quiet) as progress:
            names = tuple(name.strip() for name in hardening.split(","))
            result = search(claim, beta=beta, hardening=names, progress=progress, **options)
        saved = result.save(place, command=["boundcheck", *ctx.obj])
    if form == "json":
        document = json.loads((saved / "run.json").read_text(encoding="utf-8"))
        say_json({"out": str(saved), **document})
    else:
        say(repr(result))
    note(f"saved: {saved}", quiet)
    return 0 if result.counterexample is None else 1


def _usual(claim: str) -> Path:
    return Path("results") / f"falsify-{claim}".replace("/", "-")
