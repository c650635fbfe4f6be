"""`boundcheck compare`: seeds of one method, and methods on the same instances."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck._places import reserve_folder
from boundcheck.cli import verify
from boundcheck.cli.config import noted, was_given
from boundcheck.cli.files import complete_path, named_paths
from boundcheck.cli.grouped import Grouped
from boundcheck.cli.progress import note, reporting, say, say_json
from boundcheck.cli.tables import rows_of
from boundcheck.errors import InputError

if TYPE_CHECKING:
    from boundcheck.comparison import Comparison

# The options of `verify` that a comparison does not take: of one encoder, of claims and verdicts, of finite k.
_NOT = (
    "files", "checkpoint", "encoder", "embeddings", "population", "unlabelled", "claims", "negatives", "until_decided",
    "max_anchors", "fail_on", "duplicates", "configurations",
)  # fmt: skip
_OF_RUNS = ("confidence", "out", "overwrite", "form", "quiet", "encoders", "seeds_of_one", "by_class", "config")


@click.command("compare", cls=Grouped)
@click.argument("encoders", nargs=-1, metavar="[NAME=]PATH...", shell_complete=complete_path)
@click.option("--seeds", "seeds_of_one", is_flag=True, help="All are seeds of one method.")
@click.option(
    "--by-class/--no-by-class", default=True, show_default=True, help="Losses and gaps of each class as well."
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    encoders: tuple[str, ...],
    seeds_of_one: bool,
    by_class: bool,
    temperature: float | None,
    betas: tuple[float, ...] | None,
    hardening: str,
    losses: str,
    confidence: float,
    null: bool,
    no_normalize: bool,
    no_cache: bool,
    out: Path | None,
    overwrite: bool,
    form: str,
    quiet: bool,
    **options: Any,
) -> int:
    """Compares encoders: seeds of one method, or methods.

    Each is a saved run's folder, a file of embeddings or a checkpoint, and a method of its own; those with one NAME are
    seeds of one method. Means over seeds have intervals over seeds and instances; differences are to the first method,
    paired where the instances are the same. Runs are read, not computed again.

        boundcheck compare results/ucl results/hscl

        boundcheck compare ucl=runs/u0.npz ucl=runs/u1.npz hscl=runs/h0.npz hscl=runs/h1.npz
    """
    methods = _methods(encoders, seeds_of_one)
    with ExitStack() as stack:
        usual = Path("results") / "-vs-".join(name.replace("/", "-") for name in list(methods)[:3])
        place = stack.enter_context(reserve_folder(out or usual, overwrite=overwrite, numbered=out is None))
        from boundcheck.comparison import compare

        progress = stack.enter_context(reporting(quiet))
        if all(path.is_dir() for paths in methods.values() for path in paths):
            given = {}
            _refuse_options(ctx)
        else:
            given = dict(
                options,
                hardening=verify.names_in(hardening),
                losses=verify.names_in(losses),
                normalize=not no_normalize,
                cache=not no_cache,
                progress=progress,
            )
            given |= {} if temperature is None else {"temperature": temperature}
            given |= {} if betas is None else {"betas": betas}
        result = compare(methods, by_class=by_class, confidence=confidence, null=null, **given)
        result = replace(result, manifest={**result.manifest, **noted(ctx)})
        saved = result.save(place, command=["boundcheck", *ctx.obj])
    if form == "json":
        say_json(_document(result, saved))
    else:
        say(str(result), nl=False)
    note(f"saved: {saved}", quiet)
    return 0


# The same options, so that whatever `verify` learns a comparison can do as well.
command.params += [option for option in verify.command.params if option.name not in _NOT]


def _methods(encoders: tuple[str, ...], seeds_of_one: bool) -> dict[str, list[Path]]:
    """The paths by method."""
    from boundcheck.sweeps.subjects import names_of

    split = named_paths(encoders, "PATH")
    if len(split) < 2:
        raise InputError(f"PATH: expected two or more encoders, received {len(split)}; name another, or use verify")
    if seeds_of_one:
        if named := [name for name, _ in split if name]:
            raise InputError(f"--seeds: says that all are of one method, received the name '{named[0]}'; leave one out")
        return {"seeds": [path for _, path in split]}
    own = {path: name for name, path in names_of([path for name, path in split if not name]).items()}
    methods: dict[str, list[Path]] = {}
    for name, path in split:
        methods.setdefault(name or own.get(path, str(path)), []).append(path)
    return methods


def _refuse_options(ctx: click.Context) -> None:
    """Saved runs are not computed again."""
    for option in ctx.command.params:
        if option.name in _OF_RUNS or option.name is None:
            continue
        if was_given(ctx, option.name):
            raise InputError(
                f"{option.opts[0]}: has no effect on saved runs, which are not computed again; "
                "leave it out, or name embeddings"
            )


def _document(result: Comparison, place: Path) -> dict[str, Any]:
    """The comparison as one JSON document."""
    return {
        "out": str(place),
        "notes": list(result.notes),
        "manifest": json.loads((place / "run.json").read_text(encoding="utf-8")),
        "comparison": rows_of(result.to_frame()),
        "classes": rows_of(result.to_frame(by_class=True)),
        "encoders": rows_of(result.members),
    }
