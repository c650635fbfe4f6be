"""`boundcheck verify`: the claims on an encoder or on saved embeddings."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from boundcheck._files import check_writable
from boundcheck.cli.parameters import (
    ANCHORS,
    CONFIDENCE,
    COUNT,
    DEVICE,
    FORMAT,
    NOT_NEGATIVE,
    POSITIVE,
    OneOf,
    Q,
    Several,
)
from boundcheck.cli.progress import note, reporting
from boundcheck.cli.samples import FILE, encoder_options, load_samples, run_options
from boundcheck.errors import FileError, InputError

if TYPE_CHECKING:
    import pandas as pd

    from boundcheck.data import ImageSet
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.verification import Verification

TEMPERATURE, BETAS = 0.5, (0.5, 1.0, 2.0, 5.0, 10.0)


@click.command("verify")
@encoder_options
@click.option("--embeddings", type=FILE, help="Saved embeddings (.npz .safetensors .pt .parquet), no encoder.")
@click.option("--no-normalize", is_flag=True, help="Take the rows of --embeddings as they are.")
@click.option("--temperature", type=POSITIVE, help="[default: the checkpoint's, else 0.5]")
@click.option("--betas", type=Several(NOT_NEGATIVE), help="[default: 0.5,1,2,5,10 and the checkpoint's]")
@click.option("--hardening", default="exp", show_default=True, help="List of exp, threshold:T, poly:P.")
@click.option("--q", type=Several(Q), default="1", show_default=True, help="List of Q; inf for the decoupled loss.")
@click.option("--positives", type=OneOf(["auto", "augmentation", "class"]), default="auto", show_default=True)
@click.option("--self-pairs", type=OneOf(["exclude", "include"]), default="exclude", show_default=True)
@click.option("--class-prior", type=OneOf(["empirical", "balanced"]), default="empirical", show_default=True)
@click.option("--claims", default="all", show_default=True, help="List of ids from `boundcheck claims`.")
@click.option("--estimator", type=OneOf(["auto", "exact", "montecarlo"]), default="auto", show_default=True)
@click.option("--anchors", type=ANCHORS, default="all", show_default=True, help="Sample this many anchors.")
@click.option("--negatives", type=Several(COUNT), default="", help="Finite k, as 10,100,1000: losses at them as well.")
@click.option("--confidence", type=CONFIDENCE, default="0.95", show_default=True)
@click.option("--device", type=DEVICE, default="auto", show_default=True)
@click.option("--precision", type=OneOf(["auto", "float32", "float64"]), default="auto", show_default=True)
@click.option("--out", type=FILE, help="Folder of the run.  [default: results/NAME]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --out.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
@click.option("--fail-on", type=OneOf(["violated", "undecided", "never"]), default="violated", show_default=True)
@run_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    embeddings: Path | None,
    temperature: float | None,
    betas: tuple[float, ...] | None,
    hardening: str,
    claims: str,
    out: Path | None,
    overwrite: bool,
    form: str,
    fail_on: str,
    quiet: bool,
    **options: Any,
) -> int:
    """Checks the published claims on an encoder.

    Without options, on the encoder and the images that come with the package. Writes numbers, tables, figures
    and report.html; the exit code is 1 when an exact or proved claim is violated.
    """
    if embeddings is not None:
        _refuse_encoder_options(ctx)
    elif options["no_normalize"]:
        raise InputError("--no-normalize: applies to --embeddings only; a checkpoint says so itself")
    if out is not None:
        refuse_out(out, overwrite)
    from boundcheck.report import summary_text
    from boundcheck.runs import free_directory
    from boundcheck.verification import verify

    encoding = {key: options.pop(key) for key in ("checkpoint", "arch", "dataset", "split", "data_dir", "views")}
    normalize = not options.pop("no_normalize")
    with reporting(quiet) as progress:
        if embeddings is not None:
            emb, images, name = _saved(embeddings, normalize)
        else:
            emb, images, name = _encoded(encoding, options["seed"], options["device"], progress)
        stored = _stored(emb)
        temperature, betas, said = _with_defaults(temperature, betas, stored)
        result = verify(
            emb,
            temperature=temperature,
            betas=betas,
            hardening=_names(hardening),
            claims=claims if claims == "all" else _names(claims),
            progress=progress,
            **options,
        )
    place = result.save(
        out or free_directory(Path("results") / name),
        overwrite=overwrite,
        command=["boundcheck", *ctx.obj],
        images=images,
    )
    if form == "json":
        click.echo(json.dumps(_document(result, place, said), ensure_ascii=False, allow_nan=False))
    else:
        click.echo("\n".join([*said, summary_text(result.run)]), nl=False)
    note(f"report: {place / 'report.html'}", quiet)
    return 1 if result.failed(fail_on) else 0


def _refuse_encoder_options(ctx: click.Context) -> None:
    """What describes an encoder or its data says nothing about saved embeddings."""
    for option in ("checkpoint", "dataset", "arch", "split", "views", "data_dir"):
        if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            name = f"--{option.replace('_', '-')}"
            raise InputError(f"{name}: cannot be used with --embeddings, which are already encoded; leave one out")


def refuse_out(out: Path, overwrite: bool) -> None:
    """Says before the computation what would otherwise fail after it."""
    if (out.is_file() or (out.is_dir() and any(out.iterdir()))) and not overwrite:
        raise FileError(f"--out: {out} is in use; choose another, or replace the run in it with --overwrite")
    check_writable(out)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _saved(path: Path, normalize: bool) -> tuple[EmbeddingSet, ImageSet | None, str]:
    from boundcheck.embeddings import load_embeddings

    return load_embeddings(path, normalize), None, path.stem


def _encoded(
    encoding: dict[str, Any], seed: int, device: str, progress: Any
) -> tuple[EmbeddingSet, ImageSet | None, str]:
    from boundcheck.extraction import extract

    views = encoding.pop("views")
    samples = load_samples(**encoding, progress=progress)
    emb = extract(samples.checkpoint, samples.images, views=views, seed=seed, device=device, progress=progress)
    return emb, samples.images, samples.name


def _stored(emb: EmbeddingSet) -> dict[str, float]:
    """The temperature and beta of the checkpoint that made the embeddings, as far as they are known."""
    config = emb.meta.get("encoder")
    known = config if isinstance(config, dict) else {}
    return {key: float(known[key]) for key in ("temperature", "beta") if isinstance(known.get(key), (int, float))}


def _with_defaults(
    temperature: float | None, betas: tuple[float, ...] | None, stored: dict[str, float]
) -> tuple[float, tuple[float, ...], list[str]]:
    """Temperature and betas to use, and what there is to say about where they come from."""
    said = []
    if temperature is None:
        temperature = stored.get("temperature", TEMPERATURE)
        if "temperature" in stored:
            said.append(f"temperature {temperature:g}, as stored in the checkpoint")
    if betas is None:
        betas = tuple(sorted({*BETAS, stored["beta"]})) if "beta" in stored else BETAS
        if "beta" in stored:
            said.append(f"betas include {stored['beta']:g}, as stored in the checkpoint")
    return temperature, betas, said


def _document(result: Verification, place: Path, said: list[str]) -> dict[str, Any]:
    """The run as one JSON document."""
    run = result.run
    return {
        "out": str(place),
        "notes": said,
        "manifest": json.loads((place / "run.json").read_text(encoding="utf-8")),
        "losses": _rows(run.losses),
        "claims": _rows(run.claims),
        "assumption": _rows(run.assumption),
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows in strict JSON: a missing number is null, an infinite one "inf" or "-inf"."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
