"""The delete-a-group jackknife: an interval for any statistic of the instances, whatever its form.

Instances are dealt into G groups, class by class, and the statistic is taken G times without one of them. With theta_g
those values, theta that of all instances and bar theta the mean of theta_g (docs/theory.md, eq. (92)),

    corrected = G theta - (G - 1) bar theta,    se^2 = (G - 1) / G sum_g (theta_g - bar theta)^2.

Source: Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001); the correction is Quenouille's.
Twenty groups leave the standard error itself uncertain by about 16 %, which intervals by Student's t with G - 1 degrees
of freedom allow for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from boundcheck.inference.intervals import Estimate

GROUPS = 20


def deal_groups(y: Int[np.ndarray, " n"], groups: int = GROUPS, seed: int = 0) -> Int[np.ndarray, " n"]:
    """The group of every instance, (n,): each class is dealt evenly, in random order, and goes on where the last ended.

    Args:
        y: (n,) class codes.
        groups: G >= 2.
        seed: of the order.
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(y)), y))
    group = np.empty(len(y), dtype=np.int64)
    group[order] = np.arange(len(y)) % groups
    return group


def delete_group(
    statistic: Callable[[Int[np.ndarray, " k"]], Float[np.ndarray, " s"]],
    y: Int[np.ndarray, " n"],
    *,
    groups: int = GROUPS,
    seed: int = 0,
    clusters: Int[np.ndarray, " n"] | None = None,
) -> list[Estimate]:
    """Estimates of s statistics with their standard errors over samples of instances.

    Args:
        statistic: positions of the instances that stay, in ascending order -> (s,) values.
        y: (n,) class codes; groups take from every class.
        groups: G, at most n.
        seed: of the groups.
        clusters: (n,) codes 0, 1, ... of what is one draw, and leaves together; None where that is the instance.

    Returns:
        One for each value: `value` is the corrected one. Where a group's absence leaves a value undefined (NaN), the
        correction and the standard error are too, and `value` is the plug-in.
    """
    if clusters is None:
        group = deal_groups(y, min(groups, len(y)), seed)
    else:
        first = np.unique(clusters, return_index=True)[1]
        group = deal_groups(y[first], min(groups, len(first)), seed)[clusters]
    whole = np.asarray(statistic(np.arange(len(y))), dtype=np.float64)
    without = np.stack([statistic(np.flatnonzero(group != g)) for g in range(group.max() + 1)])
    return from_values(whole, without)


def from_values(whole: Float[np.ndarray, " s"], without: Float[np.ndarray, "g s"]) -> list[Estimate]:
    """The estimates from the values themselves.

    Args:
        whole: (s,) over all instances.
        without: (g, s) without each group.
    """
    count, mean = len(without), without.mean(0)
    with np.errstate(invalid="ignore"):  # infinite values have neither
        corrected = count * whole - (count - 1) * mean
        se = np.sqrt((count - 1) / count * np.square(without - mean).sum(0))
    return [
        Estimate(float(c) if np.isfinite(c) else float(w), float(w), float(s), replicates=count)
        for c, w, s in zip(corrected, whole, se, strict=True)
    ]
