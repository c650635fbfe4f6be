from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from boundcheck._device import resolve_device
from boundcheck.augment import IDENTITY
from boundcheck.checkpoints import load_encoder
from boundcheck.data import ImageSet, load_dataset
from boundcheck.encoders import Checkpoint, shipped_checkpoint
from boundcheck.errors import InputError
from boundcheck.extraction import extract


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load_dataset("digits").subset(slice(0, 40))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_encoder(shipped_checkpoint())


def test_views_labels_and_provenance_come_along(checkpoint, digits):
    emb = extract(checkpoint, digits, views=3, seed=5)
    assert emb.z.shape == (40, 3, 64) and emb.z.dtype == np.float32
    assert np.array_equal(emb.ids, digits.ids) and list(emb.classes) == list(digits.classes)
    assert np.array_equal(emb.y, digits.labels)
    np.testing.assert_allclose(np.linalg.norm(emb.z, axis=2), 1, rtol=1e-5)
    assert emb.meta["checkpoint_sha256"] == checkpoint.sha256 and emb.meta["data_digest"] == digits.digest
    assert (emb.meta["dataset"], emb.meta["split"], emb.meta["seed"]) == ("digits", "test", 5)
    assert (emb.meta["output"], emb.meta["views"]) == ("embedding", "augmented")
    assert emb.meta["encoder"]["arch"] == "convnet" and emb.meta["recipe"]["flip"] == 0
    json.dumps(dict(emb.meta))


def test_the_batch_size_does_not_matter_and_the_seed_does(checkpoint, digits):
    one, two, other = (
        extract(checkpoint, digits, seed=seed, batch_size=size).z for seed, size in ((0, 512), (0, 7), (1, 512))
    )
    np.testing.assert_allclose(one, two, atol=1e-5)
    assert not np.allclose(one, other, atol=1e-2)
    assert not np.allclose(one[:, 0], one[:, 1], atol=1e-2)


def test_a_single_view_is_the_image_itself(checkpoint, digits):
    emb = extract(checkpoint, digits, views=1)
    with torch.no_grad():
        features, embedding = checkpoint.encoder(torch.from_numpy(digits.images) / 255)
    expected = torch.nn.functional.normalize(embedding, dim=1).numpy()
    np.testing.assert_allclose(emb.z[:, 0], expected, atol=1e-5)
    assert emb.meta["views"] == "the images themselves"
    same = extract(checkpoint, digits, views=2, recipe=IDENTITY)
    np.testing.assert_allclose(same.z[:, 1], expected, atol=1e-5)
    features_set = extract(checkpoint, digits, views=1, output="features")
    expected = torch.nn.functional.normalize(features, dim=1).numpy()
    np.testing.assert_allclose(features_set.z[:, 0], expected, atol=1e-5)
    assert features_set.meta["output"] == "features"


def test_progress_reaches_the_total(checkpoint, digits):
    seen: list[tuple[int, int, str]] = []
    extract(checkpoint, digits, batch_size=16, progress=lambda *step: seen.append(step))
    assert seen == [(32, 80, "views"), (64, 80, "views"), (80, 80, "views")]


def test_extraction_leaves_the_weights_alone(checkpoint, digits):
    before = {key: value.clone() for key, value in checkpoint.encoder.state_dict().items()}
    extract(checkpoint, digits)
    assert all(torch.equal(value, before[key]) for key, value in checkpoint.encoder.state_dict().items())


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 28, 28), (1, 8, 9)])
def test_images_of_another_shape_are_refused(checkpoint, digits, shape):
    images = np.zeros((len(digits), *shape), np.uint8)
    other = ImageSet("odd", "test", images, digits.labels, digits.classes, digits.ids)
    with pytest.raises(InputError, match=r"images must be 1 x 8 x 8 .* for this encoder, received"):
        extract(checkpoint, other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"views": 0}, "views: must be a whole number >= 1, received 0"),
        ({"seed": -1}, "seed: must be a whole number >= 0, received -1"),
        ({"batch_size": 0}, "batch_size: must be a whole number >= 1"),
        ({"output": "feature"}, "did you mean 'features'"),
        ({"device": "gpu"}, "device: expected one of auto, cpu, cuda, mps, received 'gpu'"),
    ],
)
def test_broken_parameters_are_named(checkpoint, digits, call, message):
    with pytest.raises(InputError, match=message):
        extract(checkpoint, digits, **call)


def test_an_empty_set_is_refused(checkpoint, digits):
    with pytest.raises(InputError, match="must hold an image"):
        extract(checkpoint, digits.subset(slice(0, 0)))


def test_devices_resolve_to_what_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device().type == resolve_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="device: must be present on this machine, received 'cuda'"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == resolve_device("cuda").type == "cuda"


def test_meta_names_the_file_not_its_folder(checkpoint, digits):
    assert extract(checkpoint, digits).meta["checkpoint"] == Path(shipped_checkpoint()).name
