"""Options and loading shared by the commands that encode a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck.cli.parameters import COUNT, SEED
from boundcheck.cli.progress import note
from boundcheck.errors import InputError

if TYPE_CHECKING:
    from boundcheck.data import ImageSet
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.encoders import Checkpoint

FILE = click.Path(path_type=Path)


def encoder_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--checkpoint --arch --dataset --split --views --data-dir --no-cache."""
    for option in (
        click.option("--no-cache", is_flag=True, help="Encode, even where the cache holds the embeddings; keep none."),
        click.option("--data-dir", type=FILE, help="Folder of data sets, looked in first and downloaded to."),
        click.option("--views", type=COUNT, default="2", show_default=True, help="Augmented views of each image."),
        click.option("--split", default="test", show_default=True, help="Split of the data set."),
        click.option("--dataset", help="A name from `boundcheck datasets`, or a folder split/class/*.png."),
        click.option("--arch", help="Read the checkpoint as this architecture."),
        click.option("--checkpoint", type=FILE, help="An encoder.  [default: the shipped one]"),
    ):
        function = option(function)
    return function


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--seed --quiet."""
    for option in (
        click.option("--quiet", is_flag=True, help="Nothing on stderr but errors."),
        click.option("--seed", type=SEED, default="0", show_default=True),
    ):
        function = option(function)
    return function


@dataclass(frozen=True)
class Samples:
    """An encoder and the images it is to encode."""

    checkpoint: Checkpoint
    images: ImageSet

    @property
    def name(self) -> str:
        """A short name made of the encoder, the data set and the split."""
        path = self.checkpoint.path
        encoder = path.resolve().parent.name if path.stem == "encoder" else path.stem
        data = self.images.name
        return "-".join([encoder] if encoder.endswith(data) else [encoder, data]) + f"-{self.images.split}"


def load_samples(
    checkpoint: Path | None, arch: str | None, dataset: str | None, split: str, data_dir: Path | None, progress: Any
) -> Samples:
    """The encoder (the shipped one by default) and the images (of the set it was trained on, by default)."""
    from boundcheck.data import load_dataset
    from boundcheck.encoders import load_checkpoint, shipped_checkpoint

    encoder = load_checkpoint(checkpoint or shipped_checkpoint(), arch)
    name = dataset or encoder.config.dataset
    if name is None:
        raise InputError("--dataset: needed, because the checkpoint does not say what it was trained on; name one")
    return Samples(encoder, load_dataset(name, split, data_dir, progress=progress))


def encode(samples: Samples, *, no_cache: bool, quiet: bool, **options: Any) -> EmbeddingSet:
    """The embeddings of the images, with the options of `extract`; says when they come from the cache."""
    from boundcheck.cache import cached_extract
    from boundcheck.extraction import extract

    if no_cache:
        return extract(samples.checkpoint, samples.images, **options)
    emb, kept = cached_extract(samples.checkpoint, samples.images, **options)
    if kept is not None:
        note(f"embeddings from the cache ({kept}); --no-cache encodes again", quiet)
    return emb
