"""The runs of several files, each made as `boundcheck verify` makes it, kept, and found again by a later command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundcheck._places import reserve_folder
from boundcheck.cli.given import encoded, saved_in

if TYPE_CHECKING:
    from boundcheck.ranks import Ranks
    from boundcheck.runs import Run
    from boundcheck.sweeps.grid import Grid
    from boundcheck.sweeps.subjects import Subject


@dataclass(frozen=True)
class Finished:
    """The run of one file, and whether it was there before."""

    method: str
    subject: Subject
    run: Run
    place: Path
    reused: bool


@dataclass(frozen=True)
class Work:
    """What every run is made with.

    Attributes:
        grid: variant, execution, claims, and the other options of `verify`.
        encoding: options of `samples.ENCODING`.
        normalize: of embeddings files.
        home: the folder of the runs.
        overwrite: whether a run of other options may be replaced.
        options: for run.json, those that were given.
        plugins: files of them.
        group: the processes.
        quiet: nothing on stderr.
    """

    grid: Grid
    encoding: Mapping[str, Any]
    normalize: bool
    home: Path
    overwrite: bool
    options: Mapping[str, Any]
    plugins: Sequence[str]
    group: Ranks
    quiet: bool


def runs_of(methods: Sequence[str], subjects: Sequence[Subject], work: Work) -> Iterator[Finished]:
    """Every run, read where it is there."""
    from boundcheck.sweeps.cells import find_cell

    mine: set[Path] = set()
    for number, (method, subject) in enumerate(zip(methods, subjects, strict=True), 1):
        key = run_key(subject, work.grid, work.group.size > 1)
        kept = find_cell(work.home, key, names="[!.]*") if key else None
        if kept is None:
            where = f"{subject.name}, {number} of {len(subjects)}"
            run, place = _verified(subject, key, work, where, mine)
        else:
            place, run = kept
        mine.add(place)
        yield Finished(method, subject, run, place, kept is not None)


def run_key(subject: Subject, grid: Grid, shared: bool) -> str | None:
    """Hash of all that decides a run; None where that cannot be known.

    Args:
        subject: the encoder.
        grid: what it is verified with.
        shared: whether several processes share it. They leave out checks that one makes, so their runs do not stand
            for its.
    """
    key = grid.key(subject, grid.variant.temperature)
    return f"{key}-shared" if key and shared else key


def _verified(subject: Subject, key: str | None, work: Work, where: str, mine: set[Path]) -> tuple[Run, Path]:
    """One file verified as it is alone, and its run saved."""
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.pairwise.ring.shards import shard
    from boundcheck.sweeps.subjects import holds_embeddings
    from boundcheck.verification import verify

    assert subject.path is not None, "files are given"
    grid, tell = work.grid, work.grid.execution.progress
    progress = None if tell is None else lambda done, total, unit: tell(done, total, f"{unit} ({where})")
    is_saved = holds_embeddings(subject.path)
    if is_saved:
        given = saved_in(subject.path, work.normalize, unlabelled=False)
    else:
        own = {**work.encoding, "checkpoint": subject.path}
        given = encoded(own, grid.execution.seed, grid.execution.device, work.quiet, progress, work.group)
    emb = given.make()
    assert isinstance(emb, EmbeddingSet), "a known population comes in no file"
    name = work.home / given.name
    with reserve_folder(name, overwrite=work.overwrite and name not in mine, numbered=True) as place:
        sharded = shard(emb, work.group) if work.group.size > 1 else emb
        execution = replace(grid.execution, progress=progress)
        result = verify(sharded, grid.variant, execution, claims=grid.claims, **grid.verifying)
        options = {**work.options, "embeddings" if is_saved else "checkpoint": str(subject.path)}
        options |= {"temperature": grid.variant.temperature}
        options |= {"betas": grid.variant.betas}
        manifest = {**result.run.manifest, "options": options, "config_file": None, "key": key}
        result = replace(result, run=replace(result.run, manifest=manifest))
        saved = result.save(place, command=_alone(options, work.plugins), images=given.images)
    return result.run, saved


def _alone(options: Mapping[str, Any], plugins: Sequence[str]) -> list[str]:
    """The command line that makes the run of one file."""
    words = ["boundcheck", "verify"]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        elif value != []:
            words += [option, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return [*words, *(word for plugin in plugins for word in ("--plugin", plugin))]
