"""Luthra, Mishra, Galanti 2025: dropping same-class negatives turns the gradient by a bounded amount.

docs/theory.md, eq. (100).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from boundcheck.claims.base import Evidence, Finding, claim, without_uncertainty
from boundcheck.claims.requirements import EMPIRICAL_PRIOR, FEW, LABELS, SAMPLE, SELF_EXCLUDED, UNIT_NORM

SMALLEST = 1e-300  # the root of zero has no gradient
PRECISION = 1e-6  # relative, of a softmax of embeddings as they are


def most_same(same: int, other: int, temperature: float) -> float:
    """The largest share that `same` candidates may have of a softmax beside `other` ones, cosines in [-1, 1]."""
    return 1 / (1 + other / same * math.exp(-2 / temperature)) if same else 0.0


def largest_turn(same: int, other: int, temperature: float) -> float:
    """sqrt(2) pi / tau, pi the largest share of the anchor's class in the softmax over the negatives."""
    return math.sqrt(2) * most_same(same, other, temperature) / temperature


def turns(z: Tensor, y: Tensor, anchors: Tensor, temperature: float) -> Tensor:
    """(a,) |grad of log sum over all - grad of log sum over other classes|, in the similarities of each anchor.

    Args:
        z: (n, v, d) embeddings.
        y: (n,) class codes.
        anchors: (a,) of the n v views.
        temperature: tau.
    """
    n, v, _ = z.shape
    rows, label, instance = z.flatten(0, 1).double(), y.repeat_interleave(v), torch.arange(n).repeat_interleave(v)
    t = (rows[anchors] @ rows.T / temperature).masked_fill(instance[anchors][:, None] == instance, -torch.inf)
    same = label[anchors][:, None] == label
    apart = (t.softmax(1) - t.masked_fill(same, -torch.inf).softmax(1)).square().sum(1)
    return apart.clamp_min(SMALLEST).sqrt() / temperature


@claim(
    id="nscl_gradient",
    title="The gradients of the decoupled UCL and of NSCL differ by a bounded amount",
    statement=r"\left\|\nabla_s \log\sum_{\mathrm{all}} e^{s/\tau}"
    r" - \nabla_s \log\sum_{\mathrm{diff}} e^{s/\tau}\right\|_2 \leq \frac{\sqrt{2}}{\tau}"
    r" \frac{n_{\mathrm{same}}\, e^{2/\tau}}{n_{\mathrm{same}}\, e^{2/\tau} + n_{\mathrm{diff}}}",
    source="Luthra, Mishra, Galanti 2025 (arXiv 2510.08852), whose bound on the drift of two trainings rests on it;"
    " derived here, the paper's constant was not at hand",
    kind="exact",
    requirements=(SAMPLE, LABELS, UNIT_NORM, EMPIRICAL_PRIOR, SELF_EXCLUDED, FEW),
    unit="nats per cosine",
)
def nscl_gradient(evidence: Evidence) -> Iterator[Finding]:
    """p the softmax over all, pi its share of the class, q_b = p_b / (1 - pi) elsewhere: |p - q|^2 <= 2 pi^2."""
    emb, tau = evidence.losses.emb, evidence.losses.variant.temperature
    largest = int(emb.class_counts.max())
    bound = largest_turn((largest - 1) * emb.v, (emb.n - largest) * emb.v, tau)
    turn = turns(evidence.z, torch.from_numpy(emb.y), evidence.losses.table.anchors, tau)
    slack = bound - turn
    root = float(turn.square().mean().sqrt())
    yield Finding(
        None, None, None, root, bound, without_uncertainty(bound - root), slack, evidence.share(slack),
        note="lhs is the root mean square over anchors.", error=PRECISION * bound,
    )  # fmt: skip
