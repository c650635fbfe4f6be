"""`boundcheck sweep`: many encoders, temperatures and betas in one table."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck._places import reserve_folder
from boundcheck.cli import ranks, verify
from boundcheck.cli.config import noted
from boundcheck.cli.grouped import Grouped
from boundcheck.cli.parameters import FILE, POSITIVE, Several
from boundcheck.cli.progress import note, reporting, say, say_json
from boundcheck.cli.tables import rows_of
from boundcheck.errors import InputError

if TYPE_CHECKING:
    from boundcheck.sweeps import Sweep

# The options of `verify` that a sweep does not take: they are about one encoder and one temperature.
_OF_ONE = (
    "files", "checkpoint", "encoder", "embeddings", "population", "temperature", "unlabelled", "configurations",
)  # fmt: skip


@click.command("sweep", cls=Grouped)
@click.argument("encoders", nargs=-1, type=FILE)
@click.option("--embeddings", multiple=True, type=FILE, help="Saved embeddings, among the encoders; can be repeated.")
@click.option("--temperatures", type=Several(POSITIVE), help="[default: the checkpoints', else 0.5]")
@click.option("--cells", type=FILE, help="Folder of finished cells.  [default: cells, beside --out]")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    encoders: tuple[Path, ...],
    embeddings: tuple[Path, ...],
    temperatures: tuple[float, ...] | None,
    cells: Path | None,
    hardening: str,
    losses: str,
    claims: str,
    out: Path | None,
    overwrite: bool,
    form: str,
    fail_on: str,
    no_normalize: bool,
    no_cache: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Checks the claims on many encoders at many temperatures.

    ENCODERS are checkpoints and files of embeddings. Every finished cell, an encoder at a temperature, is kept as a
    run; the same command continues where it was interrupted, and one with more encoders or temperatures computes only
    those. Writes one table, heat maps and report.html; p-values are adjusted over the whole sweep.

    On several processes or machines, which take the cells in turn (the folder of cells must be shared):

        torchrun --nproc-per-node 4 -m boundcheck sweep ...
    """
    options["until_decided"] = verify.budget_in(options)
    if not encoders and not embeddings:
        raise InputError("ENCODERS: expected at least one checkpoint or file of embeddings, received none; name one")
    with ExitStack() as stack:
        usual = Path("results") / f"sweep-{options['dataset'] or 'encoders'}".replace("/", "-")
        place = None
        if ranks.is_first():
            place = stack.enter_context(reserve_folder(out or usual, overwrite=overwrite, numbered=out is None))
        group = ranks.join(options["device"])
        if place is None or not group.is_first:
            return ranks.serve(group)
        from boundcheck.report.sweep import sweep_text
        from boundcheck.sweeps import sweep

        stack.enter_context(ranks.leading(group))
        progress = stack.enter_context(reporting(quiet))
        if options["betas"] is None:
            del options["betas"]  # those of the checkpoints join the usual ones
        kept = cells or place.path.parent / "cells"
        result = sweep(
            [*encoders, *embeddings],
            temperatures=temperatures,
            hardening=verify.names_in(hardening),
            losses=verify.names_in(losses),
            claims=claims if claims == "all" else verify.names_in(claims),
            normalize=not no_normalize,
            cache=not no_cache,
            cells=kept,
            progress=progress,
            ranks=group,
            **options,
        )
        result = replace(result, record=replace(result.record, manifest={**result.record.manifest, **noted(ctx)}))
        saved = result.save(place, command=["boundcheck", *ctx.obj])
    if form == "json":
        say_json(_document(result, saved))
    else:
        say("\n".join([*result.record.manifest["notes"], sweep_text(result.record)]), nl=False)
    if reused := result.record.manifest["cost"]["cells_reused"]:
        total = len(result.record.manifest["cells"])
        note(f"{reused} of {total} cells were finished before and are read from {kept}", quiet)
    note(f"report: {saved / 'report.html'}", quiet)
    return 1 if result.failed(fail_on) else 0


# The same options, so that whatever `verify` learns a sweep can do as well.
command.params += [option for option in verify.command.params if option.name not in _OF_ONE]


def _document(result: Sweep, place: Path) -> dict[str, Any]:
    """The sweep as one JSON document."""
    record = result.record
    return {
        "out": str(place),
        "notes": record.manifest["notes"],
        "manifest": json.loads((place / "run.json").read_text(encoding="utf-8")),
        "sweep": rows_of(record.claims),
        "losses": rows_of(record.losses),
        "assumption": rows_of(record.assumption),
    }
