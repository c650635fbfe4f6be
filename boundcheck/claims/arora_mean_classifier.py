"""One negative bounds the mean classifier: Arora et al. 2019, Lemma 4.3.

docs/theory.md, eq. (37).
"""

from __future__ import annotations

from collections.abc import Iterator

from torch.nn.functional import softplus

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import QUADRATURE
from boundcheck.claims.requirements import CLASS_POSITIVES, LIMIT, MODERATE_LOGITS, SAMPLE, SELF_INCLUDED
from boundcheck.estimators.mean_classifier import anchor_labels, class_logits, class_prior


@claim(
    id="arora_mean_classifier",
    title="The loss with one negative is at least that of the mean classifier",
    statement=r"L_{\mathrm{un}}^{(1)} \geq (1 - c)\, L_{\sup}^{\mu} + c \log 2",
    source="Arora, Khandeparkar, Khodak, Plevrakis, Saunshi 2019 (arXiv 1902.09229), Lemma 4.3, logistic loss",
    kind="exact",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, SELF_INCLUDED, CLASS_POSITIVES),
)
def arora_mean_classifier(evidence: Evidence) -> Iterator[Finding]:
    """Jensen over positive and negative: each meets the anchor through its class mean.

    c is the probability that two draws share a class; L_sup^mu the binary logistic loss of the mean classifier against
    a class drawn from the prior, given that it is another one.
    """
    losses = evidence.losses
    logits, label = class_logits(losses, evidence.z), anchor_labels(losses)
    own = logits.gather(1, label[:, None])
    lhs = softplus(logits - own) @ class_prior(losses)  # the anchor's own class gives log 2
    slack = evidence.summed((1,))[:, 0] - lhs
    low = losses.average(lhs).value
    gap = losses.average(slack)
    yield Finding(None, None, 1.0, low, low + gap.value, gap, slack, evidence.share(slack), error=QUADRATURE)
