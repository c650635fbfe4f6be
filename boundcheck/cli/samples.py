"""Options and loading shared by the commands that encode a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boundcheck.cli.parameters import COUNT, FILE, SEED, plugin_option
from boundcheck.cli.progress import note
from boundcheck.errors import InputError

if TYPE_CHECKING:
    from boundcheck.data import Samples as Data
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.encoders import Checkpoint
    from boundcheck.ranks import Ranks


def encoder_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--checkpoint --encoder --arch --dataset --split --views --data-dir --no-cache and how to read them."""
    for option in (
        click.option("--no-cache", is_flag=True, help="Encode, even where the cache holds the embeddings; keep none."),
        click.option("--data-dir", type=FILE, help="Folder of data sets, looked in first and downloaded to."),
        click.option("--views", type=COUNT, help="Augmented views of each image.  [default: 2; of a text 1]"),
        click.option("--split", default="test", show_default=True, help="Split of the data set."),
        click.option("--dataset", help="A name from `boundcheck datasets`, a folder, or a file of images or texts."),
        click.option("--layer", help="A submodule, as layer3: its output instead of the encoder's."),
        click.option("--trust-checkpoint", is_flag=True, help="Run a TorchScript or torch.export program."),
        click.option("--checkpoint-format", help="Code base of the checkpoint.  [default: recognised by its keys]"),
        click.option("--arch", help="Read the checkpoint as this architecture."),
        click.option("--encoder", help="FILE_OR_MODULE:FUNCTION, timm:NAME or sentence-transformers:NAME."),
        click.option("--checkpoint", type=FILE, help="An encoder of any known code base.  [default: the shipped one]"),
    ):
        function = option(function)
    return function


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--seed --quiet --plugin."""
    for option in (
        plugin_option,
        click.option("--quiet", is_flag=True, help="Nothing on stderr but errors."),
        click.option("--seed", type=SEED, default="0", show_default=True),
    ):
        function = option(function)
    return function


@dataclass(frozen=True)
class Samples:
    """An encoder and the images or texts it is to encode."""

    checkpoint: Checkpoint
    images: Data

    @property
    def name(self) -> str:
        """A short name made of the encoder, the data set and the split."""
        path = self.checkpoint.path
        encoder = path.resolve().parent.name if path.stem == "encoder" else path.stem
        data = self.images.name
        return "-".join([encoder] if encoder.endswith(data) else [encoder, data]) + f"-{self.images.split}"


ENCODING = (
    "checkpoint", "encoder", "arch", "checkpoint_format", "trust_checkpoint", "dataset", "split", "data_dir", "views",
    "layer", "no_cache",
)  # fmt: skip
"""Options of `encoder_options`."""


def load_samples(
    checkpoint: Path | None,
    encoder: str | None,
    arch: str | None,
    checkpoint_format: str | None,
    trust_checkpoint: bool,
    dataset: str | None,
    split: str,
    data_dir: Path | None,
    progress: Any,
) -> Samples:
    """The encoder (the shipped one by default) and the images (of the set it was trained on, by default)."""
    from boundcheck.checkpoints import load_encoder, named_encoder
    from boundcheck.data import load_dataset
    from boundcheck.encoders import shipped_checkpoint

    if encoder is not None:
        if checkpoint is not None:
            raise InputError("--encoder: cannot be used with --checkpoint, received both; leave one out")
        chosen = named_encoder(encoder)
    else:
        path = checkpoint or shipped_checkpoint()
        chosen = load_encoder(path, format=checkpoint_format, arch=arch, trust=trust_checkpoint)
    name = dataset or chosen.config.dataset
    if name is None:
        raise InputError("--dataset: needed, because the encoder does not say what it was trained on; name one")
    return Samples(chosen, load_dataset(name, split, data_dir, progress=progress))


def encode(
    samples: Samples,
    *,
    no_cache: bool,
    quiet: bool,
    group: Ranks,
    source: dict[str, Any],
    **options: Any,
) -> EmbeddingSet:
    """The embeddings of the images, with the options of `extract`; says when they come from the cache.

    The ranks of a `group` encode together; all read the samples from the same `source`, as `load_samples` takes it.
    """
    from boundcheck.cache import cached_extract
    from boundcheck.extraction import default_views, extract

    options["views"] = options["views"] or default_views(samples.images)
    keep = not no_cache and bool(samples.checkpoint.sha256)  # pieces of what has no identity could be another's
    extractor = partial(_sharded, group, source, keep) if group.size > 1 else extract
    if no_cache:
        emb: EmbeddingSet = extractor(samples.checkpoint, samples.images, **options)
        return emb
    emb, kept = cached_extract(samples.checkpoint, samples.images, extractor=extractor, **options)
    if kept is not None:
        note(f"embeddings from the cache ({kept}); --no-cache encodes again", quiet)
    return emb


def _sharded(
    group: Ranks,
    source: dict[str, Any],
    keep: bool,
    checkpoint: Checkpoint,
    images: Data,
    *,
    progress: Any,
    views: int,
    seed: int,
    device: str,
    batch_size: int | None = None,
    output: str = "embedding",
    layer: str | None = None,
) -> EmbeddingSet:
    """`extract` by all ranks."""
    from boundcheck.cache import extraction_key

    group.held.update(samples=Samples(checkpoint, images), progress=progress)
    key = extraction_key(checkpoint, images, views=views, seed=seed, device=device, output=output, layer=layer)
    options = {"views": views, "seed": seed, "batch_size": batch_size, "device": device, "output": output}
    options["layer"] = layer
    emb = group.call(encode_share, source, key, keep, options)
    assert emb is not None, "the first rank has them all"
    return emb


def encode_share(
    group: Ranks, source: dict[str, Any], key: str, keep: bool, options: dict[str, Any]
) -> EmbeddingSet | None:
    """This rank's share of the images; all of them on the first rank, which has read them already."""
    from boundcheck.sharded_extraction import extract_sharded

    samples = group.held.pop("samples", None) or load_samples(**source, progress=None)
    progress = group.held.pop("progress", None)
    return extract_sharded(group, samples.checkpoint, samples.images, key=key, keep=keep, progress=progress, **options)
