"""From an encoder and images to an `EmbeddingSet`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from boundcheck._device import resolve_device
from boundcheck.augment import IDENTITY, ViewRecipe, recipe_for
from boundcheck.augment import views as views_of
from boundcheck.data import ImageSet, Progress
from boundcheck.embeddings import EmbeddingSet
from boundcheck.encoders import Checkpoint, EncoderConfig
from boundcheck.errors import InputError, unknown_name

OUTPUTS = ("embedding", "features")

# A CPU is faster with batches whose feature maps fit its caches: 1.1 to 1.7 times on a small convnet.
_BATCH = {"cpu": 128}


def extract(
    checkpoint: Checkpoint,
    image_set: ImageSet,
    *,
    views: int = 2,
    seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    output: str = "embedding",
    recipe: ViewRecipe | None = None,
    progress: Progress | None = None,
) -> EmbeddingSet:
    """Encodes random views of every image, in evaluation mode and float32.

    Never in bfloat16: its eight bits can move a cosine by more than some of the gaps that are to be measured. The batch
    size changes neither the views nor, beyond rounding, the result. The outputs stay raw here; whether `EmbeddingSet`
    normalises them is decided by the checkpoint and recorded there.

    Args:
        checkpoint: the encoder, from `load_encoder`.
        image_set: n images; the position of an image is the instance its views depend on.
        views: views of each image. With 1 it is the image itself, not augmented; with more, all are
            augmented.
        seed: of the views.
        batch_size: images encoded at a time; None for what suits the device.
        device: one of `auto`, `cpu`, `cuda`, `mps`.
        output: `embedding`, behind the projection head, or `features`, before it.
        recipe: how views are made; None for `recipe_for` these images.
        progress: called after each batch with (done, total, "views").

    Returns:
        Embeddings of shape (n, views, d), with labels, ids and where they come from.

    Raises:
        InputError: the images do not fit the encoder, or a parameter breaks its rule.
    """
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size: must be at least 1, received {batch_size}")
    meta = provenance(checkpoint, image_set, views=views, seed=seed, output=output, recipe=recipe)
    z = encode_span(
        checkpoint,
        image_set,
        (0, len(image_set)),
        views=views,
        seed=seed,
        batch_size=batch_size,
        device=device,
        output=output,
        recipe=recipe,
        progress=progress,
    )
    return embedding_set(checkpoint, image_set, z, meta)


def embedding_set(
    checkpoint: Checkpoint, image_set: ImageSet, z: Float[np.ndarray, "n v d"], meta: Mapping[str, Any]
) -> EmbeddingSet:
    """Raw outputs for all images as the embedding set of this checkpoint; `meta` is their `provenance`."""
    return EmbeddingSet(
        z,
        image_set.labels,
        ids=image_set.ids,
        meta=meta,
        normalize=checkpoint.config.normalize,
        classes=image_set.classes,
    )


def provenance(
    checkpoint: Checkpoint,
    image_set: ImageSet,
    *,
    views: int = 2,
    seed: int = 0,
    output: str = "embedding",
    recipe: ViewRecipe | None = None,
) -> dict[str, Any]:
    """What `extract` records about the embeddings it makes, known before it makes them; arguments as there.

    Raises:
        InputError: the images do not fit the encoder, or a parameter breaks its rule.
    """
    if output not in OUTPUTS:
        raise unknown_name("output", output, OUTPUTS)
    for name, value, least in (("views", views, 1), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{name}: must be at least {least}, received {value}")
    _check_images(checkpoint.config, image_set)
    return {
        "checkpoint": checkpoint.path.name,
        "checkpoint_sha256": checkpoint.sha256,
        "encoder": asdict(checkpoint.config),
        "output": output,
        "dataset": image_set.name,
        "split": image_set.split,
        "data_digest": image_set.digest,
        "views": "the images themselves" if views == 1 else "augmented",
        "recipe": asdict(_recipe(image_set, views, recipe)),
        "seed": seed,
    }


def _recipe(image_set: ImageSet, views: int, recipe: ViewRecipe | None) -> ViewRecipe:
    """How the views are made: a single one is the image itself."""
    if views == 1:
        return IDENTITY
    channels, size = image_set.images.shape[1:3]
    return recipe or recipe_for(channels, size, image_set.name)


@torch.inference_mode()
def encode_span(
    checkpoint: Checkpoint,
    image_set: ImageSet,
    span: tuple[int, int],
    *,
    views: int = 2,
    seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    output: str = "embedding",
    recipe: ViewRecipe | None = None,
    progress: Progress | None = None,
) -> Float[np.ndarray, "m v d"]:
    """Raw outputs for every view of the images from span[0] to before span[1]; the other arguments as of `extract`."""
    first, last = span
    where, config = resolve_device(device), checkpoint.config
    batch_size = batch_size or _BATCH.get(where.type, 512)
    recipe = _recipe(image_set, views, recipe)
    dim = config.embedding_dim if output == "embedding" else config.feature_dim
    z = np.empty((last - first, views, dim), np.float32)
    encoder = checkpoint.encoder.to(where).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    for start in range(first, last, batch_size):
        index = np.arange(start, min(start + batch_size, last))
        images = torch.from_numpy(image_set.images[index]).to(where)
        for view in range(views):
            features, embedding = encoder(views_of(images, index, view, seed, recipe))
            z[index - first, view] = (embedding if output == "embedding" else features).cpu().numpy()
        if progress is not None:
            progress(views * (int(index[-1]) + 1 - first), views * (last - first), "views")
    return z


def _check_images(config: EncoderConfig, image_set: ImageSet) -> None:
    """The images must have the shape the encoder was made for."""
    expected = (config.in_channels, config.image_size, config.image_size)
    received = image_set.images.shape[1:]
    if len(image_set) == 0:
        raise InputError(f"image_set: must hold an image, received none in '{image_set.name}'")
    if received != expected:
        raise InputError(
            f"image_set: images must be {_shape(expected)} for this encoder, received {_shape(received)} in "
            f"'{image_set.name}'; take another checkpoint or convert the images"
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "{} x {} x {} (channels, height, width)".format(*shape)
