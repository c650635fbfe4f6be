"""`boundcheck rerun`: a saved run once more, and what moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck.cli import ranks
from boundcheck.cli.parameters import FILE, plugin_option
from boundcheck.cli.progress import reporting, say, say_json
from boundcheck.cli.samples import ENCODING
from boundcheck.cli.tables import aligned, plain
from boundcheck.errors import FileError, InputError

if TYPE_CHECKING:
    from boundcheck.cli.given import Given
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.estimators import Population
    from boundcheck.ranks import Ranks
    from boundcheck.repetition import Moved, Repetition

_SHOWN = 20  # rows of a table for people; --json has all
_NUMBERS = ("temperature", "betas", "q", "confidence")
_SETTINGS = (
    *_NUMBERS, "hardening", "positives", "self_pairs", "class_prior", "design", "losses", "estimator", "anchors",
    "seed", "device", "precision", "claims", "negatives", "until_decided", "duplicates", "null", "configurations",
)  # fmt: skip

_NOT_YET = {"configurations": "own"}  # what runs of earlier versions were made with, without saying so


@click.command("rerun")
@click.argument("run", type=FILE)
@click.option("--embeddings", type=FILE, help="The run's embeddings.  [default: as its command line says]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document with every cell that moved.")
@plugin_option
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
def command(run: Path, embeddings: Path | None, as_json: bool, quiet: bool) -> int:
    """Makes a saved run again and says what moved.

    The settings in RUN's run.json, on the same data, whose hash must be the same; nothing is saved. Losses, standard
    errors, verdicts and all other numbers are held against what docs/determinism.md promises: bit for bit on the same
    machine, with the same threads and versions, and else within a tolerance. The exit code is 1 when a promise is
    broken.
    """
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.pairwise.ring.shards import shard
    from boundcheck.repetition import compare
    from boundcheck.runs import load_run
    from boundcheck.verification import verify

    before = load_run(run)
    manifest = before.manifest
    config = _config(manifest, run)
    with ExitStack() as stack:
        group = ranks.join(config["device"])
        if not group.is_first:
            return ranks.serve(group)
        stack.enter_context(ranks.leading(group))
        progress = stack.enter_context(reporting(quiet))
        given, emb = _data(_options(manifest.get("command"), embeddings, run), group, quiet, progress)
        if isinstance(emb, EmbeddingSet):
            _check_hash(emb, config["duplicates"], manifest, run)
            emb = shard(emb, group) if group.size > 1 else emb
        known = None if emb is given.population else given.population
        now = verify(emb, population=known, progress=progress, **config).run
    found = compare(before, now)
    if as_json:
        say_json(_document(run, found))
    else:
        say("\n".join(_lines(run, found)))
    return 0 if found.kept else 1


def _config(manifest: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """The settings of a run as keywords of `verify`."""
    saved = manifest.get("config")
    saved = {**_NOT_YET, **saved} if isinstance(saved, Mapping) else {}
    if not set(_SETTINGS) <= set(saved):
        raise FileError(f"run: '{run}' does not hold the settings of a verification; name a run of `boundcheck verify`")
    config = {name: saved[name] for name in _SETTINGS}
    config |= {name: _numbers(saved[name]) for name in _NUMBERS}
    if not config["betas"]:
        del config["betas"]
    if config["until_decided"] is not False:  # which chooses estimator and anchors
        config |= {"estimator": "auto", "anchors": None}
    return config


def _numbers(value: Any) -> Any:
    """Numbers of run.json, where an infinite one is text."""
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return float(value) if value in ("inf", "-inf") else value


def _options(command: Any, embeddings: Path | None, run: Path) -> dict[str, Any]:
    """The options of the run's command line, its embeddings named anew where the user does."""
    from boundcheck.cli.verify import command as verify_command

    arguments = [str(part) for part in command] if isinstance(command, Sequence) else []
    if arguments[1:2] == ["verify"]:
        with verify_command.make_context("verify", arguments[2:]) as ctx:
            options = dict(ctx.params)
    elif embeddings is not None:
        options = {"population": None, "no_normalize": False, "unlabelled": False}
    else:
        raise InputError(
            f"run: '{run}' was not made by `boundcheck verify`, and does not say where its data are; name them, "
            "--embeddings FILE"
        )
    return options | ({} if embeddings is None else {"embeddings": embeddings})


def _data(options: dict[str, Any], group: Ranks, quiet: bool, progress: Any) -> tuple[Given, EmbeddingSet | Population]:
    """What the run was about, as its command line says."""
    from boundcheck.cli.given import drawn, encoded, saved_in
    from boundcheck.embeddings import EmbeddingSet

    if options["population"] is not None:
        given = drawn(options["population"], options["estimator"], options["seed"])
    elif options["embeddings"] is not None:
        given = saved_in(options["embeddings"], not options["no_normalize"], options["unlabelled"])
    else:
        encoding = {name: options[name] for name in ENCODING}
        given = encoded(encoding, options["seed"], options["device"], quiet, progress, group)
    emb = given.make()
    return given, emb.without_labels() if options["unlabelled"] and isinstance(emb, EmbeddingSet) else emb


def _check_hash(emb: EmbeddingSet, duplicates: str, manifest: Mapping[str, Any], run: Path) -> None:
    """Refuses other data than the run's: what would move then is no fault of the program."""
    from boundcheck.embeddings.duplicates import near_duplicates

    if duplicates == "drop" and (found := near_duplicates(emb)) is not None:
        emb = emb.subset(found.first)
    saved = str((manifest.get("data") or {}).get("sha256"))
    if emb.digest != saved:
        raise InputError(
            f"run: the data of '{run}' had the SHA-256 {saved[:12]}..., these have {emb.digest[:12]}...; name the "
            "embeddings as they were, --embeddings FILE, or verify these anew"
        )


def _lines(run: Path, found: Repetition) -> list[str]:
    """For people."""
    promise = found.promise
    if promise.tolerance is None:
        due = f"nothing is promised ({promise.because})"
    elif promise.tolerance == 0:
        due = f"every number is promised bit for bit ({promise.because})"
    else:
        due = f"losses and their errors are promised within {promise.tolerance:g} nats ({promise.because})"
    broken = sum(cell.broken for cell in found.moved)
    verdicts = sum(cell.column == "verdict" for cell in found.moved)
    lines = [
        f"{run}: {len(found.moved)} of {found.compared} numbers and verdicts moved, {verdicts} verdicts; {due}",
        f"largest move of a loss {found.largest('losses', 'estimate'):.2g} nats, "
        f"of its standard error {found.largest('losses', 'se'):.2g}, of a gap {found.largest('claims', 'gap'):.2g}",
        f"promise broken by {broken}" if broken else "no promise is broken",
    ]
    shown = sorted(found.moved, key=lambda cell: (not cell.broken, cell.column != "verdict"))[:_SHOWN]
    if shown:
        rows = [["table", "row", "column", "before", "now", "by"], *(_row(cell) for cell in shown)]
        lines += ["", aligned(rows)]
    if len(found.moved) > _SHOWN:
        lines.append(f"and {len(found.moved) - _SHOWN} more; --json has them all")
    return lines


def _row(cell: Moved) -> list[str]:
    values = [value if isinstance(value, str) else f"{value:.9g}" for value in (cell.before, cell.now)]
    return [cell.table, cell.row, cell.column, *values, "" if cell.by is None else f"{cell.by:+.2g}"]


def _document(run: Path, found: Repetition) -> dict[str, Any]:
    """For programs."""
    return {
        "run": str(run),
        "kept": found.kept,
        "promise": {"tolerance": found.promise.tolerance, "because": found.promise.because},
        "compared": found.compared,
        "moved": [
            {
                **{name: getattr(cell, name) for name in ("table", "row", "column")},
                "before": plain(cell.before),
                "now": plain(cell.now),
                "by": cell.by,
                "broken": cell.broken,
            }
            for cell in found.moved
        ],
    }
