"""From an encoder and samples to an `EmbeddingSet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from boundcheck._device import resolve_device
from boundcheck.augment import IDENTITY, ViewRecipe, recipe_for
from boundcheck.augment import views as views_of
from boundcheck.data import ImageSet, Progress, Samples, TextSet
from boundcheck.embeddings import EmbeddingSet
from boundcheck.embeddings.set import UNLABELLED
from boundcheck.encoders import Checkpoint, EncoderConfig, adapt, outputs_of
from boundcheck.errors import InputError
from boundcheck.options import check, one_of, whole

OUTPUTS = ("embedding", "features")

# A CPU is faster with batches whose feature maps fit its caches: 1.1 to 1.7 times on a small convnet.
_BATCH = {"cpu": 128}


def extract(
    encoder: Checkpoint | Callable[[Any], Any],
    samples: Samples,
    *,
    preprocess: Callable[[Any], Any] | None = None,
    views: int | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    output: str = "embedding",
    layer: str | None = None,
    recipe: ViewRecipe | None = None,
    progress: Progress | None = None,
) -> EmbeddingSet:
    """Encodes random views of every image, or every text, in evaluation mode and float32.

    Never in bfloat16: its eight bits can move a cosine by more than some of the gaps that are to be measured. The batch
    size changes neither the views nor, beyond rounding, the result. The outputs stay raw here; whether `EmbeddingSet`
    normalises them is decided by the checkpoint and recorded there.

    Args:
        encoder: a checkpoint, from `load_encoder`; or any `nn.Module` or callable, which takes a batch of images
            (b, ch, h, w) with values in [0, 1], or a list of texts, and returns (b, d), or maps or tokens, which are
            averaged over positions.
        samples: n images or texts; the position of an image is the instance its views depend on.
        preprocess: applied to every batch before a module or callable: standardising, resizing, tokenising.
        views: views of each sample; None for 2 of images and 1 of texts, which have no views. With 1 it is the image
            itself, not augmented; with more, all are augmented.
        seed: of the views.
        batch_size: samples encoded at a time; None for what suits the device.
        device: one of `auto`, `cpu`, `cuda`, `mps`.
        output: `embedding`, behind the projection head, or `features`, before it.
        layer: name of a submodule, as `layer3` or `blocks.11`; its output instead of the encoder's.
        recipe: how views are made; None for `recipe_for` these images.
        progress: called after each batch with (done, total, "views").

    Returns:
        Embeddings of shape (n, views, d), with labels, ids and where they come from.

    Raises:
        InputError: the samples do not fit the encoder, or a parameter breaks its rule.

    Examples:
        >>> import boundcheck as bc, torch
        >>> images = bc.load_dataset("digits").subset(slice(0, 20))
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 16))
        >>> bc.extract(net, images, preprocess=lambda x: (x - 0.3) / 0.4).z.shape
        (20, 2, 16)
    """
    check("batch_size", batch_size, whole(1), optional=True)
    if isinstance(encoder, Checkpoint):
        if preprocess is not None:
            raise InputError(
                "preprocess: is for modules and callables, received a checkpoint, which has its own; leave it out"
            )
        checkpoint = encoder
    else:
        checkpoint = adapt(encoder, preprocess)
    views = default_views(samples) if views is None else views
    meta = provenance(checkpoint, samples, views=views, seed=seed, output=output, layer=layer, recipe=recipe)
    z = encode_span(
        checkpoint,
        samples,
        (0, len(samples)),
        views=views,
        seed=seed,
        batch_size=batch_size,
        device=device,
        output=output,
        layer=layer,
        recipe=recipe,
        progress=progress,
    )
    return embedding_set(checkpoint, samples, z, meta)


def default_views(samples: Samples) -> int:
    """Views of each sample where nobody says: texts have no views but themselves."""
    return 1 if isinstance(samples, TextSet) else 2


def embedding_set(
    checkpoint: Checkpoint, samples: Samples, z: Float[np.ndarray, "n v d"], meta: Mapping[str, Any]
) -> EmbeddingSet:
    """Raw outputs for all samples as the embedding set of this checkpoint; `meta` is their `provenance`."""
    labelled = samples.classes != (UNLABELLED,)
    return EmbeddingSet(
        z,
        samples.labels if labelled else None,
        ids=samples.ids,
        meta=meta,
        normalize=checkpoint.config.normalize,
        classes=samples.classes if labelled else None,
        groups=samples.groups,
    )


def provenance(
    checkpoint: Checkpoint,
    samples: Samples,
    *,
    views: int = 2,
    seed: int = 0,
    output: str = "embedding",
    layer: str | None = None,
    recipe: ViewRecipe | None = None,
) -> dict[str, Any]:
    """What `extract` records about the embeddings it makes, known before it makes them; arguments as there.

    Raises:
        InputError: the samples do not fit the encoder, or a parameter breaks its rule.
    """
    one_of("output", output, OUTPUTS)
    check("views", views, whole(1), "the usual is 2")
    check("seed", seed, whole(0), "the usual is 0")
    if len(samples) == 0:
        raise InputError(f"samples: must hold an image or a text, received none in '{samples.name}'")
    if isinstance(samples, TextSet):
        if views > 1:
            raise InputError(
                f"views: texts have no augmented views, received {views}; use 1, with positives of a class"
            )
    else:
        _check_images(checkpoint.config, samples)
    return {
        "checkpoint": checkpoint.path.name,
        "checkpoint_sha256": checkpoint.sha256,
        "encoder": asdict(checkpoint.config),
        "notes": list(checkpoint.notes),
        "output": output,
        "layer": layer,
        "dataset": samples.name,
        "split": samples.split,
        "data_digest": samples.digest,
        "views": "as they are"
        if isinstance(samples, TextSet)
        else "the images themselves"
        if views == 1
        else "augmented",
        "recipe": None if isinstance(samples, TextSet) else asdict(_recipe(samples, views, recipe)),
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
    samples: Samples,
    span: tuple[int, int],
    *,
    views: int = 2,
    seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    output: str = "embedding",
    layer: str | None = None,
    recipe: ViewRecipe | None = None,
    progress: Progress | None = None,
) -> Float[np.ndarray, "m v d"]:
    """Raw outputs for every view of the samples from span[0] to before span[1]; the other arguments as of `extract`."""
    first, last = span
    where = resolve_device(device)
    batch_size = batch_size or _BATCH.get(where.type, 512)
    encoder = checkpoint.encoder.to(where).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    z: np.ndarray | None = None
    for start in range(first, last, batch_size):
        index = np.arange(start, min(start + batch_size, last))
        for view in range(views):
            if isinstance(samples, TextSet):
                batch: Any = [samples.texts[i] for i in index]
            else:
                images = torch.from_numpy(samples.images[index]).to(where)
                batch = views_of(images, index, view, seed, _recipe(samples, views, recipe))
            rows = outputs_of(encoder, batch, output, layer).float().cpu().numpy()
            z = np.empty((last - first, views, rows.shape[1]), np.float32) if z is None else z
            z[index - first, view] = rows
        if progress is not None:
            progress(views * (int(index[-1]) + 1 - first), views * (last - first), "views")
    assert z is not None, "a span holds samples"
    return z


def _check_images(config: EncoderConfig, image_set: ImageSet) -> None:
    """The images must have the shape the encoder was made for, as far as it has one."""
    channels, height, width = image_set.images.shape[1:]
    expected = (config.in_channels or channels, config.image_size or height, config.image_size or width)
    if (channels, height, width) != expected:
        raise InputError(
            f"samples: images must be {_shape(expected)} for this encoder, received "
            f"{_shape((channels, height, width))} in '{image_set.name}'; take another checkpoint or convert the images"
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "{} x {} x {} (channels, height, width)".format(*shape)
