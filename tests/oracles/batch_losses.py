"""The batch losses as literal loops over anchors, positives and negatives, transcribed from their papers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor


def neighbours(
    z: Tensor, y: Tensor, *, supervised_negatives: bool, positives: str, temperature: float
) -> Iterator[tuple[Tensor, list[Tensor], list[Tensor]]]:
    """For each view with a positive: itself, the views that are its negatives, the logits of its positives."""
    b, v, _ = z.shape
    for i in range(b):
        for u in range(v):
            negatives, partners = [], []
            for j in range(b):
                for w in range(v):
                    if (i, u) == (j, w):
                        continue
                    if (y[i] != y[j]) if supervised_negatives else (i != j):
                        negatives.append(z[j, w])
                    if (i == j) if positives == "augmentation" else (y[i] == y[j]):
                        partners.append(z[i, u] @ z[j, w] / temperature)
            if partners:
                yield z[i, u], negatives, partners


def tilted(logits: list[Tensor], beta: float, weight_gradient: bool) -> Tensor:
    """sum_b w_b e^{t_b} with w_b in proportion to e^{beta t_b}."""
    weights = [torch.exp(beta * t) for t in logits]
    if not weight_gradient:
        weights = [weight.detach() for weight in weights]
    return sum(w * torch.exp(t) for w, t in zip(weights, logits, strict=True)) / sum(weights)


def mean(terms: list[Tensor]) -> Tensor:
    return sum(terms) / len(terms)


def looped_loss(
    z: Tensor,
    y: Tensor,
    *,
    supervised_negatives: bool,
    positives: str,
    temperature: float,
    beta: float = 0.0,
    q: float | None = None,
    weight_gradient: bool = True,
) -> Tensor:
    """Mean over anchors, then over positives, of log(1 + Q sum_b w_b e^{t_ab} / e^{t_ap}); plain exponentials."""
    q = z.shape[1] * (len(z) - 1) if q is None else q
    pairs = {"supervised_negatives": supervised_negatives, "positives": positives, "temperature": temperature}
    per_anchor = []
    for anchor, negatives, partners in neighbours(z, y, **pairs):
        if negatives:
            g = tilted([anchor @ other / temperature for other in negatives], beta, weight_gradient)
            per_anchor.append(mean([torch.log(1 + q * g / torch.exp(t)) for t in partners]))
    return mean(per_anchor)


def looped_debiased(
    z: Tensor,
    y: Tensor,
    *,
    positives: str,
    temperature: float,
    tau_plus: float,
    beta: float = 0.0,
    q: float | None = None,
    weight_gradient: bool = True,
    hardest: int = 1,
    synthetic: int = 0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """DCL, HCL and SSCL: the tilted mean over negatives, real and synthetic, less that over positives, floored."""
    available = min(hardest, z.shape[1] * (len(z) - 1))
    q = z.shape[1] * (len(z) - 1) + synthetic if q is None else q
    anchors = list(neighbours(z, y, supervised_negatives=False, positives=positives, temperature=temperature))
    if synthetic:
        ranks = torch.randint(available, (2, len(anchors), synthetic), generator=generator)
        alpha = torch.rand(len(anchors), synthetic, 1, generator=generator, dtype=z.dtype)
    per_anchor = []
    for a, (anchor, negatives, partners) in enumerate(anchors):
        ordered = sorted(negatives, key=lambda other, anchor=anchor: -float((anchor @ other).detach()))
        for s in range(synthetic):
            mixed = alpha[a, s] * ordered[ranks[0, a, s]] + (1 - alpha[a, s]) * ordered[ranks[1, a, s]]
            negatives = [*negatives, (mixed / mixed.norm()).detach()]
        g = tilted([anchor @ other / temperature for other in negatives], beta, weight_gradient)
        g = (g - tau_plus * tilted(partners, beta, weight_gradient)) / (1 - tau_plus)
        g = g.clamp(min=math.exp(-1 / temperature))
        per_anchor.append(mean([torch.log(1 + q * g / torch.exp(t)) for t in partners]))
    return mean(per_anchor)


def looped_nscl(
    z: Tensor, y: Tensor, *, positives: str, temperature: float, decoupled: bool, q: float | None = None
) -> Tensor:
    """NSCL: the sum over views of other classes, or Q times their mean, with or without the positive beside it."""
    per_anchor = []
    for anchor, negatives, partners in neighbours(
        z, y, supervised_negatives=True, positives=positives, temperature=temperature
    ):
        if negatives:
            total = sum(torch.exp(anchor @ other / temperature) for other in negatives)
            if q is not None:
                total = q * total / len(negatives)
            per_anchor.append(mean([torch.log((0 if decoupled else 1) + total / torch.exp(t)) for t in partners]))
    return mean(per_anchor)


def looped_supcon(z: Tensor, y: Tensor, *, positives: str, temperature: float) -> Tensor:
    """SupCon's L_out: every other view in the denominator."""
    per_anchor = []
    views = [view for instance in z for view in instance]
    for anchor, _, partners in neighbours(
        z, y, supervised_negatives=False, positives=positives, temperature=temperature
    ):
        total = sum(torch.exp(anchor @ other / temperature) for other in views if not torch.equal(other, anchor))
        per_anchor.append(mean([-torch.log(torch.exp(t) / total) for t in partners]))
    return mean(per_anchor)


def looped_schane(
    z: Tensor,
    y: Tensor,
    *,
    positives: str,
    temperature: float,
    beta: float,
    contrast_weight: float,
    weight_gradient: bool = True,
    class_logits: Tensor | None = None,
) -> Tensor:
    """SCHaNe: positives and M_a times the tilted mean of negatives in the denominator, and cross-entropy."""
    per_anchor = []
    for anchor, negatives, partners in neighbours(
        z, y, supervised_negatives=True, positives=positives, temperature=temperature
    ):
        total = sum(torch.exp(t) for t in partners)
        if negatives:
            logits = [anchor @ other / temperature for other in negatives]
            total = total + len(negatives) * tilted(logits, beta, weight_gradient)
        per_anchor.append(mean([-torch.log(torch.exp(t) / total) for t in partners]))
    classes = sorted(set(y.tolist()))
    errors = []
    for i in range(len(z)):
        for u in range(z.shape[1]):
            if class_logits is None:
                means = [mean([view for j in range(len(z)) if y[j] == c for view in z[j]]) for c in classes]
                scores = torch.stack([z[i, u] @ centre / temperature for centre in means])
                target = classes.index(int(y[i]))
            else:
                scores, target = class_logits[i, u], int(y[i])
            errors.append(-torch.log(torch.exp(scores[target]) / torch.exp(scores).sum()))
    return (1 - contrast_weight) * mean(errors) + contrast_weight * mean(per_anchor)


def looped_options(
    z: Tensor,
    y: Tensor,
    *,
    supervised_negatives: bool,
    positives: str,
    temperature: float,
    q: float,
    beta: float = 0.0,
    average: str = "anchors",
    keep_anchor: bool = False,
    drawn: int = 0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The options of the code of Jiang 2022 and 2024: all pairs alike, the anchor in its own pools, drawn negatives.

    Draws are one call of torch.multinomial for all anchors, `drawn` in a row for each of an anchor's positives.
    """
    b, v, _ = z.shape
    views = [(i, u) for i in range(b) for u in range(v)]
    rows = []  # per anchor: logits of all views, who is a negative, who is a positive
    for i, u in views:
        logits = [z[i, u] @ z[j, w] / temperature for j, w in views]
        negative = [y[i] != y[j] if supervised_negatives else (keep_anchor or i != j) for j, _ in views]
        positive = [
            (i == j if positives == "augmentation" else bool(y[i] == y[j])) and (keep_anchor or (i, u) != (j, w))
            for j, w in views
        ]
        if any(negative) and any(positive):
            rows.append((logits, negative, positive))
    weights = [[torch.exp(beta * t) if n else 0 * t for t, n in zip(ts, ns, strict=True)] for ts, ns, _ in rows]
    if drawn:
        most = max(sum(positive) for *_, positive in rows)
        chances = torch.stack([torch.stack(row) / sum(row) for row in weights]).detach()
        seed = torch.randint(2**62, (), generator=generator)
        own = torch.Generator().manual_seed(int(seed))
        index = torch.multinomial(chances, most * drawn, replacement=True, generator=own)
    per_anchor = []
    for a, (logits, negative, positive) in enumerate(rows):
        terms = []
        for p in (place for place, is_one in enumerate(positive) if is_one):
            if drawn:
                mine = index[a, len(terms) * drawn : (len(terms) + 1) * drawn]
                g = mean([torch.exp(logits[int(k)]) for k in mine])
                assert all(negative[int(k)] for k in mine)
            else:
                fixed = [float(weight.detach()) for weight in weights[a]]
                g = sum(w * torch.exp(t) for w, t in zip(fixed, logits, strict=True)) / sum(fixed)
            terms.append(torch.log(1 + q * g / torch.exp(logits[p])))
        per_anchor.append(terms)
    if average == "pairs":
        return mean([term for terms in per_anchor for term in terms])
    return mean([mean(terms) for terms in per_anchor])


def authors_hscl(out_1: Tensor, out_2: Tensor, label: Tensor, beta: float, temperature: float) -> Tensor:
    """H-SCL as the authors of Jiang 2022 compute it: a mean over all (anchor, positive) pairs, Q = 2 b - 2."""
    out = torch.cat([out_1, out_2])
    label = torch.cat([label, label])
    n = len(label)
    terms = []
    for a in range(n):
        others = [k for k in range(n) if label[k] != label[a]]
        similarity = torch.stack([torch.exp(out[a] @ out[k] / temperature) for k in others])
        importance = similarity**beta
        negative = (importance * similarity).sum() / importance.sum()
        for p in range(n):
            if p != a and label[p] == label[a]:
                positive = torch.exp(out[a] @ out[p] / temperature)
                terms.append(-torch.log(positive / (positive + (n - 2) * negative)))
    return torch.stack(terms).mean()


def authors_hcl(out_1: Tensor, out_2: Tensor, beta: float, temperature: float, tau_plus: float = 0.0) -> Tensor:
    """HCL as the authors of Robinson et al. 2021 compute it, with their clamp; H-UCL at tau_plus = 0."""
    out = torch.cat([out_1, out_2])
    b, n = len(out_1), 2 * len(out_1)
    terms = []
    for a in range(n):
        others = [k for k in range(n) if k % b != a % b]
        similarity = torch.stack([torch.exp(out[a] @ out[k] / temperature) for k in others])
        importance = (beta * similarity.log()).exp()
        reweighted = (importance * similarity).sum() / importance.mean()
        positive = torch.exp(out[a] @ out[(a + b) % n] / temperature)
        reweighted = (reweighted - tau_plus * (n - 2) * positive) / (1 - tau_plus)
        reweighted = reweighted.clamp(min=(n - 2) * math.exp(-1 / temperature))
        terms.append(-torch.log(positive / (positive + reweighted)))
    return torch.stack(terms).mean()
