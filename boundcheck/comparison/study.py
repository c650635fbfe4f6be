"""The verb: encoders by method in, means over seeds and differences between methods out."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from boundcheck.comparison.member import GAPS, Member, losses_by_class, member_of
from boundcheck.comparison.populations import differing
from boundcheck.comparison.result import Comparison
from boundcheck.comparison.table import compared, members_frame
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.manifest import environment
from boundcheck.options import check_confidence
from boundcheck.runs import Run, load_run
from boundcheck.spec import BETAS, Execution, Variant, understood
from boundcheck.sweeps.subjects import Encoding, Subject, names_of, subjects_of
from boundcheck.verification import verify
from boundcheck.verified import Verification

Source: TypeAlias = "EmbeddingSet | Run | Verification | str | os.PathLike[str]"
Methods: TypeAlias = "Mapping[str, Source | Sequence[Source]] | Sequence[str | os.PathLike[str]]"

# What must agree for two numbers to be of one quantity.
_SAME = ("temperature", "positives", "self_pairs", "class_prior")

_TWICE = "methods: '{}' and '{}' have the same embeddings: one encoder twice says nothing of other seeds; leave one out"


def compare(
    methods: Methods,
    variant: Variant | None = None,
    execution: Execution | None = None,
    *,
    by_class: bool = True,
    confidence: float = 0.95,
    null: bool = True,
    **options: Any,
) -> Comparison:
    """Seeds of one method, and methods on the same instances: means, spreads and differences with their errors.

    Several encoders of one method are its seeds; their mean has two sources of error, seeds and instances, given apart
    and together (`inference.seeds`). Differences are to the first method. They are paired, from the influences of the
    same instances on both, where all encoders saw the same ids with the same labels; otherwise the samples are taken
    as independent, and a note says why. Ids that are row numbers are trusted where both record the same data. Methods
    on different data are captioned apart, and not compared by class.

    Args:
        methods: {name: an encoder, or a list of its seeds}; or paths, each a method named by its file. An encoder is a
            saved run (its folder, a `Run` or a `Verification`), embeddings or a checkpoint. Runs are not computed
            again: they say with which options they were made, and hold no losses by class.
        variant: which variant of the losses; without one, and without `betas`, those the encoders were trained with
            join the usual ones.
        execution: how they are computed.
        by_class: whether losses and gaps are also given over the anchors of each class; about as long again.
        confidence: of every interval, in (0, 1).
        null: as of `verify`.
        **options: fields of `Variant`, `Execution` and `Encoding`, in their place or to change them.

    Returns:
        The comparison: `.to_frame()`, `.save(directory)`.

    Raises:
        FileError: a run, a checkpoint or embeddings cannot be read; found before anything is computed.
        InputError: an option is unknown or out of range, the encoders differ in what must agree, or nothing was
            estimated of all of them.
    """
    check_confidence(confidence)
    named = _methods(methods)
    sources = [source for seeds in named.values() for source in seeds]
    saved = [_is_run(source) for source in sources]
    if all(saved):
        if variant is not None or execution is not None or options:
            given = next(iter(options), "variant" if variant is not None else "execution")
            raise InputError(
                f"{given}: has no effect on saved runs, which are not computed again; leave it out, or name embeddings"
            )
        members = [member_of(name, method, _run(source)) for method, name, source in _each(named)]
        notes = ["losses by class need embeddings or checkpoints: a saved run has none"] if by_class else []
    elif any(saved):
        run, encoder = (_each(named)[saved.index(kind)][1] for kind in (True, False))
        raise InputError(
            f"methods: runs and encoders cannot be compared with each other, received the run '{run}' and the encoder "
            f"'{encoder}'; verify the encoder first, or name the run's embeddings"
        )
    else:
        members, notes = _computed(named, variant, execution, by_class, null, dict(options))
    _check(members)
    frame, more = compared(members, tuple(named), confidence)
    return Comparison(frame, members_frame(members, confidence), (*notes, *more), _manifest(members, confidence))


def _methods(given: Methods) -> dict[str, list[Any]]:
    """Every method with its seeds."""
    if isinstance(given, (str, os.PathLike, EmbeddingSet, Run, Verification)):
        given = {"encoder": given}
    by_name: Mapping[str, Any] = {}
    if isinstance(given, Mapping):
        by_name = given
    elif all(isinstance(source, (str, os.PathLike)) for source in given):
        by_name = names_of([Path(path) for path in given])
    else:
        raise InputError("methods: embeddings and runs in memory need names, received none; give {name: encoder}")
    named: dict[str, list[Any]] = {
        str(name): list(seeds) if isinstance(seeds, (list, tuple)) else [seeds] for name, seeds in by_name.items()
    }
    if sum(map(len, named.values())) < 2:
        raise InputError("methods: a comparison needs at least two encoders, received one; name another, or use verify")
    if empty := [name for name, seeds in named.items() if not seeds]:
        raise InputError(f"methods: expected an encoder or more of each, received none of '{empty[0]}'; leave it out")
    return named


def _each(named: Mapping[str, Sequence[Source]]) -> list[tuple[str, str, Source]]:
    """Method, name of the encoder, encoder."""
    return [
        (method, method if len(seeds) == 1 else f"{method}/{number}", source)
        for method, seeds in named.items()
        for number, source in enumerate(seeds, 1)
    ]


def _is_run(source: Source) -> bool:
    return isinstance(source, (Run, Verification)) or (isinstance(source, (str, os.PathLike)) and Path(source).is_dir())


def _run(source: Any) -> Run:
    if isinstance(source, Verification):
        return source.run
    return source if isinstance(source, Run) else load_run(source)


def _computed(
    named: Mapping[str, Sequence[Any]],
    variant: Variant | None,
    execution: Execution | None,
    by_class: bool,
    null: bool,
    options: dict[str, Any],
) -> tuple[list[Member], list[str]]:
    """The members of embeddings and checkpoints, each verified as `verify` does, and what there is to say."""
    chosen = {"temperature", "betas"} if variant is not None else {"temperature", "betas"} & set(options)
    of_encoding = {f.name: options.pop(f.name) for f in fields(Encoding) if f.name in options}
    asked, execution = understood(variant, execution, options)
    each: list[tuple[str, str, Any]] = _each(named)
    subjects = subjects_of({name: source for _, name, source in each}, Encoding(**of_encoding), execution)
    refuse_twice([(method, name) for method, name, _ in each], subjects)
    asked, notes = agreed(asked, subjects, chosen, options.get("hardening", "exp"))
    return [
        _verified(subject, method, asked, _naming(subject.name, execution), by_class, null)
        for (method, _, _), subject in zip(each, subjects, strict=True)
    ], notes


def refuse_twice(named: Sequence[tuple[str, str]], subjects: Sequence[Subject]) -> None:
    """Refuses one encoder as two seeds of a method.

    Args:
        named: method and name of each encoder.
        subjects: the encoders.

    Raises:
        InputError: two of a method have the same embeddings.
    """
    own = [(method, subject.identity) for (method, _), subject in zip(named, subjects, strict=True)]
    if twice := [name for (_, name), at in zip(named, own, strict=True) if own.count(at) > 1]:
        raise InputError(_TWICE.format(*twice))


def agreed(
    asked: Variant, subjects: Sequence[Subject], chosen: Collection[str], hardening: Any = "exp"
) -> tuple[Variant, list[str]]:
    """The variant for all encoders: where nothing else was chosen, at the temperature and betas of their training.

    Args:
        asked: the variant.
        subjects: the encoders.
        chosen: which of `temperature` and `betas` were.
        hardening: as `Variant` takes it.

    Returns:
        The variant, and what there is to say.

    Raises:
        InputError: the encoders were trained with several temperatures.
    """
    notes = []
    taus = sorted({subject.stored["temperature"] for subject in subjects if "temperature" in subject.stored})
    if "temperature" not in chosen and taus:
        if len(taus) > 1:
            raise InputError(
                f"temperature: the encoders were trained with {', '.join(f'{tau:g}' for tau in taus)}, and losses at "
                "two temperatures are two quantities; choose one"
            )
        asked = asked.but(temperature=taus[0])
        notes.append(f"temperature {taus[0]:g}, {_origin(subjects)}")
    betas = {subject.stored["beta"] for subject in subjects if "beta" in subject.stored}
    if "betas" not in chosen and betas:
        asked = asked.but(betas=sorted({*BETAS, *betas}), hardening=hardening)
        notes.append(f"betas include {', '.join(f'{beta:g}' for beta in sorted(betas))}, as stored in the checkpoints")
    return asked, notes


def _origin(subjects: Sequence[Subject]) -> str:
    """Where their temperature comes from: the files, or the code bases whose files state none."""
    silent = [subject.trained for subject in subjects if "temperature" in subject.trained.get("assumed", ())]
    if not silent:
        return "as stored in the checkpoints"
    return f"the default of {', '.join(sorted({str(config['format']) for config in silent}))}: checkpoints state none"


def _naming(encoder: str, execution: Execution) -> Execution:
    """The execution, whose progress says of which encoder it is."""
    progress = execution.progress
    if progress is None:
        return execution
    return replace(execution, progress=lambda done, total, unit: progress(done, total, f"{unit} ({encoder})"))


def _verified(
    subject: Subject, method: str, variant: Variant, execution: Execution, by_class: bool, null: bool
) -> Member:
    result = verify(
        subject.embeddings(), variant, execution, claims=[claim for claim, _, _ in GAPS.values()], null=null
    )
    losses = result.losses
    tables = losses_by_class(losses, execution) if by_class and losses.emb.labelled and not losses.exhaustive else {}
    return member_of(subject.name, method, result.run, tables)


def _check(members: Sequence[Member]) -> None:
    """Refuse to compare what is not of one quantity, seeds that are one encoder, and seeds on different data."""
    first = members[0]
    for other in members[1:]:
        for option in _SAME:
            one, two = (member.manifest["config"].get(option) for member in (first, other))
            if one != two:
                raise InputError(
                    f"{option}: must be the same for all, received {one} of '{first.name}' and {two} of "
                    f"'{other.name}'; verify them with one"
                )
        one, two = (member.manifest["data"].get("normalized") for member in (first, other))
        if one != two:
            raise InputError(f"normalize: '{first.name}' and '{other.name}' differ in it; verify them alike")
        same = next(member for member in members if member.method == other.method)
        if why := differing(same, other):
            raise InputError(f"methods: {why}, as seeds of one method; their mean is of neither, name them apart")
    seen: dict[tuple[str, str], str] = {}
    for member in members:
        digest = str(member.manifest["data"].get("sha256"))
        if (member.method, digest) in seen:
            raise InputError(_TWICE.format(seen[member.method, digest], member.name))
        seen[member.method, digest] = member.name


def _manifest(members: Sequence[Member], confidence: float) -> dict[str, Any]:
    keys = ("name", "sha256", "n", "v", "d", "c")
    config = {name: members[0].manifest["config"].get(name) for name in (*_SAME, "q")}
    return {
        **environment(),
        "command": [],
        "config": {**config, "confidence": confidence},
        "encoders": [
            {
                "name": member.name,
                "method": member.method,
                "data": {key: member.manifest["data"].get(key) for key in keys}
                | {"split": (member.manifest["data"].get("source") or {}).get("split")},
                "checkpoint": member.manifest.get("checkpoint"),
                "estimator": member.manifest["config"].get("estimator"),
                "seed": member.manifest.get("seed"),
                "created": member.manifest.get("created"),
                "warnings": list(member.manifest.get("warnings", [])),
            }
            for member in members
        ],
    }
