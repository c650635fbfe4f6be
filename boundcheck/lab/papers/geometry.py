"""The geometry of class means: how far representations are from neural collapse, how near to dimensional collapse.

Jiang 2024 (arXiv 2311.05139): the losses are least where the classes are C points of norm 1 with mean zero and
pairwise inner products -1/(C-1), an equiangular tight frame. The measures are zero there, and there only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from boundcheck.errors import InputError


@dataclass(frozen=True, eq=False)
class Geometry:
    """Distances from neural collapse, and the spectra that show dimensional collapse.

    Attributes:
        zero_sum: norm of the mean of the class means.
        unit_norm: mean over classes of | |mu_c| - 1 |.
        equal_inner_product: mean over pairs of classes of | <mu_c, mu_c'> + 1/(C-1) |.
        equal_cosine: the same of the cosines of the class means, as in the authors' notebook.
        within_class: mean over classes of the mean distance of an instance to its class mean.
        dimensions: how many directions the class means vary in, (sum lambda)^2 / sum lambda^2 over the eigenvalues
            lambda of their covariance; C - 1 for a frame.
        singular_values: of the matrix of class means, descending, divided by the largest; a frame has C - 1 ones.
        covariance_values: eigenvalues of the covariance of the class means, likewise (the authors' spectrum): what is
            common to all classes is out of it.
    """

    zero_sum: float
    unit_norm: float
    equal_inner_product: float
    equal_cosine: float
    within_class: float
    dimensions: float
    singular_values: Float[np.ndarray, " k"]
    covariance_values: Float[np.ndarray, " k"]


def class_means(z: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"]) -> Float[np.ndarray, "c d"]:
    """Mean embedding of every class, in float64.

    Args:
        z: embeddings.
        y: class codes 0 to c - 1, each of which occurs.

    Raises:
        InputError: there are fewer than two classes, or one is empty.
    """
    counts = np.bincount(y)
    if len(counts) < 2 or not counts.all():
        raise InputError(f"y: needs two classes or more and an instance in each, received counts {counts.tolist()}")
    sums = np.zeros((len(counts), z.shape[1]))
    np.add.at(sums, y, z.astype(np.float64))
    return sums / counts[:, None]


def geometry(z: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"]) -> Geometry:
    """The measures of one set of embeddings.

    Each is a mean (over classes, or over pairs of classes), so that data sets with different numbers of classes can
    be compared.

    Args:
        z: embeddings, normalised as the loss normalises them.
        y: class codes.

    Returns:
        The measures, in units of the embedding.
    """
    means = class_means(z, y)
    c = len(means)
    apart = ~np.eye(c, dtype=bool)
    pairs = (means @ means.T)[apart]
    norms = np.linalg.norm(means, axis=1).clip(np.finfo(float).tiny)
    cosines = pairs / np.outer(norms, norms)[apart]
    distance = np.linalg.norm(z - means[y], axis=1)
    values = np.linalg.svd(means, compute_uv=False)
    spread = np.linalg.svd(means - means.mean(axis=0), compute_uv=False) ** 2
    tiny = np.finfo(float).tiny
    return Geometry(
        zero_sum=float(np.linalg.norm(means.mean(axis=0))),
        unit_norm=float(np.abs(np.linalg.norm(means, axis=1) - 1).mean()),
        equal_inner_product=float(np.abs(pairs + 1 / (c - 1)).mean()),
        equal_cosine=float(np.abs(cosines + 1 / (c - 1)).mean()),
        within_class=float((np.bincount(y, distance) / np.bincount(y)).mean()),
        dimensions=float(spread.sum() ** 2 / max(np.square(spread).sum(), tiny)),
        singular_values=values / max(values[0], tiny),
        covariance_values=spread / max(spread[0], tiny),
    )
