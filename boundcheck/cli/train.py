"""`boundcheck train`: an encoder from one of the batch losses."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck._places import Place, reserve_folder
from boundcheck.cli.grouped import Grouped
from boundcheck.cli.parameters import (
    COUNT,
    DEVICE,
    FILE,
    NOT_NEGATIVE,
    POSITIVE,
    WHOLE,
    Listed,
    OneOf,
    objective_names,
)
from boundcheck.cli.progress import note, reporting, say
from boundcheck.cli.ranks import is_first
from boundcheck.cli.samples import run_options
from boundcheck.errors import InputError
from boundcheck.options import one_of

if TYPE_CHECKING:
    from boundcheck.lab.training import EpochEnd


@click.command("train", cls=Grouped)
@click.option("--objective", cls=Listed, names=objective_names, required=True, help="One of")
@click.option("--dataset", default="digits", show_default=True, help="A name, or a folder split/class/*.png.")
@click.option("--split", default="train", show_default=True)
@click.option("--data-dir", type=FILE, help="Folder of data sets, looked in first and downloaded to.")
@click.option("--out", type=FILE, help="Folder of the run.  [default: runs/OBJECTIVE-DATASET]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --out.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, or start it; finished ones are kept.")
@click.option("--save-every", type=COUNT, help="Also save the state every so many steps, not only every epoch.")
@click.option("--arch", default="convnet", show_default=True, help="convnet, resnet18 or resnet50.")
@click.option("--epochs", type=COUNT, default="20", show_default=True)
@click.option("--batch-size", type=COUNT, default="256", show_default=True)
@click.option("--accumulate", type=COUNT, default="1", show_default=True, help="Batches averaged into one step.")
@click.option("--temperature", type=POSITIVE, default="0.5", show_default=True)
@click.option("--beta", type=NOT_NEGATIVE, default="1", show_default=True, help="Hardness, where it has one.")
@click.option("--positives", type=OneOf(["auto", "augmentation", "class"]), default="auto", show_default=True)
@click.option(
    "--weight-gradient/--no-weight-gradient", default=True, show_default=True, help="Gradients through the tilt."
)
@click.option("--option", "own", multiple=True, metavar="NAME=VALUE", help="Of the objective alone; repeatable.")
@click.option("--n-views", type=COUNT, default="2", show_default=True, help="Views of every image.")
@click.option("--augment/--no-augment", default=True, show_default=True, help="Random views, or the image itself.")
@click.option("--views-apart", is_flag=True, help="Pass views one after the other: batch statistics of each alone.")
@click.option("--embedding-dim", type=COUNT, help="Width of the embedding.  [default: of --arch]")
@click.option("--unit-ball", is_flag=True, help="Embeddings in the unit ball, not on the sphere.")
@click.option("--learning-rate", type=POSITIVE, default="1e-3", show_default=True)
@click.option("--weight-decay", type=NOT_NEGATIVE, default="1e-6", show_default=True)
@click.option("--schedule", type=OneOf(["constant", "cosine"]), default="constant", show_default=True)
@click.option("--warmup-epochs", type=WHOLE, default="0", show_default=True)
@click.option("--precision", type=OneOf(["float32", "bf16"]), default="float32", show_default=True, help="On GPUs.")
@click.option("--device", type=DEVICE, default="auto", show_default=True)
@run_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    objective: str,
    dataset: str,
    split: str,
    data_dir: Path | None,
    out: Path | None,
    resume: bool,
    own: tuple[str, ...],
    quiet: bool,
    **options: Any,
) -> int:
    """Trains an encoder with a contrastive loss.

    Writes encoder.pt, history.csv and run.json, and state.pt until the run is finished: a killed run goes on
    with --resume as if it had never stopped.

    On several processes, with the loss of the whole batch (the data set must be on disk):

        torchrun --nproc-per-node 2 -m boundcheck train ...
    """
    from boundcheck.data import ImageSet, load_dataset
    from boundcheck.lab.objectives import OBJECTIVES, parse_options
    from boundcheck.lab.training import train

    one_of("--objective", objective, OBJECTIVES)
    quiet = quiet or not is_first()
    with ExitStack() as stack:
        progress = stack.enter_context(reporting(quiet))
        images = load_dataset(dataset, split, data_dir, progress=progress)
        if not isinstance(images, ImageSet):
            raise InputError(f"--dataset: training takes images, received texts in '{dataset}'; name another")
        place: Path | Place = out or Path("runs") / f"{objective}-{images.name}"
        if out is None and not resume and is_first():
            place = stack.enter_context(reserve_folder(place, numbered=True))
        path = train(
            images,
            objective=objective,
            out=place,
            options=parse_options(OBJECTIVES[objective], own),
            resume=resume,
            command=shlex.join(["boundcheck", *ctx.obj]),
            progress=progress,
            callbacks=() if quiet else (_epoch_line(),),
            **options,
        )
    if is_first():
        say(path)
    note(f"next: boundcheck verify --checkpoint {shlex.quote(str(path))} --dataset {shlex.quote(dataset)}", quiet)
    return 0


def _epoch_line() -> Callable[[EpochEnd], None]:
    """Tells people of every epoch, also while a bar is shown."""
    from tqdm import tqdm

    from boundcheck.lab.training import read_history

    def tell(end: EpochEnd) -> None:
        rate = read_history(end.out)[-1].images_per_s
        line = f"epoch {end.epoch}/{end.epochs}: mean batch loss {end.batch_loss:.4f}, {rate:,.0f} images/s"
        tqdm.write(line, file=sys.stderr)

    return tell
