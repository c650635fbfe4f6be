"""All formats, and the one door: a file in, an encoder out."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from boundcheck.checkpoints import (
    hscl,
    lightly,
    own,
    solo_learn,
    supcon,
    timm,
    torchvision,
    understanding_ssl,
)
from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.programs import load_program
from boundcheck.checkpoints.reading import program_kind, read_file
from boundcheck.encoders import Checkpoint, Encoder, EncoderConfig
from boundcheck.errors import BoundcheckError, FileError, unknown_name
from boundcheck.ingest import is_regular, reading

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (own, hscl, supcon, solo_learn, lightly, understanding_ssl, torchvision, timm)
}


def load_encoder(
    path: str | Path, *, format: str | None = None, arch: str | None = None, trust: bool = False
) -> Checkpoint:
    """Reads an encoder from a file of any known code base; nothing in the file is executed.

    The code base is recognised by the names of the weights; its conventions (padding, pooling, statistics, temperature)
    come with it, and `config.assumed` names those that the file does not state.

    Args:
        path: a `.pth`, `.pt`, `.ckpt` or `.safetensors` file.
        format: a key of `FORMATS`; None to recognise it.
        arch: of our own files, read it as this architecture; of timm's, the network's name.
        trust: run a TorchScript or torch.export program, which is code.

    Returns:
        The encoder, what it is, and the file's hash.

    Raises:
        FileError: the file is missing, damaged or unsafe, of no known code base or of several.
        InputError: the format or the architecture is unknown.
    """
    path = Path(path)
    if format is not None and format not in FORMATS:
        raise unknown_name("checkpoint_format", format, FORMATS)
    if trust and is_regular(path) and (kind := program_kind(path)):
        return load_program(path, kind)
    file = read_file(path, arch)
    chosen = FORMATS[format] if format else recognised(file)
    try:
        with reading(path, f"a checkpoint of {chosen.title}"):
            return _checkpoint(chosen.read(file), file, chosen)
    except BoundcheckError as error:
        if f"'{path}'" in str(error):
            raise
        raise type(error)(f"{error}; received '{path}', read as {chosen.name}") from error


def candidates(file: CheckpointFile) -> tuple[Format, ...]:
    """The formats that a file may be in; ours, whose files say so, alone."""
    if own.recognise(file):
        return (own.FORMAT,)
    return tuple(known for known in FORMATS.values() if known.recognise(file))


def recognised(file: CheckpointFile) -> Format:
    """The one format that a file is in.

    Raises:
        FileError: it may be in several, or is in none.
    """
    found = candidates(file)
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(known.name for known in found)
        raise FileError(
            f"checkpoint: '{file.path}' may be of {names}, whose weights have the same names and whose networks "
            f"differ; say which with --checkpoint-format (format={found[0].name!r})"
        )
    shown = ", ".join(list(file.state)[:3])
    raise FileError(
        f"checkpoint: '{file.path}' is intact, and of no known code base: {len(file.state)} weights, {shown}, ...; the "
        f"known are {', '.join(FORMATS)}; name one with --checkpoint-format, or encode with your own code, "
        "--encoder FILE:FUNCTION"
    )


def _checkpoint(read: Reading | Checkpoint, file: CheckpointFile, chosen: Format) -> Checkpoint:
    """The checkpoint that a reading makes."""
    if isinstance(read, Checkpoint):
        return read
    linear = [layer for layer in (read.head.modules() if read.head else ()) if isinstance(layer, nn.Linear)]
    features = int(read.backbone.feature_dim)  # type: ignore[arg-type]
    config = EncoderConfig(
        arch=read.arch,
        in_channels=len(read.mean),
        image_size=None,
        feature_dim=features,
        hidden_dim=linear[0].out_features if len(linear) > 1 else None,
        embedding_dim=linear[-1].out_features if linear else features,
        mean=read.mean,
        std=read.std,
        objective=read.objective,
        temperature=read.temperature,
        dataset=read.dataset,
        epochs=read.epochs,
        format=chosen.name,
        assumed=read.assumed,
    )
    encoder = Encoder(read.backbone, read.head or nn.Identity(), read.mean, read.std).eval()
    return Checkpoint(encoder, config, file.sha256, file.path, read.notes)
