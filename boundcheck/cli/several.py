"""`boundcheck verify` of several files: a run of each, kept and found again, and the methods beside each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck._places import Place, reserve_folder
from boundcheck.cli import ranks
from boundcheck.cli.config import noted
from boundcheck.cli.files import named_paths
from boundcheck.cli.given import refuse_encoder_options
from boundcheck.cli.parameters import plugins_in
from boundcheck.cli.progress import note, reporting, say, say_json
from boundcheck.cli.runs_of_files import Finished, Work, runs_of
from boundcheck.cli.samples import ENCODING
from boundcheck.cli.tables import aligned, rows_of
from boundcheck.errors import InputError

if TYPE_CHECKING:
    from boundcheck.comparison import Comparison
    from boundcheck.runs import Run
    from boundcheck.sweeps.subjects import Subject

_COMPARISON = "comparison"  # folder beside the runs
_OF_VERIFY = ("negatives", "until_decided", "confidence", "duplicates", "null", "configurations")


def verify_several(
    ctx: click.Context,
    files: Sequence[str],
    *,
    out: Path | None,
    overwrite: bool,
    form: str,
    fail_on: str,
    quiet: bool,
    claims: str | Sequence[str],
    **options: Any,
) -> int:
    """Verifies each file and compares them.

    Args:
        ctx: of the command.
        files: `[NAME=]FILE`, two or more.
        out: the folder of the runs and of the comparison; None for `results`.
        overwrite, form, fail_on, quiet: as the command's.
        claims: "all", or ids.
        **options: all others of `verify`.

    Returns:
        The exit code, that of the worst run.
    """
    paths = _checked(files, out, options)
    home = out or Path("results")
    with ExitStack() as stack:
        place: Place | None = None
        if ranks.is_first():
            whole = reserve_folder(home / _COMPARISON, overwrite=overwrite, numbered=out is None)
            place = stack.enter_context(whole)
        group = ranks.join(options["device"])
        if place is None or not group.is_first:
            return ranks.serve(group)
        from boundcheck.claims import choose_claims
        from boundcheck.comparison import compare
        from boundcheck.comparison.study import agreed, refuse_twice
        from boundcheck.spec import understood
        from boundcheck.sweeps.grid import Grid
        from boundcheck.sweeps.subjects import Encoding, names_of, subjects_of

        chosen = choose_claims(claims)  # what is misspelt is said before anything is loaded
        stack.enter_context(ranks.leading(group))
        progress = stack.enter_context(reporting(quiet))
        encoding = {name: options.pop(name) for name in ENCODING}
        normalize = not options.pop("no_normalize")
        verifying = {name: options.pop(name) for name in _OF_VERIFY}
        given = {name: value for name, value in options.items() if value is not None}
        variant, execution = understood(None, None, {**given, "progress": progress})
        reading = {name: encoding[name] for name in Encoding.__dataclass_fields__ if name in encoding}
        how = Encoding(**reading, normalize=normalize, cache=not encoding["no_cache"])
        subjects = subjects_of(names_of([path for _, path in paths]), how, execution)
        _check_fit(ctx, subjects, normalize)
        methods, said = _methods([name for name, _ in paths], subjects)
        refuse_twice([(m, str(s.path)) for m, s in zip(methods, subjects, strict=True)], subjects)
        variant, notes = agreed(variant, subjects, given, given["hardening"])
        grid = Grid(variant, execution, verifying, chosen, (variant.temperature,), None)
        recorded = noted(ctx)
        work = Work(
            grid, encoding, normalize, home, overwrite and out is not None, recorded["options"],
            plugins_in(ctx.obj), group, quiet,
        )  # fmt: skip
        done = list(runs_of(methods, subjects, work))
        by_method: dict[str, list[Run]] = {}
        for finished in done:
            by_method.setdefault(finished.method, []).append(finished.run)
        result = compare(by_method, by_class=False, confidence=verifying["confidence"])
        runs = [{"file": str(f.subject.path), "method": f.method, "run": str(f.place)} for f in done]
        notes = [
            *said,
            *notes,
            *_of_encoders(done),
            *result.notes,
            "losses by class: boundcheck compare, on the same files",
        ]
        result = replace(result, notes=tuple(notes), manifest={**result.manifest, **recorded, "runs": runs})
        saved = result.save(place, command=["boundcheck", *ctx.obj])
    if form == "json":
        say_json(_document(result, done, saved))
    else:
        say("\n".join([*_lines(done), "", str(result)]), nl=False)
    note(f"saved: {saved}", quiet)
    from boundcheck.verified import failed

    return 1 if any(failed(finished.run.claims, fail_on) for finished in done) else 0


def _checked(files: Sequence[str], out: Path | None, options: dict[str, Any]) -> list[tuple[str, Path]]:
    """The names and paths, where all can be verified together; takes out of the options what is about one encoder."""
    if options.pop("unlabelled"):
        raise InputError("--unlabelled: is of one encoder, received several files; verify each, then compare the runs")
    if options["estimator"] == "closed":
        raise InputError("--estimator: closed needs --population, received files; leave it out")
    paths = named_paths(files, "FILE")
    where = [path.resolve() for _, path in paths]
    for (_, path), place in zip(paths, where, strict=True):
        if path.is_dir():
            raise InputError(
                f"FILE: expected checkpoints or embeddings, received the folder '{path}'; "
                "boundcheck compare takes saved runs"
            )
        if where.count(place) > 1:
            raise InputError(f"FILE: '{path}' is named twice: one encoder says nothing of other seeds; leave one out")
    if out is not None and (out / "run.json").exists():
        raise InputError(
            f"--out: '{out}' is a saved run, and of several files the folder that holds their runs; name another"
        )
    return paths


def _check_fit(ctx: click.Context, subjects: Sequence[Subject], normalize: bool) -> None:
    """Refuses options of checkpoints where there are embeddings alone, and of embeddings where there are none."""
    from boundcheck.sweeps.subjects import holds_embeddings

    saved = [subject.path is not None and holds_embeddings(subject.path) for subject in subjects]
    if all(saved):
        refuse_encoder_options(ctx, "files of embeddings, which are already encoded")
    if not normalize and not any(saved):
        raise InputError("--no-normalize: applies to embeddings only; a checkpoint says so itself")


def _methods(names: Sequence[str], subjects: Sequence[Subject]) -> tuple[list[str], list[str]]:
    """The method of each: its name, else what its file says of its training; and how they were told apart."""
    from boundcheck.comparison.methods import are_stated, methods_of, repeated_seeds

    unnamed = [subject for name, subject in zip(names, subjects, strict=True) if not name]
    own = dict(zip((s.name for s in unnamed), methods_of([s.trained for s in unnamed]), strict=True))
    methods = [name or own[subject.name] for name, subject in zip(names, subjects, strict=True)]
    said = repeated_seeds(methods, [subject.trained for subject in subjects])
    if silent := [subject.path for subject in unnamed if not are_stated([subject.trained])]:
        said += [
            f"'{silent[0]}' does not state the loss it was trained with: files of one network are taken as seeds of "
            "one method; NAME=FILE tells methods apart"
        ]
    elif unnamed:
        said += ["methods are told apart by the training that the files state; NAME=FILE names them"]
    return methods, said


def _of_encoders(done: Sequence[Finished]) -> list[str]:
    """What is to be known of how the files were read, each once."""
    sources = [finished.run.manifest["data"].get("source") or {} for finished in done]
    return list(dict.fromkeys(f"encoder: {note}" for source in sources for note in source.get("notes", ())))


def _lines(done: Sequence[Finished]) -> list[str]:
    """The runs for people, and their warnings with the files they are about."""
    from boundcheck.report.listing import standing

    rows = [("method", "file", "verdict", "run")]
    about: dict[str, list[str]] = {}
    for finished in done:
        earlier = " (finished earlier)" if finished.reused else ""
        verdict = standing(finished.run.claims, finished.run.manifest)
        rows.append((finished.method, str(finished.subject.path), verdict, f"{finished.place}{earlier}"))
        for warning in finished.run.manifest["warnings"]:
            about.setdefault(warning, []).append(finished.subject.name)
    warnings = [f"warning: {warning} ({', '.join(names)})" for warning, names in about.items()]
    return [aligned(rows), *(["", *warnings] if warnings else [])]


def _document(result: Comparison, done: Sequence[Finished], place: Path) -> dict[str, Any]:
    """All of it as one JSON document."""
    return {
        "out": str(place),
        "notes": list(result.notes),
        "manifest": json.loads((place / "run.json").read_text(encoding="utf-8")),
        "comparison": rows_of(result.to_frame()),
        "encoders": rows_of(result.members),
        "runs": [
            {
                "file": str(finished.subject.path),
                "method": finished.method,
                "run": str(finished.place),
                "reused": finished.reused,
                "warnings": list(finished.run.manifest["warnings"]),
                "claims": rows_of(finished.run.claims),
            }
            for finished in done
        ],
    }
