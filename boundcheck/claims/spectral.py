"""Two second moments bound rank and error: the spectral contrastive loss on the graph of the classes.

docs/theory.md, eq. (85) and eq. (86).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from boundcheck.claims.base import Evidence, Finding, above_one, claim, of_the_whole
from boundcheck.claims.requirements import LABELS, SAMPLE
from boundcheck.claims.statistics import OF_CLASS, some_instances
from boundcheck.estimators.mean_classifier import means_of

WORK = 5e9  # products of entries: what is true of every finite set is looked at on some of very many
AT_A_TIME = 1 << 12  # rows in float64, which stay in a cache
ROUNDING = 1e-20  # of the squared norm: variance that float64 leaves of points that are one
SOURCE = (
    "after HaoChen, Wei, Gaidon, Ma 2021 (arXiv 2106.04156), the spectral loss and the eigenvalues of the augmentation"
    " graph; derived here for the graph whose positives are all pairs of a class: {}"
)
NOTE = "Of these data as they are, classes alike."
PRECISION = 1e-9  # of what is computed in float64 of the embeddings as they are, relative


def looked_at(evidence: Evidence) -> tuple[Tensor, Tensor, Tensor, str]:
    """Embeddings (n, v, d), codes (n,) and class means (c, d) of the instances, or of some of very many, and a note."""
    emb, z, y = evidence.losses.emb, evidence.z, evidence.losses.emb.y
    most, note = max(int(WORK / (emb.v * emb.c * emb.d)), OF_CLASS * emb.c), NOTE
    if emb.n > most:
        chosen = some_instances(y, most)
        z, y, note = z[chosen], y[chosen], f"{NOTE} Of {most:,} of them, each class in proportion."
    kept, codes = np.unique(y, return_inverse=True)
    label = torch.from_numpy(codes)
    return z, label, means_of(z, label, len(kept)), note


def moments(z: Tensor, y: Tensor, means: Tensor, centred: bool) -> tuple[float, float]:
    """E <f, f+> over pairs of a class and E <f, f'>^2 over all pairs, classes counting alike.

    Args:
        z: (n, v, d) embeddings.
        y: (n,) class codes.
        means: (c, d) of the classes.
        centred: whether the mean of the class means is taken off.
    """
    middle = means.mean(0) if centred else torch.zeros_like(means[0])
    weight = (1 / (len(means) * torch.bincount(y) * z.shape[1]))[y]
    second = means.new_zeros(means.shape[1], means.shape[1])
    for part, w in zip(torch.split(z, AT_A_TIME), torch.split(weight, AT_A_TIME), strict=True):
        rows = (part.to(torch.float64) - middle) * w.sqrt()[:, None, None]
        flat = rows.flatten(0, 1)
        second = second + flat.T @ flat
    return float((means - middle).square().sum(1).mean()), float(second.square().sum())


def most_rank(classes: int, d: int) -> int:
    """min(d, C)."""
    return min(d, classes)


def error_bound(between: float, total: float, classes: int) -> float:
    """(2/C)(C - 1 - (E <f, f+>)^2 / E <f, f'>^2) of centred embeddings, a share."""
    explained = between**2 / total if total > 0 else 0.0
    return 2 / classes * (classes - 1 - explained)


def mean_error(z: Tensor, y: Tensor, means: Tensor) -> float:
    """Error of the largest <f - m, mu_c - m>, m the mean of the class means; classes alike, ties are errors."""
    middle = means.mean(0)
    share = torch.zeros(len(means), dtype=torch.float64)
    for part, label in zip(torch.split(z, AT_A_TIME), torch.split(y, AT_A_TIME), strict=True):
        score = (part.to(torch.float64) - middle) @ (means - middle).T  # (k, v, c)
        at = label[:, None, None].expand(-1, part.shape[1], 1)
        own = score.gather(2, at)
        wrong = (score.scatter(2, at, -torch.inf).amax(2, keepdim=True) >= own).to(torch.float64)
        share = share.index_add(0, label, wrong.mean((1, 2)))
    return float((share / torch.bincount(y)).mean())


@claim(
    id="spectral_rank",
    title="The spectral loss is at least minus the number of classes, or of dimensions",
    statement=r"(\mathrm{E}\langle f, f^+\rangle)^2 \leq \min(d, C)\; \mathrm{E}\langle f, f'\rangle^2",
    source=SOURCE.format("C eigenvalues 1, the others 0; at the scale of f that makes the loss least"),
    kind="exact",
    requirements=(SAMPLE, LABELS),
    unit="squared cosines",
)
def spectral_rank(evidence: Evidence) -> Iterator[Finding]:
    """-2 E <f, f+> + E <f, f'>^2 = |A - F F^T|^2 - |A|^2: the best F F^T of rank d leaves C - min(d, C) of C."""
    z, y, means, note = looked_at(evidence)
    between, total = moments(z, y, means, centred=False)
    high = most_rank(*means.shape) * total
    yield of_the_whole(evidence, between**2, high, PRECISION * high, note)


@claim(
    id="spectral_error",
    title="The variance between classes over the total, in the spectral norm of the loss, bounds the error",
    statement=r"\operatorname{err} \leq \frac2C\left(C - 1 - \frac{(\operatorname{tr} S_B)^2}{\|S_T\|_F^2}\right)",
    source=SOURCE.format("|A - F F^T|^2 bounds how far <f, mu_c> is from the indicator of the class"),
    kind="exact",
    requirements=(SAMPLE, LABELS),
    unit="share",
)
def spectral_error(evidence: Evidence) -> Iterator[Finding]:
    """With Y the normalised indicators, |F F^T Y - Y|^2 <= |A - F F^T|^2, and an error costs C/2.

    Centred, A loses its constant eigenvector. The classifier takes the largest <f - m, mu_c - m>; 0 at the simplex.
    """
    z, y, means, note = looked_at(evidence)
    between, total = moments(z, y, means, centred=True)
    if between < ROUNDING * float(z.detach().square().sum(2).mean()):
        between = 0.0  # one point: what is left of it is rounding, which explains nothing
    error, bound = mean_error(z, y, means), error_bound(between, total, len(means))
    yield of_the_whole(evidence, error, bound, PRECISION, note, above_one(bound))
