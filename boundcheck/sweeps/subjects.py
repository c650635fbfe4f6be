"""What is swept: encoders, each as the embeddings it makes, known by a hash before they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from boundcheck.cache import cached_extract, extraction_key
from boundcheck.checkpoints import load_encoder
from boundcheck.data import Samples, load_dataset
from boundcheck.embeddings import EmbeddingSet, load_embeddings
from boundcheck.encoders import Checkpoint
from boundcheck.errors import FileError, InputError
from boundcheck.extraction import default_views, extract
from boundcheck.ingest import load_safetensors, load_tensors
from boundcheck.spec import Execution
from boundcheck.store import key_of

Encoders: TypeAlias = Mapping[str, EmbeddingSet | str | Path] | Sequence[str | Path]


@dataclass(frozen=True)
class Subject:
    """One encoder of a sweep.

    Attributes:
        name: in the tables.
        identity: hash of all that decides its embeddings.
        embeddings: makes or reads them.
        stored: the temperature and the beta that it was trained with, as far as they are known.
        path: of its file, as it was given; None for embeddings in memory.
        trained: what is known of the encoder and its training, as `EncoderConfig` has it.
    """

    name: str
    identity: str
    embeddings: Callable[[], EmbeddingSet]
    stored: Mapping[str, float]
    path: Path | None
    trained: Mapping[str, Any]


@dataclass(frozen=True)
class Encoding:
    """How checkpoints are turned into embeddings, and embeddings files read.

    Attributes:
        dataset: what checkpoints encode; None for what each was trained on.
        split, data_dir: of the data set, as of `load_dataset`.
        views, layer: as of `extract`.
        arch, checkpoint_format, trust_checkpoint: as of `load_encoder`.
        normalize: scale the rows of embeddings files to norm 1.
        cache: read embeddings from the cache, and keep them there.
    """

    dataset: str | None = None
    split: str = "test"
    views: int | None = None
    layer: str | None = None
    data_dir: Path | None = None
    arch: str | None = None
    checkpoint_format: str | None = None
    trust_checkpoint: bool = False
    normalize: bool = True
    cache: bool = True

    def read(self, path: Path) -> Checkpoint:
        """The checkpoint in a file."""
        return load_encoder(path, format=self.checkpoint_format, arch=self.arch, trust=self.trust_checkpoint)


def subjects_of(encoders: Encoders, encoding: Encoding, execution: Execution) -> tuple[Subject, ...]:
    """Reads and checks every encoder, so that none fails after another has been computed.

    Args:
        encoders: embeddings or paths by name, or paths, which are named by what tells them apart.
        encoding: how.
        execution: seed of the views, device, progress.

    Raises:
        FileError: a file is missing, damaged or of another kind.
        InputError: none is given, or the images do not fit an encoder.
        DataMissingError: the data set is not here.
    """
    named = dict(encoders) if isinstance(encoders, Mapping) else names_of([Path(path) for path in encoders])
    if not named:
        raise InputError("encoders: expected at least one checkpoint or embeddings, received none; name one")
    images: dict[str, Samples] = {}

    def images_of(name: str) -> Samples:
        if name not in images:
            images[name] = load_dataset(name, encoding.split, encoding.data_dir, progress=execution.progress)
        return images[name]

    return tuple(_subject(name, given, encoding, execution, images_of) for name, given in named.items())


def names_of(paths: Sequence[Path]) -> dict[str, Path]:
    """Paths by the shortest ends that tell them apart: the file's name, or the folder's for an `encoder.pt`.

    A path given twice counts once.
    """
    distinct = list({path.resolve(): path for path in reversed(paths)}.values())[::-1]
    parts = [_parts(path) for path in distinct]
    depth = 1
    while len({p[-depth:] for p in parts}) < len(parts) and depth < max(map(len, parts)):
        depth += 1
    names = ["/".join(p[-depth:]) for p in parts]
    whole = names if len(set(names)) == len(names) else [str(path) for path in distinct]
    return dict(zip(whole, distinct, strict=True))


def _parts(path: Path) -> tuple[str, ...]:
    place = path.resolve()
    return place.parent.parts[1:] if place.stem == "encoder" else (*place.parent.parts[1:], place.stem)


def _subject(
    name: str,
    given: EmbeddingSet | str | Path,
    encoding: Encoding,
    execution: Execution,
    images_of: Callable[[str], Samples],
) -> Subject:
    if isinstance(given, EmbeddingSet):
        return _of_embeddings(name, given, None)
    path = Path(given)
    if holds_embeddings(path):
        return _of_embeddings(name, load_embeddings(path, encoding.normalize), path)
    return _of_checkpoint(name, path, encoding, execution, images_of)


def _of_embeddings(name: str, emb: EmbeddingSet, path: Path | None) -> Subject:
    decides = [emb.digest, emb.ids.tolist(), emb.normalize, dict(emb.meta)]
    known = emb.meta.get("encoder")
    config = known if isinstance(known, dict) else {}
    return Subject(name, key_of(decides), lambda: emb, _stored(config), path, config)


def _of_checkpoint(
    name: str, path: Path, encoding: Encoding, execution: Execution, images_of: Callable[[str], Samples]
) -> Subject:
    checkpoint = encoding.read(path)
    config, sha256 = checkpoint.config, checkpoint.sha256
    dataset = encoding.dataset or config.dataset
    if dataset is None:
        raise InputError(f"dataset: needed, because '{path}' does not say what it was trained on; name one")
    images = images_of(dataset)
    views = encoding.views or default_views(images)
    how: dict[str, Any] = {"views": views, "layer": encoding.layer, "seed": execution.seed, "device": execution.device}
    try:
        identity = extraction_key(checkpoint, images, **how)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error

    def embeddings() -> EmbeddingSet:
        # read again, so that the weights of one encoder at a time are in memory
        again = encoding.read(path)
        if again.sha256 != sha256:
            raise FileError(f"{path}: changed during the sweep; start again when nothing writes to it")
        if encoding.cache:
            return cached_extract(again, images, **how, progress=execution.progress)[0]
        return extract(again, images, **how, progress=execution.progress)

    trained = asdict(config)
    return Subject(name, identity, embeddings, _stored(trained), path, trained)


def holds_embeddings(path: Path) -> bool:
    """Whether a file is one of embeddings rather than of weights."""
    try:
        if path.suffix == ".pt":
            content = load_tensors(path)
            return isinstance(content, dict) and {"z", "y"} <= set(content)
        if path.suffix == ".safetensors":
            return {"z", "y"} <= set(load_safetensors(path))
    except Exception:  # whoever reads it as a checkpoint says what is wrong with it
        return False
    return path.suffix in (".npz", ".parquet")


def _stored(config: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(config[key]) for key in ("temperature", "beta") if isinstance(config.get(key), (int, float))}
