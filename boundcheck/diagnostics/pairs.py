"""What needs every pair of instances: uniformity, and the two ends of Assumption 1.

One pass keeps the sums and maxima of every anchor apart by the group of the candidate, so that leaving a group out, as
anchors and as candidates, costs nothing more.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from boundcheck.diagnostics.base import Diagnostic

BLOCK = 1024  # anchors at a time

PAIRS = (
    Diagnostic(
        "uniformity", "Uniformity", "0: a point; about 8/d - 4 in many dimensions: uniform",
        "Wang, Isola 2020 (arXiv 2005.10242), t = 2: log of the mean of exp(-2 |z - z'|^2) over distinct instances",
        -8.0, 0.0, "unbiased",
    ),
    Diagnostic(
        "nearest_neighbour", "Leave-one-out accuracy of the nearest neighbour", "Assumption 1 as beta grows",
        "Assumption 1 of Jiang et al. 2022 (arXiv 2209.00078) as beta -> infinity", 0.0, 1.0, "share",
    ),
    Diagnostic(
        "kernel_rule", "Share of instances nearer to their class by the kernel mean", "Assumption 1 at beta = 0",
        "Assumption 1 of Jiang et al. 2022 (arXiv 2209.00078) at eta = 1: means of e^t", 0.0, 1.0, "share",
    ),
)  # fmt: skip


class PairSums:
    """Sums and maxima over candidates, by group, of every anchor.

    Args:
        x: (n, d) rows of norm one.
        y: (n,) class codes.
        group: (n,) groups 0..G-1.
        temperature: tau of the kernel rule.
    """

    def __init__(
        self, x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], group: Int[np.ndarray, " n"], temperature: float
    ) -> None:
        order = np.lexsort((y, group))  # so that groups, and classes within them, are runs of columns
        x, y, group = x[order], y[order], group[order]
        n, self.groups = len(x), int(group.max()) + 1
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        self.group = group
        self.counts = np.bincount(group * (y.max() + 1) + y, minlength=self.groups * (y.max() + 1))
        self.counts = self.counts.reshape(self.groups, -1)
        self.y = y
        self.far = np.empty((n, self.groups))  # sums of exp(-2 |z - z'|^2)
        self.kernel = np.empty((2, n, self.groups))  # sums of e^t, same class and others
        self.nearest = np.empty((2, n, self.groups))  # largest cosine
        for start in range(0, n, BLOCK):
            rows = slice(start, min(start + BLOCK, n))
            cosine = x[rows] @ x.T
            cosine[np.arange(cosine.shape[0]), np.arange(rows.start, rows.stop)] = -np.inf  # not its own neighbour
            same = y[rows, None] == y[None]
            self.far[rows] = np.add.reduceat(np.exp(4 * cosine - 4), starts, axis=1)
            e = np.exp((cosine - 1) / temperature)
            for k, mine in enumerate((same, ~same)):
                self.kernel[k, rows] = np.add.reduceat(np.where(mine, e, 0.0), starts, axis=1)
                self.nearest[k, rows] = np.maximum.reduceat(np.where(mine, cosine, -np.inf), starts, axis=1)

    def values(self, without: int | None = None) -> Float[np.ndarray, " 3"]:
        """The values of `PAIRS`, without the instances of one group.

        Instances that are alone in their class have no neighbour of it and are left out of the last two.
        """
        kept = np.ones(self.groups, dtype=bool)
        if without is not None:
            kept[without] = False
        anchors = kept[self.group]
        count = self.counts[kept].sum(0)
        n = int(count.sum())
        uniformity = np.log(self.far[anchors][:, kept].sum() / (n * (n - 1)))
        mine = count[self.y[anchors]] - 1
        some = (mine > 0) & (mine < n - 1)
        if not some.any():
            return np.array([uniformity, np.nan, np.nan])
        nearest = self.nearest[:, anchors][:, :, kept].max(2)[:, some]
        same, diff = self.kernel[:, anchors][:, :, kept].sum(2)[:, some]
        return np.array(
            [
                uniformity,
                np.mean(nearest[0] >= nearest[1]),
                np.mean(same / mine[some] >= diff / (n - 1 - mine[some])),
            ]
        )
