"""`boundcheck verify`: the claims on an encoder or on saved embeddings."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck._places import reserve_folder
from boundcheck.cli import ranks
from boundcheck.cli.config import config_option, noted
from boundcheck.cli.files import TakesFiles, complete_path
from boundcheck.cli.given import drawn, encoded, refuse_encoder_options, saved_in
from boundcheck.cli.limit import limit_lines
from boundcheck.cli.parameters import (
    ANCHORS,
    CONFIDENCE,
    COUNT,
    DEVICE,
    FILE,
    FORMAT,
    NOT_NEGATIVE,
    TAU,
    Listed,
    OneOf,
    Q,
    Several,
    hardening_forms,
)
from boundcheck.cli.progress import note, reporting, say, say_json
from boundcheck.cli.samples import ENCODING, encoder_options, run_options
from boundcheck.cli.several import verify_several
from boundcheck.cli.tables import rows_of
from boundcheck.errors import InputError
from boundcheck.losses import LOSSES
from boundcheck.spec import (
    BETAS,
    CLASS_PRIORS,
    CONFIGURATIONS,
    DESIGNS,
    DUPLICATES,
    ESTIMATORS,
    FAIL_ON,
    POSITIVES,
    PRECISIONS,
    SELF_PAIRS,
    TEMPERATURE,
)

if TYPE_CHECKING:
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.verified import Verification


@click.command("verify", cls=TakesFiles)
@click.argument("files", nargs=-1, metavar="[[NAME=]FILE...]", shell_complete=complete_path)
@encoder_options
@click.option("--embeddings", type=FILE, help="Saved embeddings (.npz .safetensors .pt .parquet), no encoder.")
@click.option("--population", help="A known population, as vmf:classes=10,dim=64,kappa=20; no encoder.")
@click.option("--unlabelled", is_flag=True, help="Take the data as without labels: UCL and H-UCL alone.")
@click.option("--no-normalize", is_flag=True, help="Take the rows of --embeddings as they are.")
@click.option("--temperature", type=TAU, help="[default: the checkpoint's, else 0.5]")
@click.option(
    "--betas",
    type=Several(NOT_NEGATIVE, "auto"),
    help="List, or auto: what the sample carries.  [default: 0.5,1,2,5,10 and the checkpoint's]",
)
@click.option("--hardening", cls=Listed, names=hardening_forms, default="exp", show_default=True, help="List of")
@click.option("--q", type=Several(Q), default="1", show_default=True, help="List of Q; inf for the decoupled loss.")
@click.option("--positives", type=OneOf(POSITIVES), default="auto", show_default=True)
@click.option("--self-pairs", type=OneOf(SELF_PAIRS), default="exclude", show_default=True)
@click.option("--class-prior", type=OneOf(CLASS_PRIORS), default="empirical", show_default=True)
@click.option("--design", type=OneOf(DESIGNS), default="auto", show_default=True, help="How instances were drawn.")
@click.option("--duplicates", type=OneOf(DUPLICATES), default="keep", show_default=True, help="Near-duplicates.")
@click.option("--null/--no-null", default=True, show_default=True, help="Look at gaps with labels permuted.")
@click.option(
    "--configurations",
    type=OneOf(CONFIGURATIONS),
    default="cheap",
    show_default=True,
    help="Claims about another configuration: own skips them; cheap runs, on a sample, those that need no second "
    "estimate with intervals; all runs every one.",
)
@click.option(
    "--losses", cls=Listed, names=lambda: LOSSES, default="ucl,hucl,scl,hscl", show_default=True, help="List of"
)
@click.option("--claims", default="all", show_default=True, help="List of ids from `boundcheck claims`.")
@click.option("--estimator", type=OneOf(ESTIMATORS), default="auto", show_default=True)
@click.option("--anchors", type=ANCHORS, default="all", show_default=True, help="Sample this many anchors.")
@click.option(
    "--negatives", type=Several(COUNT, none=True), default="", help="Finite k, as 10,100,1000: losses at them as well."
)
@click.option("--until-decided", is_flag=True, help="Sample anchors until every verdict is decided.")
@click.option("--max-anchors", type=COUNT, help="Budget of --until-decided.  [default: all]")
@click.option("--confidence", type=CONFIDENCE, default="0.95", show_default=True)
@click.option("--device", type=DEVICE, default="auto", show_default=True)
@click.option("--precision", type=OneOf(PRECISIONS), default="auto", show_default=True)
@click.option("--out", type=FILE, help="Folder of the run; of several files, of their runs.  [default: results/NAME]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --out.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
@click.option("--fail-on", type=OneOf(FAIL_ON), default="violated", show_default=True)
@run_options
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    files: tuple[str, ...],
    embeddings: Path | None,
    population: str | None,
    temperature: float | None,
    betas: tuple[float, ...] | str | None,
    hardening: str,
    losses: str,
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

    One FILE is that of --checkpoint or --embeddings. Several are each verified in a run of their own, in --out, and
    compared: those whose training differs in nothing but its seed are seeds of one method, with means and intervals
    over seeds; between methods the differences, paired where the instances are the same. NAME=FILE names the method.

    On several processes or machines, the same numbers:

        torchrun --nproc-per-node 4 -m boundcheck verify ...
    """
    options["until_decided"] = budget_in(options)
    tilts, wanted = names_in(hardening), names_in(losses)
    claimed = claims if claims == "all" else names_in(claims)
    if files:
        options |= {"temperature": temperature, "betas": betas, "hardening": tilts, "losses": wanted}
        return verify_several(
            ctx, files, out=out, overwrite=overwrite, form=form, fail_on=fail_on, quiet=quiet, claims=claimed, **options
        )
    if embeddings is not None:
        refuse_encoder_options(ctx, "--embeddings, which are already encoded")
    elif options["no_normalize"]:
        raise InputError("--no-normalize: applies to --embeddings only; a checkpoint says so itself")
    if population is not None:
        refuse_encoder_options(ctx, "--population, which needs no encoder", "embeddings", "unlabelled")
    elif options["estimator"] == "closed":
        raise InputError("--estimator: closed needs --population, received none; name one such as vmf:kappa=20")
    with ExitStack() as stack:
        # Held from the start: what would fail after the work fails now, and commands that run at once keep apart.
        place = None
        if out is not None and ranks.is_first():
            place = stack.enter_context(reserve_folder(out, overwrite=overwrite))
        group = ranks.join(options["device"])
        if not group.is_first:
            return ranks.serve(group)
        from boundcheck.claims import choose_claims
        from boundcheck.embeddings import EmbeddingSet
        from boundcheck.pairwise.ring.shards import shard
        from boundcheck.report import summary_text
        from boundcheck.spec import Variant
        from boundcheck.verification import verify

        # What is misspelt is said before anything is loaded.
        choose_claims(claimed)
        Variant(hardening=tilts, losses=wanted)

        encoding = {key: options.pop(key) for key in ENCODING}
        normalize, unlabelled = not options.pop("no_normalize"), options.pop("unlabelled")
        stack.enter_context(ranks.leading(group))
        progress = stack.enter_context(reporting(quiet))
        if population is not None:
            given = drawn(population, options["estimator"], options["seed"])
        elif embeddings is not None:
            given = saved_in(embeddings, normalize, unlabelled)
        else:
            given = encoded(encoding, options["seed"], options["device"], quiet, progress, group)
        place = place or stack.enter_context(reserve_folder(Path("results") / given.name, numbered=True))
        emb = given.make()
        if unlabelled and isinstance(emb, EmbeddingSet):
            emb = emb.without_labels()
        known = _known(emb) if isinstance(emb, EmbeddingSet) else {}
        if group.size > 1 and isinstance(emb, EmbeddingSet):
            emb = shard(emb, group)
        temperature, betas, said = _with_defaults(temperature, betas, known)
        result = verify(
            emb,
            population=None if emb is given.population else given.population,
            temperature=temperature,
            betas=betas,
            hardening=tilts,
            losses=wanted,
            claims=claimed,
            progress=progress,
            **options,
        )
        said += [chosen["reason"] for chosen in [result.run.manifest["choice"].get("betas")] if chosen]
        said += [f"encoder: {note}" for note in result.losses.emb.meta.get("notes", ())]
        said += limit_lines(result.losses.emb, result.losses.variant)
        result = replace(result, run=replace(result.run, manifest={**result.run.manifest, **noted(ctx)}))
        saved = result.save(place, command=["boundcheck", *ctx.obj], images=given.images)
    if form == "json":
        say_json(_document(result, saved, said))
    else:
        say("\n".join([*said, summary_text(result.run)]), nl=False)
    if reason := result.losses.reason:
        note(f"estimator: {reason}", quiet)
    note(f"report: {saved / 'report.html'}", quiet)
    return 1 if result.failed(fail_on) else 0


def budget_in(options: dict[str, Any]) -> int | bool:
    """What --until-decided and --max-anchors say together; the latter is taken out."""
    budget: int | None = options.pop("max_anchors")
    if budget is not None and not options["until_decided"]:
        raise InputError(f"--max-anchors: is the budget of --until-decided, received {budget} without; use --anchors")
    return bool(options["until_decided"]) if budget is None else budget


def names_in(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part.strip() for part in text.split(","))


def _known(emb: EmbeddingSet) -> dict[str, Any]:
    """What is known of the checkpoint that made the embeddings."""
    config = emb.meta.get("encoder")
    return config if isinstance(config, dict) else {}


def _with_defaults(
    temperature: float | None, betas: tuple[float, ...] | str | None, known: dict[str, Any]
) -> tuple[float, tuple[float, ...] | str, list[str]]:
    """Temperature and betas to use, and what there is to say about where they come from."""
    stored = {key: float(known[key]) for key in ("temperature", "beta") if isinstance(known.get(key), (int, float))}
    said: list[str] = []
    if temperature is None:
        temperature = stored.get("temperature", TEMPERATURE)
        if "temperature" in known.get("assumed", ()):
            said.append(f"temperature {temperature:g}, the default of {known['format']}: the checkpoint states none")
        elif "temperature" in stored:
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
        "losses": rows_of(run.losses),
        "claims": rows_of(run.claims),
        "assumption": rows_of(run.assumption),
        **({} if run.population.empty else {"population": rows_of(run.population)}),
        **({} if run.finite_k.empty else {"finite_k": rows_of(run.finite_k), "k_epsilon": rows_of(run.k_epsilon)}),
    }
