"""`boundcheck diagnose`: has the representation collapsed, and how?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from boundcheck.cli.parameters import CONFIDENCE, FILE, FORMAT, POSITIVE, SEED
from boundcheck.cli.progress import note, say, say_json
from boundcheck.cli.tables import aligned, rows_of
from boundcheck.errors import FileError
from boundcheck.spec import TEMPERATURE


@click.command("diagnose")
@click.option("--embeddings", type=FILE, required=True, help="Saved embeddings (.npz .safetensors .pt .parquet).")
@click.option("--against", type=FILE, help="The same instances by another encoder: CKA and RSA.")
@click.option("--outside", type=FILE, help="Data of none of the classes by the same encoder: NC5.")
@click.option("--no-normalize", is_flag=True, help="Take the rows as they are.")
@click.option("--temperature", type=POSITIVE, default=str(TEMPERATURE), show_default=True, help="Of the kernel rule.")
@click.option("--confidence", type=CONFIDENCE, default="0.95", show_default=True)
@click.option("--seed", type=SEED, default="0", show_default=True, help="Of groups and subsets.")
@click.option("--out", type=FILE, help="Save the table here as well, .csv or .json.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(
    embeddings: Path,
    against: Path | None,
    outside: Path | None,
    no_normalize: bool,
    temperature: float,
    confidence: float,
    seed: int,
    out: Path | None,
    form: str,
) -> int:
    """Diagnoses collapse of saved embeddings, each number with an interval over samples of instances.

    CDNV, neural collapse (NC1 to NC5), effective rank, RankMe, alpha-ReQ, LiDAR, alignment, uniformity, the two ends of
    Assumption 1; with --against, how alike two encoders are.
    """
    if out is not None and out.suffix not in (".csv", ".json"):
        raise FileError(f"--out: expected a name that ends in .csv or .json, received '{out}'")
    from boundcheck.diagnostics import diagnose
    from boundcheck.embeddings import load_embeddings

    sets = [None if path is None else load_embeddings(path, normalize=not no_normalize) for path in (against, outside)]
    emb = load_embeddings(embeddings, normalize=not no_normalize)
    diagnosis = diagnose(emb, *sets, temperature=temperature, confidence=confidence, seed=seed)
    frame = diagnosis.to_frame()
    if form == "json":
        say_json(rows_of(frame))
    else:
        header = ("diagnostic", "estimate", f"{100 * confidence:g} % interval", "plug-in", "reading")
        say(aligned([header, *(_cells(row) for row in frame.itertuples())]))
    for sentence in diagnosis.collapsed:
        note(f"warning: {sentence}", quiet=False)
    if out is not None:
        diagnosis.save(out)
    return 0


def _cells(row: Any) -> tuple[str, ...]:
    """The estimate, the interval about it, and the plug-in that other packages print."""
    interval = "–" if math.isnan(row.ci_low + row.ci_high) else f"[{row.ci_low:.4g}, {row.ci_high:.4g}]"
    return str(row.diagnostic), _number(row.estimate), interval, _number(row.plugin), str(row.reading)


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.4g}"
