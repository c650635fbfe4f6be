"""boundcheck's own files, by `boundcheck train` and `save_checkpoint`: a mark, a configuration, a state dict."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace

from boundcheck.checkpoints.base import CheckpointFile, Format
from boundcheck.checkpoints.networks import fit
from boundcheck.encoders import ENCODERS, OWN_FORMAT, Checkpoint, EncoderConfig, build_encoder
from boundcheck.errors import FileError, InputError, unknown_name
from boundcheck.options import one_of


def recognise(file: CheckpointFile) -> bool:
    """The mark."""
    return file.extra.get("format") == OWN_FORMAT


def read(file: CheckpointFile) -> Checkpoint:
    """The encoder, its configuration and all."""
    plain = file.extra.get("config")
    if not recognise(file) or not isinstance(plain, dict):
        raise file.misfit(f"must be in the format '{OWN_FORMAT}', which `boundcheck train` and `save_checkpoint` write")
    needed = {field.name for field in fields(EncoderConfig) if field.default is MISSING}
    odd = sorted((needed - set(plain)) | (set(plain) - {field.name for field in fields(EncoderConfig)}))
    if odd:
        raise FileError(
            f"checkpoint: its configuration must have the fields of EncoderConfig, received '{file.path}' that "
            f"differs in {', '.join(odd)}; write it with this version of boundcheck"
        )
    try:
        tuples = {name: tuple(plain[name]) for name in ("mean", "std", "assumed") if name in plain}
        config = EncoderConfig(**{**plain, **tuples})
        known = (config.in_channels, config.image_size, config.hidden_dim, config.embedding_dim)
        if None in known or config.arch not in ENCODERS:
            raise unknown_name("arch", str(config.arch), ENCODERS)
    except (InputError, TypeError) as error:
        raise FileError(
            f"checkpoint: its configuration is not usable, received '{file.path}' ({error}); save it again"
        ) from error
    config = config if file.arch is None else replace(config, arch=_known(file.arch))
    assert config.in_channels is not None and config.image_size is not None, "checked above"
    encoder = build_encoder(
        config.arch,
        in_channels=config.in_channels,
        image_size=config.image_size,
        mean=config.mean,
        std=config.std,
        hidden_dim=config.hidden_dim,
        embedding_dim=config.embedding_dim,
        unit_ball=config.unit_ball,
    )
    fit(encoder, file.state, config.arch)
    config = replace(config, feature_dim=encoder.backbone.feature_dim)
    return Checkpoint(encoder.eval(), config, file.sha256, file.path)


def _known(arch: str) -> str:
    one_of("arch", arch, ENCODERS)
    return arch


FORMAT = Format("boundcheck", "boundcheck train", recognise, read)
