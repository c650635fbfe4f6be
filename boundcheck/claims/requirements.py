"""Requirements on the input that several claims share, each with what would meet it."""

from __future__ import annotations

import math

from boundcheck.claims.base import Requirement
from boundcheck.estimators.quadrature import LARGEST_LOGIT, largest_logit
from boundcheck.estimators.records import LossTable

FEW_INSTANCES = 256


def _norm(losses: LossTable) -> str | None:
    return None if losses.emb.unit_norm else "needs unit-norm embeddings: normalise them (the default)"


def _balance(losses: LossTable) -> str | None:
    if losses.variant.class_prior == "balanced" or len(set(losses.emb.class_counts.tolist())) == 1:
        return None
    return "needs balanced classes: the class counts differ; use class_prior='balanced'"


def _empirical(losses: LossTable) -> str | None:
    if losses.variant.class_prior == "empirical":
        return None
    return "is about unweighted sums over views: use class_prior='empirical'"


def _leave_self_out(losses: LossTable) -> str | None:
    if losses.variant.self_pairs == "exclude":
        return None
    return "is about pools without the anchor's own instance: use self_pairs='exclude'"


def _self_included(losses: LossTable) -> str | None:
    if losses.variant.self_pairs == "include":
        return None
    return (
        "is about data taken as the population, where positives and negatives are drawn alike: use self_pairs='include'"
    )


def _class_positives(losses: LossTable) -> str | None:
    if losses.variant.positives == "class":
        return None
    return "is about positives drawn from the anchor's class: use positives='class'"


def _every_anchor(losses: LossTable) -> str | None:
    total = losses.emb.n * losses.emb.v
    if len(losses.table.anchors) < total:
        return "is about the average over every anchor: use all anchors"
    if (without := total - losses.anchors_used(losses.keys[0])) > 0:
        return f"is about the average over every anchor: {without} have no positive; use positives='augmentation'"
    return None


def _sample(losses: LossTable) -> str | None:
    if losses.estimator != "closed":
        return None
    return "has no closed form: take embeddings, population.sample()"


def _labels(losses: LossTable) -> str | None:
    if not losses.emb.labelled:
        return "is about classes, and the data have no labels: add y"
    return None if losses.emb.c > 1 else "is about several classes: the data have one"


def _limit(losses: LossTable) -> str | None:
    return None if losses.k is None else f"is about infinitely many negatives, received k = {losses.k}"


def _moderate_logits(losses: LossTable) -> str | None:
    if (size := largest_logit(losses)) <= LARGEST_LOGIT:
        return None
    return (
        f"is about finitely many negatives, computed at logits up to {LARGEST_LOGIT:.0f}, received {size:.3g}: "
        "normalise the embeddings or raise the temperature"
    )


def _one_view(losses: LossTable) -> str | None:
    return None if losses.emb.v == 1 else f"is about one view of each instance, received {losses.emb.v}; keep one"


def _finite_q(losses: LossTable) -> str | None:
    return "is about a finite Q: add q=1" if all(math.isinf(q) for q in losses.variant.q) else None


def _non_negative(losses: LossTable) -> str | None:
    least = float(losses.emb.z.min())
    return (
        None if least >= -1e-6 else f"is about non-negative embeddings, as after a ReLU: the least entry is {least:.3g}"
    )


def _few(losses: LossTable) -> str | None:
    return None if losses.emb.n <= FEW_INSTANCES else f"compares all pairs of pairs: at most {FEW_INSTANCES} instances"


def _augmentation(losses: LossTable) -> str | None:
    if losses.variant.positives == "augmentation":
        return None
    if losses.emb.v == 1:
        return "is about views of the same instance: the data have one of each"
    return "is about views of the same instance: use positives='augmentation'"


LABELS = Requirement("labels of two or more classes", _labels)
UNIT_NORM = Requirement("unit-norm embeddings", _norm)
BALANCED = Requirement("balanced classes, or the balanced class prior", _balance, {"class_prior": "balanced"})
EMPIRICAL_PRIOR = Requirement("the empirical class prior", _empirical, {"class_prior": "empirical"})
SELF_EXCLUDED = Requirement("pools without the anchor's own instance", _leave_self_out, {"self_pairs": "exclude"})
# Of a population classes are as likely as each other, unless the run itself takes the data for one.
SELF_INCLUDED = Requirement("self pairs included", _self_included, {"self_pairs": "include", "class_prior": "balanced"})
CLASS_POSITIVES = Requirement("class positives", _class_positives, {"positives": "class"})
EVERY_ANCHOR = Requirement("all anchors, each with a positive", _every_anchor)
SAMPLE = Requirement("embeddings, not closed forms", _sample)
LIMIT = Requirement("the large-negative limit", _limit)
MODERATE_LOGITS = Requirement("logits that losses at finite k can be computed at", _moderate_logits)
ONE_VIEW = Requirement("one view of each instance", _one_view, {"views": 1})
AUGMENTATION = Requirement("augmentation positives", _augmentation, {"positives": "augmentation"})
NON_NEGATIVE = Requirement("non-negative embeddings", _non_negative)
FEW = Requirement("few instances", _few, {"instances": FEW_INSTANCES})
FINITE_Q = Requirement("a finite Q", _finite_q, {"q": (1.0,)})
