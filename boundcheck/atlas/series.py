"""Time series that come with aeon: as they are, and by random convolutions."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch.nn.functional import conv1d

from boundcheck.atlas.entry import Entry, Making, rows_of
from boundcheck.atlas.packages import AEON, data_file
from boundcheck.embeddings import EmbeddingSet

SERIES = ("JapaneseVowels", "ItalyPowerDemand", "OSULeaf")
STEPS = 24  # of a series that is stretched to the length of all others
KERNELS, WIDTH, DILATIONS = 128, 9, (1, 2, 4)


def read(data: str) -> tuple[list[np.ndarray], list[str]]:
    """Series (channels, steps), of training and test part, and their labels."""
    series, labels = [], []
    for part in ("TRAIN", "TEST"):
        path = data_file(AEON, f"aeon/datasets/data/{data}/{data}_{part}.ts")
        body = path.read_text(encoding="utf-8").partition("@data")[2]
        for line in filter(None, map(str.strip, body.splitlines())):
            *channels, label = line.split(":")
            series.append(np.array([[float(step) for step in channel.split(",")] for channel in channels]))
            labels.append(label)
    return series, labels


def values(data: str, making: Making) -> EmbeddingSet:
    """All values in a row; series of different lengths are stretched to 24 steps."""
    series, labels = read(data)
    if len({x.shape[1] for x in series}) > 1:
        series = [_stretched(x) for x in series]
    chosen = making.drawn(len(series))
    z = np.stack([series[i].ravel() for i in chosen])
    return rows_of(z, [labels[i] for i in chosen], f"{data}, training and test part")


def _stretched(x: np.ndarray) -> np.ndarray:
    at, steps = np.linspace(0, x.shape[1] - 1, STEPS), np.arange(x.shape[1])
    return np.stack([np.interp(at, steps, channel) for channel in x])


def convolutions(data: str, making: Making) -> EmbeddingSet:
    """How often each of 384 random convolutions is positive (Dempster et al. 2020, ROCKET), less its mean over all."""
    series, labels = read(data)
    generator = torch.Generator().manual_seed(making.seed)
    channels = series[0].shape[0]
    weights = torch.randn(len(DILATIONS), KERNELS, channels, WIDTH, generator=generator)
    weights -= weights.mean(dim=3, keepdim=True)
    shifts = 2 * torch.rand(len(DILATIONS), KERNELS, generator=generator) - 1
    chosen = making.drawn(len(series))
    z = torch.stack([_positive(torch.from_numpy(series[i]).float(), weights, shifts) for i in chosen])
    return rows_of((z - z.mean(dim=0)).numpy(), [labels[i] for i in chosen], f"{data}, training and test part")


def _positive(x: torch.Tensor, weights: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """(dilations * kernels,) shares of the steps at which a convolution is positive."""
    found = [
        (conv1d(x[None], w, b, padding=d * (WIDTH // 2), dilation=d) > 0).float().mean(dim=2)[0]
        for w, b, d in zip(weights, shifts, DILATIONS, strict=True)
    ]
    return torch.cat(found)


ENTRIES = tuple(
    Entry(data, "series", encoder, (AEON,), partial(make, data))
    for data in SERIES
    for encoder, make in (("values", values), ("random convolutions", convolutions))
)
