"""What the batch losses share: who is paired with whom, tilted means over pairs, and the formula, in log form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ._rules import check_all, check_average, check_drawn, check_positives

Negatives = Literal["all", "other_class"]


@dataclass(frozen=True)
class Pairs:
    """Logits of anchors against every view of the batch.

    Attributes:
        views: every view of the batch; the first m of the b candidates.
        anchors: the views that serve as anchors.
        logits: t = <z_a, z_b> / temperature.
        negative, positive: which pairs count as such.
    """

    views: Float[Tensor, "m d"]
    anchors: Float[Tensor, "a d"]
    logits: Float[Tensor, "a b"]
    negative: Bool[Tensor, "a b"]
    positive: Bool[Tensor, "a b"]

    def keep(self, kept: Bool[Tensor, " a"]) -> Pairs:
        """The pairs of some of the anchors."""
        if kept.all():
            return self
        return Pairs(self.views, self.anchors[kept], self.logits[kept], self.negative[kept], self.positive[kept])

    def with_negatives(self, logits: Float[Tensor, "a s"]) -> Pairs:
        """The pairs with s more negatives for each anchor, given by their logits."""
        more = torch.ones_like(logits, dtype=torch.bool)
        return Pairs(
            self.views,
            self.anchors,
            torch.cat([self.logits, logits], dim=1),
            torch.cat([self.negative, more], dim=1),
            torch.cat([self.positive, ~more], dim=1),
        )

    def average(self, terms: Float[Tensor, "a b"], over: str = "anchors") -> Float[Tensor, ""]:
        """Mean over anchors of the mean over their positives, or over all pairs; zero, with a gradient, without any."""
        if not len(terms):
            return 0 * self.views.sum()
        if over == "pairs":
            return terms[self.positive].mean()
        return (terms.masked_fill(~self.positive, 0).sum(dim=1) / self.positive.sum(dim=1)).mean()


def form_pairs(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    negatives: Negatives,
    positives: str,
    temperature: float,
    keep_anchor: bool = False,
) -> Pairs:
    """All pairs of views of a batch, for the anchors that have a positive.

    Args:
        z: embeddings of b instances in v views.
        y: labels.
        negatives: views of `all` other instances, or of those of `other_class` only.
        positives: the anchor's other views (`augmentation`) or every other view of its class (`class`).
        temperature: logits are t = <z_a, z_b> / temperature.
        keep_anchor: whether the anchor is its own positive, and with negatives `all` every view of the batch, the
            anchor included, a negative.
    """
    check_positives(positives, z.shape[1] + keep_anchor)
    check_all(temperature=temperature)
    b, v, _ = z.shape
    views = z.flatten(0, 1)  # (b v, d)
    instance = torch.arange(b, device=z.device).repeat_interleave(v)
    label = y.repeat_interleave(v)
    same_instance = instance[:, None] == instance
    same_class = label[:, None] == label
    negative = ~(same_instance if negatives == "all" else same_class)
    positive = (same_instance if positives == "augmentation" else same_class).clone()
    if not keep_anchor:
        positive.fill_diagonal_(False)
    elif negatives == "all":
        negative = torch.ones_like(negative)
    pairs = Pairs(views, views, views @ views.T / temperature, negative, positive)
    return pairs.keep(positive.any(dim=1))


def log_weights(
    logits: Float[Tensor, "a b"], among: Bool[Tensor, "a b"], beta: float, gradient: bool
) -> Float[Tensor, "a b"]:
    """Logs of weights proportional to e^{beta t} that sum to one over the pairs of each row; -inf elsewhere.

    A row without pairs gets finite values, which the caller masks: they keep NaN out of its gradient.
    """
    tilt = (beta * logits).masked_fill(~among, -torch.inf).masked_fill(~among.any(dim=1, keepdim=True), 0)
    weights = tilt.log_softmax(dim=1)
    return weights if gradient else weights.detach()


def tilted_mean(
    logits: Float[Tensor, "a b"], among: Bool[Tensor, "a b"], beta: float, gradient: bool
) -> Float[Tensor, "a 1"]:
    """rho = log sum_b w_b e^{t_ab}, with w_b proportional to e^{beta t_ab}, over the pairs of each row."""
    return torch.logsumexp(logits + log_weights(logits, among, beta, gradient), dim=1, keepdim=True)


def drawn_mean(pairs: Pairs, beta: float, number: int, generator: torch.Generator | None) -> Float[Tensor, "a b"]:
    """log of the mean of e^t over `number` negatives drawn anew for each positive; of no meaning elsewhere.

    Negatives are drawn with replacement, in proportion to e^{beta t}; no gradient goes through the draw.
    """
    most = int(pairs.positive.sum(dim=1).max()) if len(pairs.anchors) else 0
    if not most:
        return torch.zeros_like(pairs.logits)
    chances = log_weights(pairs.logits, pairs.negative, beta, gradient=False).exp()
    own = None
    if generator is not None:  # one on the device of the logits, which follows from the one given
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        own = torch.Generator(pairs.logits.device).manual_seed(int(seed))
    index = torch.multinomial(chances, most * number, replacement=True, generator=own)  # (a, most * number)
    drawn = pairs.logits.gather(1, index).view(-1, most, number)
    means = drawn.logsumexp(dim=2) - math.log(number)
    place: Tensor = (pairs.positive.cumsum(dim=1) - 1).clamp(0, most - 1)  # of each positive among its anchor's
    return means.gather(1, place)


def debiased(
    rho: Float[Tensor, "a 1"], rho_positive: Float[Tensor, "a 1"], tau_plus: float, floor: float
) -> Float[Tensor, "a 1"]:
    """log max((e^rho - tau_plus e^rho_positive) / (1 - tau_plus), e^floor): no gradient where the floor binds."""
    gap = rho_positive - rho + math.log(tau_plus)
    positive = gap < 0
    left = torch.log(-torch.expm1(torch.where(positive, gap, -1.0)))  # log(1 - e^gap); -1 keeps NaN out of gradients
    value = rho + left - math.log1p(-tau_plus)
    return torch.where(positive & (value > floor), value, floor)


def softplus(x: Float[Tensor, "a b"]) -> Float[Tensor, "a b"]:
    """log(1 + e^x) to full precision for every x (torch's own turns linear above 20)."""
    return -F.logsigmoid(-x)


def contrast(
    pairs: Pairs,
    *,
    temperature: float,
    beta: float,
    q: float,
    weight_gradient: bool,
    tau_plus: float = 0.0,
    average: str = "anchors",
    drawn: int = 0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Mean over anchors of the mean over positives p of log(1 + Q g e^{-t_ap}), g = e^rho or its debiased form.

    rho = log sum_b w_b e^{t_ab} over the negatives b, with weights w_b proportional to e^{beta t_ab} that sum
    to one: the tilted mean of Jiang 2022 with the batch as the population, `reweight_neg / N` in
    the code of Robinson et al. 2021 and `neg_exp_sum` in that of Jiang 2022. With tau_plus > 0 the same mean over
    the positives is taken out: g = max((e^rho - tau_plus e^rho_positive) / (1 - tau_plus), e^{-1/temperature}).

    Args:
        pairs: who is paired with whom.
        temperature: of the logits.
        beta: hardness of the tilt; 0 for plain means.
        q: Q.
        weight_gradient: whether gradients go through the weights w_b.
        tau_plus: prior of the anchor's class.
        average: over positives and then over `anchors`, or over all `pairs` of an anchor and a positive at once.
        drawn: negatives drawn for each positive, whose plain mean then takes the place of the weighted one; 0 for none.
        generator: of the draws; None for torch's own.

    Returns:
        The loss, nats. An anchor without a negative is left out; with none left, zero.
    """
    check_all(beta=beta, tau_plus=tau_plus, drawn=drawn)
    check_average(average)
    check_drawn(drawn, weight_gradient)
    pairs = pairs.keep(pairs.negative.any(dim=1))
    if drawn:
        log_g = drawn_mean(pairs, beta, drawn, generator)
    else:
        log_g = tilted_mean(pairs.logits, pairs.negative, beta, weight_gradient)
    if tau_plus:
        rho_positive = tilted_mean(pairs.logits, pairs.positive, beta, weight_gradient)
        log_g = debiased(log_g, rho_positive, tau_plus, floor=-1 / temperature)
    log_q = math.log(q) if q else -math.inf  # zero in a batch of one instance, which has no anchors left
    return pairs.average(softplus(log_q + log_g - pairs.logits), average)


def batch_loss(
    z: Float[Tensor, "b v d"],
    y: Int[Tensor, " b"],
    *,
    negatives: Negatives,
    positives: str,
    temperature: float,
    beta: float,
    q: float | None,
    weight_gradient: bool,
    tau_plus: float = 0.0,
    average: str = "anchors",
    keep_anchor: bool = False,
    drawn: int = 0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """The formula of `contrast` on the pairs of `form_pairs`, whose arguments these are.

    With q None, Q is v (b - 1), the number of views of other instances in the batch.
    """
    check_all(q=q)
    b, v, _ = z.shape
    return contrast(
        form_pairs(z, y, negatives=negatives, positives=positives, temperature=temperature, keep_anchor=keep_anchor),
        temperature=temperature,
        beta=beta,
        q=v * (b - 1) if q is None else q,
        weight_gradient=weight_gradient,
        tau_plus=tau_plus,
        average=average,
        drawn=drawn,
        generator=generator,
    )
