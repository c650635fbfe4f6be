"""What is true of a population that is a finite set: the limits of its losses, computed without the engine's code.

The target. A sample is drawn from the set without replacement, so its pools never hold an anchor's own instance; an
infinite sample with replacement would, with mass 1/N, as its exact copy. We take the first view: class c has mass p_c,
and an anchor's same-class candidates are drawn from the other instances of its class,

    K_same(g; a) = log mean over the class's other instances of e^{g t_aj},
    K_diff(g; a) = log sum over c' != c of p_c' / (1 - p_c) times the mean over class c',
    e^{K_all}    = p_c e^{K_same} + (1 - p_c) e^{K_diff},          rho_P(beta) = K_P(1 + beta) - K_P(beta).

The masses are those of the design exactly: (N_c - 1)/(N - 1) is no part of the target. Where N is large against n the
choice does not matter. Averages over anchors weigh class c with p_c; positives are the other views of an instance
where there are several, else the other instances of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from scipy.optimize import brentq
from torch import Tensor
from torch.nn.functional import softplus

ROWS = 1 << 23  # logits held at a time
CROSSING = "critical beta"


def finite_limits(
    z: np.ndarray, y: np.ndarray, temperature: float, betas: Sequence[float], shares: np.ndarray | None = None
) -> pd.DataFrame:
    """The limits over a finite set.

    Args:
        z: (n, v, d) unit rows.
        y: (n,) class codes 0 to c - 1, each with two instances or more.
        temperature: tau.
        betas: of the exponential tilts, > 0.
        shares: (c,) probabilities of the classes; None means those of the set.

    Returns:
        quantity, beta, truth: losses and gaps in nats, the share of Assumption 1.
    """
    every = [0.0, *betas]
    total = {key: 0.0 for beta in every for key in (("hucl", beta), ("hscl", beta), ("share", beta))}
    for weight, rho, positives in _anchors(z, y, temperature, every, shares):
        for i, beta in enumerate(every):
            same, diff, over_all = rho[i].unbind(-1)
            total["hucl", beta] += float(weight @ softplus(over_all[:, None] - positives).nanmean(1).double())
            total["hscl", beta] += float(weight @ softplus(diff[:, None] - positives).nanmean(1).double())
            total["share", beta] += float(weight @ (same >= diff).double())
    return with_gaps(pd.Series(total))


def with_gaps(values: pd.Series) -> pd.DataFrame:
    """Truths by (quantity, beta), with hucl and hscl at beta = 0 renamed and the gaps added."""
    rows = []
    for beta in sorted(set(values.index.get_level_values(1))):
        high, low, ucl = values["hucl", beta], values["hscl", beta], values["hucl", 0.0]
        names = ("hucl", "hscl", "hucl-hscl") if beta else ("ucl", "scl", "ucl-scl")
        of = (high, low, high - low)
        rows += [dict(quantity=name, beta=beta, truth=truth) for name, truth in zip(names, of, strict=True)]
        rows += [dict(quantity="hscl-ucl", beta=beta, truth=low - ucl)] if beta else []
        rows += [dict(quantity="share", beta=beta, truth=values["share", beta])]
    return pd.DataFrame(rows)


def hscl_less_ucl(
    z: np.ndarray, y: np.ndarray, temperature: float, beta: float, shares: np.ndarray | None = None
) -> float:
    """The averaged H-SCL less UCL over a finite set, nats."""
    return float(finite_limits(z, y, temperature, [beta], shares).query("quantity == 'hscl-ucl'").truth.iloc[0])


def with_crossing(limits: pd.DataFrame, excess: Callable[[float], float]) -> pd.DataFrame:
    """The limits with the critical beta: where H-SCL less UCL, which grows with beta, is zero, within 0.001.

    Args:
        limits: see `finite_limits`.
        excess: H-SCL less UCL at any beta.

    Returns:
        The row is 0 where H-SCL starts at or above UCL, inf where it is below at every beta of `limits`.
    """
    known = dict(limits.query("quantity == 'hscl-ucl'")[["beta", "truth"]].to_numpy())
    known[0.0] = -float(limits.query("quantity == 'ucl-scl'").truth.iloc[0])
    below = [beta for beta, value in known.items() if value < 0]
    above = [beta for beta, value in known.items() if value >= 0]
    if not below or not above:
        at = 0.0 if above else np.inf
    else:
        at = brentq(excess, max(max(below), 1e-6), min(above), xtol=1e-3)
    return pd.concat([limits, pd.DataFrame([dict(quantity=CROSSING, beta=np.nan, truth=at)])], ignore_index=True)


def _anchors(
    z: np.ndarray, y: np.ndarray, temperature: float, betas: Sequence[float], shares: np.ndarray | None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Anchors a few at a time: weights (a,), rho (beta, a, 3) of same, diff, all, positives' logits (a, p)."""
    order = np.argsort(y, kind="stable")
    n, v, d = z.shape
    rows = torch.from_numpy(np.ascontiguousarray(z[order], dtype=np.float32)).reshape(n * v, d)
    count = np.bincount(y)
    p = count / n if shares is None else np.asarray(shares)
    ends = np.concatenate([[0], np.cumsum(count)]) * v
    log_weight = torch.from_numpy(np.repeat(np.log(p / (count * v)), count * v)).float()
    powers = sorted({power for beta in betas for power in (beta, 1 + beta)} - {0.0})
    step = max(v, ROWS // (n * v) // v * v)
    for c, (start, stop) in enumerate(pairwise(ends)):
        for first in range(start, stop, step):
            last = min(first + step, stop)
            t = rows[first:last] @ rows.T / temperature  # (a, n v)
            index = torch.arange(first, last)
            own = (index // v)[:, None] * v + torch.arange(v)  # (a, v), the anchor's instance
            views = t.gather(1, own)
            same = t[:, start:stop].clone().scatter_(1, own - start, -torch.inf)
            k = {0.0: torch.zeros(last - first, 3, dtype=torch.float64)}
            others = int(stop - start - v)
            for power in powers:
                k_same = torch.logsumexp(power * same, 1).double() - np.log(others)
                sides = [
                    torch.logsumexp(power * t[:, side] + log_weight[side], 1)
                    for side in (slice(0, start), slice(stop, n * v))
                    if side.stop > side.start
                ]
                mass = torch.logsumexp(torch.stack(sides), 0).double()
                k_all = torch.logaddexp(np.log(p[c]) + k_same, mass)
                k[power] = torch.stack([k_same, mass - np.log1p(-p[c]), k_all], 1)
            rho = torch.stack([k[1 + beta] - k[beta] for beta in betas]).float()
            weight = torch.full((last - first,), p[c] / (stop - start), dtype=torch.float64)
            partners = same if v == 1 else views.masked_fill(own == index[:, None], -torch.inf)
            yield weight, rho, torch.where(torch.isinf(partners), torch.nan, partners)
