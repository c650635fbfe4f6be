"""Two second moments bound rank and error: the spectral contrastive loss on the graph of the classes.

docs/theory.md, eq. (85) and eq. (86).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, above_one, claim, of_the_whole
from boundcheck.claims.requirements import LABELS, SAMPLE

AT_A_TIME = 1 << 15  # rows in float64
ROUNDING = 1e-20  # of the squared norm: variance that float64 leaves of points that are one
SOURCE = (
    "after HaoChen, Wei, Gaidon, Ma 2021 (arXiv 2106.04156), the spectral loss and the eigenvalues of the augmentation"
    " graph; derived here for the graph whose positives are all pairs of a class: {}"
)
NOTE = "Of these data as they are, classes alike."
PRECISION = 1e-9  # of what is computed in float64 of the embeddings as they are, relative


def moments(evidence: Evidence, centred: bool) -> tuple[float, float]:
    """E <f, f+> over pairs of a class and E <f, f'>^2 over all pairs, classes counting alike.

    Args:
        evidence: embeddings and labels.
        centred: whether the mean of the class means is taken off.
    """
    means = evidence.class_means()
    middle = means.mean(0) if centred else torch.zeros_like(means[0])
    counts = torch.from_numpy(evidence.losses.emb.class_counts)
    weight = (1 / (len(means) * counts * evidence.z.shape[1]))[torch.from_numpy(evidence.losses.emb.y)]
    second = means.new_zeros(means.shape[1], means.shape[1])
    for z, w in zip(torch.split(evidence.z, AT_A_TIME), torch.split(weight, AT_A_TIME), strict=True):
        rows = (z.to(torch.float64) - middle) * w.sqrt()[:, None, None]
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


def mean_error(evidence: Evidence) -> float:
    """Error of the largest <f - m, mu_c - m>, m the mean of the class means; classes alike, ties are errors."""
    means, y = evidence.class_means(), torch.from_numpy(evidence.losses.emb.y)
    middle = means.mean(0)
    share = torch.zeros(len(means), dtype=torch.float64)
    for z, label in zip(torch.split(evidence.z, AT_A_TIME), torch.split(y, AT_A_TIME), strict=True):
        score = (z.to(torch.float64) - middle) @ (means - middle).T  # (k, v, c)
        at = label[:, None, None].expand(-1, z.shape[1], 1)
        own = score.gather(2, at)
        wrong = (score.scatter(2, at, -torch.inf).amax(2, keepdim=True) >= own).to(torch.float64)
        share = share.index_add(0, label, wrong.mean((1, 2)))
    return float((share / torch.from_numpy(evidence.losses.emb.class_counts)).mean())


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
    between, total = moments(evidence, centred=False)
    high = most_rank(evidence.losses.emb.c, evidence.losses.emb.d) * total
    yield of_the_whole(evidence, between**2, high, PRECISION * high, NOTE)


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
    between, total = moments(evidence, centred=True)
    if between < ROUNDING * float(evidence.z.detach().square().sum(2).mean()):
        between = 0.0  # one point: what is left of it is rounding, which explains nothing
    error, bound = mean_error(evidence), error_bound(between, total, evidence.losses.emb.c)
    yield of_the_whole(evidence, error, bound, PRECISION, NOTE, above_one(bound))
