"""The mean classifier's error by its cross-entropy: what makes the bounds on the latter bounds on error.

docs/theory.md, eq. (74).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, above_one, claim
from boundcheck.claims.contrastive_bounds import mean_classifier_loss
from boundcheck.claims.requirements import LABELS, SAMPLE
from boundcheck.estimators.mean_classifier import anchor_labels, class_logits


def price() -> float:
    """The least cross-entropy of an anchor that is put to another class, nats: log 2."""
    return math.log(2)


@claim(
    id="mean_classifier_error",
    title="The mean classifier's error is at most its cross-entropy over log 2",
    statement=r"\operatorname{err}_{\mu} \leq L_{\mu} / \log 2",
    source="folklore: where another class has at least the logit of the own, softmax gives the own at most 1/2",
    kind="exact",
    requirements=(SAMPLE, LABELS),
)
def mean_classifier_error(evidence: Evidence) -> Iterator[Finding]:
    """Times log 2. Ties count as errors; the class means are those of the data, the anchor's own part in them too."""
    logits, label = class_logits(evidence.losses, evidence.z), anchor_labels(evidence.losses)[:, None]
    others = logits.scatter(1, label, -torch.inf).amax(1)
    wrong = (others >= logits.gather(1, label)[:, 0]).to(torch.float64) * price()
    slack = mean_classifier_loss(evidence) - wrong
    low, margin = evidence.mean(wrong).value, evidence.mean(slack)
    yield Finding(
        None,
        None,
        None,
        low,
        low + margin.value,
        margin,
        slack,
        evidence.share(slack),
        note="lhs is error x log 2.",
        vacuous=above_one(low + margin.value, price()),
    )
