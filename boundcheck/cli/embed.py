"""`boundcheck embed`: an encoder's embeddings of a data set, as a file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from boundcheck._places import reserve_file
from boundcheck.cli import ranks
from boundcheck.cli.grouped import Grouped
from boundcheck.cli.parameters import COUNT, DEVICE, FILE
from boundcheck.cli.progress import note, reporting
from boundcheck.cli.samples import encode, encoder_options, load_samples, run_options


@click.command("embed", cls=Grouped)
@encoder_options
@click.option("--out", type=FILE, required=True, help="File to write: .npz .safetensors .pt .parquet.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier file.")
@click.option("--features", is_flag=True, help="The backbone's features, before the projection head.")
@click.option("--batch-size", type=COUNT, help="Images encoded at a time.  [default: what suits the device]")
@click.option("--device", type=DEVICE, default="auto", show_default=True)
@run_options
def command(
    out: Path,
    overwrite: bool,
    features: bool,
    batch_size: int | None,
    device: str,
    views: int | None,
    layer: str | None,
    no_cache: bool,
    seed: int,
    quiet: bool,
    **encoding: Any,
) -> int:
    """Saves an encoder's embeddings of a data set."""
    from boundcheck.embeddings import save_embeddings
    from boundcheck.embeddings.files import format_of

    format_of(out)
    with ExitStack() as stack:
        place = stack.enter_context(reserve_file(out, overwrite=overwrite)) if ranks.is_first() else None
        group = ranks.join(device)
        if place is None or not group.is_first:
            return ranks.serve(group)
        stack.enter_context(ranks.leading(group))
        progress = stack.enter_context(reporting(quiet))
        samples = load_samples(**encoding, progress=progress)
        emb = encode(
            samples,
            no_cache=no_cache,
            quiet=quiet,
            views=views,
            layer=layer,
            seed=seed,
            batch_size=batch_size,
            device=device,
            output="features" if features else "embedding",
            progress=progress,
            group=group,
            source=encoding,
        )
        save_embeddings(emb, place)
        note(f"{place.path}: {emb.n:,} instances, {emb.v} views, {emb.d} dimensions, {emb.c} classes", quiet)
    return 0
