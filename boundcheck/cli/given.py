"""What `verify` is given: an encoder and its data, saved embeddings, or a known population."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from boundcheck.cli.config import was_given
from boundcheck.cli.samples import ENCODING, encode, load_samples
from boundcheck.errors import InputError

if TYPE_CHECKING:
    from boundcheck.data import ImageSet
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.estimators import Population
    from boundcheck.ranks import Ranks


class Given(NamedTuple):
    """What is to be verified: its short name, what makes it, its images, the population where it is known."""

    name: str
    make: Callable[[], EmbeddingSet | Population]
    images: ImageSet | None = None
    population: Population | None = None


def drawn(text: str, estimator: str, seed: int) -> Given:
    """A known population, or a sample of it."""
    from boundcheck.estimators import parse_population

    known = parse_population(text)
    name = "".join(c if c.isalnum() or c in "-." else "-" for c in known.name)
    return Given(name, lambda: known if estimator == "closed" else known.sample(seed), population=known)


def saved_in(path: Path, normalize: bool, unlabelled: bool) -> Given:
    """Embeddings of a file."""
    from boundcheck.embeddings import load_embeddings

    return Given(path.stem, lambda: load_embeddings(path, normalize, unlabelled))


def encoded(encoding: dict[str, Any], seed: int, device: str, quiet: bool, progress: Any, group: Ranks) -> Given:
    """What an encoder makes of a data set; `encoding` has the options of `ENCODING`."""
    from boundcheck.data import ImageSet

    how = {key: encoding.pop(key) for key in ("views", "layer", "no_cache")}
    samples = load_samples(**encoding, progress=progress)
    how |= {"seed": seed, "device": device, "quiet": quiet, "progress": progress, "group": group}
    pictures = samples.images if isinstance(samples.images, ImageSet) else None
    return Given(samples.name, lambda: encode(samples, **how, source=encoding), pictures)


def refuse_encoder_options(ctx: click.Context, given: str, *others: str) -> None:
    """What describes an encoder or its data says nothing about points that come without one."""
    for option in (*ENCODING, *others):
        if was_given(ctx, option):
            name = f"--{option.replace('_', '-')}"
            raise InputError(f"{name}: cannot be used with {given}; leave one out")
