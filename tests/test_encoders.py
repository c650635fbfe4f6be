from __future__ import annotations

import os
import pickle
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from boundcheck.checkpoints import load_encoder
from boundcheck.data import load_dataset
from boundcheck.encoders import (
    ENCODERS,
    Encoder,
    EncoderConfig,
    build_encoder,
    save_checkpoint,
    shipped_checkpoint,
)
from boundcheck.errors import FileError, InputError
from boundcheck.extraction import extract

# Parameters of torchvision's ResNet-18 and ResNet-50 without their classifier.
TORCHVISION_PARAMETERS = {"resnet18": 11_689_512 - 513_000, "resnet50": 25_557_032 - 2_049_000}


def make(arch: str = "convnet", channels: int = 1, size: int = 8) -> tuple[Encoder, EncoderConfig]:
    torch.manual_seed(0)
    mean, std = [0.4] * channels, [0.3] * channels
    encoder = build_encoder(arch, in_channels=channels, image_size=size, mean=mean, std=std).eval()
    config = EncoderConfig(
        arch=arch,
        in_channels=channels,
        image_size=size,
        feature_dim=encoder.backbone.feature_dim,
        hidden_dim=ENCODERS[arch].hidden_dim,
        embedding_dim=ENCODERS[arch].embedding_dim,
        mean=tuple(mean),
        std=tuple(std),
        objective="hscl",
        temperature=0.5,
        beta=1.0,
    )
    return encoder, config


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    encoder, config = make()
    save_checkpoint(tmp_path / "encoder.pt", encoder, config)
    return tmp_path / "encoder.pt"


@pytest.mark.parametrize("arch", ENCODERS)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 32)])
def test_outputs_have_their_shapes_and_are_raw(arch, channels, size):
    encoder, config = make(arch, channels, size)
    features, embedding = encoder(torch.rand(3, channels, size, size))
    assert features.shape == (3, config.feature_dim) and embedding.shape == (3, config.embedding_dim)
    assert not torch.allclose(embedding.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("arch", TORCHVISION_PARAMETERS)
def test_resnets_have_torchvisions_names_and_size_but_for_the_stem(arch):
    backbone = make(arch, 3, 32)[0].backbone
    keys = set(backbone.state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight"} <= keys
    assert {"layer2.0.downsample.1.num_batches_tracked", "layer4.1.bn2.bias"} <= keys
    assert ("layer1.0.downsample.0.weight" in keys) == (arch == "resnet50")
    stem = 64 * 3 * (7 * 7 - 3 * 3)  # torchvision's stem is 7 x 7
    assert sum(p.numel() for p in backbone.parameters()) == TORCHVISION_PARAMETERS[arch] - stem


def test_the_resnet_halves_the_image_three_times():
    backbone = make("resnet18", 3, 32)[0].backbone
    x, sizes = torch.rand(1, 3, 32, 32), []
    for stage in range(1, 5):
        backbone.get_submodule(f"layer{stage}").register_forward_hook(lambda m, i, out: sizes.append(out.shape[-1]))
    backbone(x)
    assert sizes == [32, 16, 8, 4]


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_the_head_is_the_authors(arch):
    head = make(arch, 3, 32)[0].head
    assert [type(layer).__name__ for layer in head] == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert head[0].bias is None and head[0].out_features == 512
    assert head[3].bias is not None and head[3].out_features == 128


def test_the_encoder_standardises_pixels():
    encoder, _ = make()
    images = torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(encoder(images)[0], encoder.backbone((images - 0.4) / 0.3))


@pytest.mark.parametrize("arch", ["convnet", "resnet18"])
def test_a_checkpoint_comes_back_as_it_went(arch, tmp_path):
    encoder, config = make(arch)
    save_checkpoint(tmp_path / "e.pt", encoder, config)
    back = load_encoder(tmp_path / "e.pt")
    assert back.config == config and back.path == tmp_path / "e.pt" and len(back.sha256) == 64
    assert not back.encoder.training
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(back.encoder(images)[1], encoder(images)[1])
    assert torch.load(tmp_path / "e.pt", weights_only=True)["config"]["arch"] == arch


def refusal(path: Path, arch: str | None = None) -> str:
    with pytest.raises(FileError) as caught:
        load_encoder(path, arch=arch)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    assert f"received '{tmp_path / 'none.pt'}'" in refusal(tmp_path / "none.pt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    assert "cannot be read as a complete torch file" in refusal(saved)


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "e.pt").write_text("not a checkpoint")
    assert "it begins with b'not ', as no file of torch.save does" in refusal(tmp_path / "e.pt")


class Evil:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, write):
    evil, path = {"state_dict": Evil(f"touch {tmp_path / 'harm'}")}, tmp_path / "e.pt"
    if write == "torch":
        torch.save(evil, path)
    else:
        path.write_bytes(pickle.dumps(evil, protocol=2))
    assert ("posix.system" if write == "torch" else "pickled objects, which are never loaded") in refusal(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": torch.ones(2)}, "is intact, and of no known code base: 1 weights, a"),
        ([1, 2], "holds a list, no weights by name"),
        (
            {"format": "boundcheck encoder 1", "config": {}, "state_dict": {"a": 1}},
            "is intact and holds format, config, state_dict",
        ),
    ],
)
def test_tensors_that_are_no_checkpoint_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "e.pt")
    assert message in refusal(tmp_path / "e.pt")


def test_a_configuration_with_other_fields_is_refused(saved):
    content = torch.load(saved, weights_only=True)
    del content["config"]["arch"]
    torch.save(content, saved)
    assert "differs in arch" in refusal(saved)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("arch", "resnet19", "expected one of convnet"),
        ("image_size", 0, "image_size: must be a positive integer"),
        ("mean", [0.1, 0.2], "must be 1 finite numbers each"),
        ("std", [0.0], "std positive"),
        ("mean", None, "not usable"),
    ],
)
def test_a_configuration_with_impossible_values_is_refused(saved, field, value, message):
    content = torch.load(saved, weights_only=True)
    content["config"][field] = value
    torch.save(content, saved)
    assert message in refusal(saved)


def test_a_wrong_architecture_names_the_first_keys(saved):
    message = refusal(saved, arch="resnet18")
    assert "first missing key: backbone.conv1.weight" in message
    assert "first unexpected key: backbone.blocks.0.0.weight" in message


def test_a_wrong_shape_is_named(saved):
    content = torch.load(saved, weights_only=True)
    content["state_dict"]["head.3.bias"] = torch.zeros(3)
    torch.save(content, saved)
    assert "'head.3.bias' must have shape (64,) for 'convnet', received (3,)" in refusal(saved)


def test_an_unknown_architecture_lists_the_known(saved):
    with pytest.raises(InputError, match="expected one of convnet, resnet18, resnet50, received 'resnet19'"):
        load_encoder(saved, arch="resnet19")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"channels": 2}, "in_channels: must be 1"), ({"size": 4}, "image_size: must be a whole number >= 8")],
)
def test_unsuitable_images_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        make(**change)


def test_an_unwritable_place_is_a_file_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    encoder, config = make()
    with pytest.raises(FileError):
        save_checkpoint(tmp_path / "file" / "e.pt", encoder, replace(config))


def test_a_full_disk_is_a_file_error_and_leaves_nothing(tmp_path):
    encoder, config = make()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(FileError, match="cannot be written"):
            save_checkpoint(tmp_path / "e.pt", encoder, config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_encoder_is_small_documented_and_good():
    path = shipped_checkpoint()
    checkpoint = load_encoder(path)
    config = checkpoint.config
    assert path.stat().st_size <= 1_000_000
    assert (config.objective, config.dataset, config.split) == ("hscl", "digits", "train")
    assert (config.temperature, config.beta, config.seed) == (0.5, 1.0, 0)
    assert config.command.startswith("boundcheck train --objective hscl --dataset digits")
    train, test = (extract(checkpoint, load_dataset("digits", part), views=1) for part in ("train", "test"))
    neighbours = KNeighborsClassifier(1).fit(train.z[:, 0], train.y)
    assert neighbours.score(test.z[:, 0], test.y) > 0.9
    assert np.isfinite(test.z).all()


def test_an_unsafe_file_gives_the_error_and_no_warning_before_it(tmp_path, recwarn):
    path = tmp_path / "encoder.pt"
    path.write_bytes(pickle.dumps({"a": 1}, protocol=4))
    with pytest.raises(FileError, match="cannot be read as a complete torch file"):
        load_encoder(path)
    assert not recwarn.list
