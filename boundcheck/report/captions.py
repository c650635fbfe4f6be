"""How to read each figure: (title, caption). The caption says what is drawn and what to look for."""

from __future__ import annotations

CAPTIONS = {
    "losses": (
        "The four losses against hardness",
        "Losses in the limit of infinitely many negatives, in nats, with confidence bands. UCL and H-UCL (orange) "
        "draw negatives from every other instance; SCL and H-SCL (blue) from other classes only. UCL (dashed) and SCL "
        "(dotted) have no hardness; from them H-UCL and H-SCL start at β = 0. Theorem 1 says that solid "
        "blue stays at or below solid orange wherever Assumption 1 holds.",
    ),
    "crossing": (
        "H-SCL against UCL",
        "Once the negatives are hard enough, H-SCL (blue) rises above UCL (orange, dashed): beyond the dotted line "
        "H-SCL is an upper bound of UCL. Left of it the scenario has not set in, which contradicts nothing.",
    ),
    "assumption": (
        "Share of anchors that satisfy Assumption 1",
        "An anchor satisfies Assumption 1 when its hard same-class candidates are at least as close as its hard "
        "candidates of other classes. With β = 0 the share is the accuracy of a one-vs-rest kernel-mean rule; with "
        "β = ∞ it is the leave-one-instance-out accuracy of the nearest neighbour. Hollow marks "
        "are not to be relied on: few effective instances, or near-duplicates.",
    ),
    "margin": (
        "Margin of Assumption 1, anchor by anchor",
        "How far each anchor is from breaking Assumption 1, in nats, for every hardening (one strip each). Anchors "
        "left of zero (orange) break it; the share at or above zero stands on the right.",
    ),
    "beta_star": (
        "Critical hardness β*",
        "For each anchor, the least hardness at which its negatives of other classes cost as much as the whole pool "
        "of untilted negatives. Anchors whose candidates of other classes are all far away have none; they are "
        "counted above the histogram.",
    ),
    "finite_k": (
        "How many negatives are infinitely many",
        "How far each loss at k negatives lies below its limit, over the data's own pools, in nats. Points are "
        "exact averages over all possible draws; dashed lines are the second-order prediction, which falls as "
        "1/k; the darker, the harder. Crosses are what training on mini-batches computes, which draws without the tilt "
        "and weighs within the batch, where it is above its own error; batches in which no negative passes a threshold "
        "have no loss and are left out. The number of negatives at which the points "
        "meet a level is in the table above.",
    ),
    "bounds": (
        "The mean classifier and its bounds",
        "Cross-entropy of the classifier whose weights are the class means (dashed), between bounds by the contrastive "
        "loss with a sum over K negatives, as in Bao et al. 2022, Figure 1. Bounds above 100 nats, and infinite ones, "
        "are not drawn; the vertical scale is linear between −1 and 1.",
    ),
    "share": (
        "Share of anchors that satisfy Assumption 1",
        "Per cent of the anchors, for every encoder (rows, in blocks of one temperature) and hardening (columns). The "
        "same colour is the same share everywhere. An asterisk marks cells whose losses are not to be "
        "relied on.",
    ),
    "gap": (
        "The averaged gap H-UCL − H-SCL",
        "In nats; Theorem 1 says that it is zero or more where Assumption 1 holds everywhere. Blue: H-SCL is the "
        "smaller. Orange: it is the larger. White is zero; colours follow a square-root scale. A question mark: "
        "undecided. An asterisk: the losses are not to be relied on.",
    ),
    "verdicts": (
        "Verdicts",
        "One panel for each claim, the gravest verdict over all Q: ✓ holds or passes, ● occurs, ✗ violated or fails, "
        "(✗) violated where the premise fails, ○ does not occur, ? undecided, – inapplicable. Nothing is "
        "drawn where the claim says nothing; claims that apply nowhere have no panel.",
    ),
    "hardest_anchors": (
        "The hardest anchors for Assumption 1",
        "The anchors of least margin (below zero they break the assumption), with the nearest candidate of their own "
        "class and the nearest of another class. Mislabelled, ambiguous or truly confused images show here.",
    ),
    "atlas_verdicts": (
        "Every verdict",
        "Sets of embeddings down, claims across; within a column the temperatures from left to right, for bounds on "
        "few-shot error (error_...) the shots 1, 5 and all. A mark is the gravest verdict over Q and, where the "
        "column names no β, over β. Nothing is drawn where a claim does not apply. Hollow marks rest on losses that "
        "are not to be relied on, or on a bound without an interval.",
    ),
    "atlas_assumption": (
        "Share of anchors that satisfy Assumption 1",
        "Per cent of the anchors with 95 % intervals over instances, which reach to the population's share, from η = 1 "
        "(no tilt) to the hardest β; the darker, the harder. Hollow: rests on too few effective "
        "instances, or on near-duplicates.",
    ),
    "atlas_errors": (
        "Few-shot error and the bounds on it",
        "Error of the nearest class mean from m instances of each class (black, with its 95 % interval over "
        "instances), beside every bound on it. In the grey, from 1 on, a bound says nothing; bounds there are "
        "hollow, and those above 1,000 are drawn at the edge. Classes with too few instances take no part.",
    ),
}
