"""How to read each figure: (title, caption). The caption says what is drawn and what to look for."""

from __future__ import annotations

CAPTIONS = {
    "losses": (
        "The four losses against hardness",
        "Losses in the limit of infinitely many negatives, in nats, with confidence bands. UCL and H-UCL (orange) "
        "draw negatives from every other instance; SCL and H-SCL (blue) from other classes only. UCL and SCL have no "
        "hardness and are dashed lines, from which H-UCL and H-SCL start at β = 0. Theorem 1 says that solid "
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
        "β = ∞ it is the leave-one-instance-out accuracy of the nearest neighbour.",
    ),
    "margin": (
        "Margin of Assumption 1, anchor by anchor",
        "How far each anchor is from breaking Assumption 1, in nats, for every hardening (one strip each). Anchors "
        "left of zero (red) break it; the share at or above zero stands on the right.",
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
        "averages over all draws, none of them made; dashed lines are the second-order prediction, which falls as "
        "1/k; the darker, the harder. The number of negatives at which a curve meets a level is in the table above.",
    ),
    "worst_anchors": (
        "The worst anchors for Assumption 1",
        "The anchors of least margin (below zero they break the assumption), with the nearest candidate of their own "
        "class and the nearest of another class. Mislabelled, ambiguous or truly confused images show here.",
    ),
}
