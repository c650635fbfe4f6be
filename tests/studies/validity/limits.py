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
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from torch import Tensor
from torch.nn.functional import softplus

ROWS = 1 << 20  # logits held at a time: they stay in the processor's cache
CROSSING = "critical beta"


def finite_limits(
    z: np.ndarray, y: np.ndarray, temperature: float, betas: Sequence[float], shares: np.ndarray | None = None
) -> pd.DataFrame:
    """The limits over a finite set.

    Args:
        z: (n, v, d) unit rows.
        y: (n,) class codes 0 to c - 1, each with two instances or more.
        temperature: tau.
        betas: of the exponential tilts, > 0, multiples of 0.5: powers of e^{t / 2} serve them all.
        shares: (c,) probabilities of the classes; None means those of the set.

    Returns:
        quantity, beta, truth: losses and gaps in nats, the share of Assumption 1.
    """
    every = [0.0, *betas]
    total = {key: 0.0 for beta in every for key in (("hucl", beta), ("hscl", beta), ("share", beta))}
    for weight, rho, positives in _anchors(z, y, temperature, every, shares):
        for i, beta in enumerate(every):
            same, diff, over_all = rho[i].unbind(-1)
            total["hucl", beta] += float(weight @ _mean_softplus(over_all, positives))
            total["hscl", beta] += float(weight @ _mean_softplus(diff, positives))
            total["share", beta] += float(weight @ (same >= diff).double())
    return with_gaps(pd.Series(total))


def _mean_softplus(rho: Tensor, positives: Tensor) -> Tensor:
    """(a,) mean over the positives (a, p) of log(1 + e^{rho - s}); those that are no positives are infinite."""
    counted = torch.isfinite(positives).sum(1)
    return softplus(rho[:, None] - positives).sum(1).double() / counted


def with_gaps(values: pd.Series) -> pd.DataFrame:
    """Truths by (quantity, beta), with hucl and hscl at beta = 0 renamed and the gaps added."""
    rows = []
    for beta in sorted(set(values.index.get_level_values(1))):
        high, low, ucl = values["hucl", beta], values["hscl", beta], values["hucl", 0.0]
        names = ("hucl", "hscl", "hucl-hscl") if beta else ("ucl", "scl", "ucl-scl")
        of = (high, low, high - low)
        rows += [dict(quantity=name, beta=beta, truth=truth) for name, truth in zip(names, of, strict=True)]
        rows += [dict(quantity="hscl-ucl", beta=beta, truth=low - ucl)] if beta else []
        rows += [dict(quantity="share", beta=beta, truth=min(values["share", beta], 1.0))]
    return pd.DataFrame(rows)


def finite_crossing(limits: pd.DataFrame) -> float:
    """The critical beta, where H-SCL less UCL is zero, of limits at many betas: a cubic spline through them.

    On the digits it is within 0.001 of the root itself where a beta lies every half below 3.
    """
    known = _excess(limits)
    spline = CubicSpline(list(known), list(known.values()))
    return _crossing(known, lambda beta: float(spline(beta)))


def with_crossing(limits: pd.DataFrame, at: float) -> pd.DataFrame:
    """The limits with the row of the critical beta."""
    return pd.concat([limits, pd.DataFrame([dict(quantity=CROSSING, beta=np.nan, truth=at)])], ignore_index=True)


def crossing(limits: pd.DataFrame, excess: Callable[[float], float]) -> float:
    """The critical beta: where H-SCL less UCL, which grows with beta, is zero, within 0.001.

    Args:
        limits: see `finite_limits`.
        excess: H-SCL less UCL at any beta.

    Returns:
        0 where H-SCL starts at or above UCL, inf where it is below at every beta of `limits`.
    """
    return _crossing(_excess(limits), excess)


def _excess(limits: pd.DataFrame) -> dict[float, float]:
    """beta -> H-SCL less UCL, by beta."""
    known = dict(limits.query("quantity == 'hscl-ucl'")[["beta", "truth"]].to_numpy())
    return {0.0: -float(limits.query("quantity == 'ucl-scl'").truth.iloc[0])} | known


def _crossing(known: dict[float, float], excess: Callable[[float], float]) -> float:
    below = [beta for beta, value in known.items() if value < 0]
    above = [beta for beta, value in known.items() if value >= 0]
    if not below or not above:
        return 0.0 if above else np.inf
    return float(brentq(excess, max(max(below), 1e-6), min(above), xtol=1e-3))


def _anchors(
    z: np.ndarray, y: np.ndarray, temperature: float, betas: Sequence[float], shares: np.ndarray | None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Anchors a few at a time: weights (a,), rho (beta, a, 3) of same, diff, all, positives' logits (a, p) or inf."""
    order = np.argsort(y, kind="stable")
    n, v, d = z.shape
    rows = torch.from_numpy(np.ascontiguousarray(z[order], dtype=np.float32)).reshape(n * v, d)
    count = np.bincount(y)
    p = count / n if shares is None else np.asarray(shares)
    ends = np.concatenate([[0], np.cumsum(count)]) * v
    mass = torch.from_numpy(np.repeat(p / (count * v), count * v)).float()
    step = max(v, ROWS // (n * v) // v * v)
    for c, (start, stop) in enumerate(pairwise(ends)):
        pools = torch.stack([torch.zeros(n * v), mass / (1 - p[c])], 1)  # candidates' weights: same class, others
        pools[start:stop] = torch.tensor([1 / (stop - start - v), 0])
        for first in range(start, stop, step):
            last = min(first + step, stop)
            t = rows[first:last] @ rows.T / temperature  # (a, n v)
            index = torch.arange(first, last)
            own = (index // v)[:, None] * v + torch.arange(v)  # (a, v), the anchor's instance
            views = t.gather(1, own).masked_fill(own == index[:, None], torch.inf)
            positives = t[:, start:stop].scatter(1, own - start, torch.inf) if v == 1 else views
            rho = _rho(t.scatter_(1, own, -torch.inf), pools, (start, stop), p[c], betas)
            yield torch.full((last - first,), p[c] / (stop - start), dtype=torch.float64), rho, positives


def _rho(t: Tensor, pools: Tensor, own_class: tuple[int, int], p: float, betas: Sequence[float]) -> Tensor:
    """rho (beta, a, 3) in the pools of the same class, of others and of all.

    Args:
        t: (a, m) logits, overwritten; -inf for what is no candidate.
        pools: (m, 2) weights of the candidates in the first two pools, adding up to one in each.
        own_class: where the candidates of the anchors' class start and end.
        p: the mass of that class.
        betas: multiples of 0.5.
    """
    start, stop = own_class
    before, same, after = t[:, :start], t[:, start:stop], t[:, stop:]
    ends = [side.amax(1) for side in (before, after) if side.shape[1]]
    top = torch.stack([same.amax(1), torch.stack(ends).amax(0)], 1)  # powers of e^{t - top} cannot overflow
    same -= top[:, :1]
    before -= top[:, 1:]
    after -= top[:, 1:]
    power = {1: (t / 2).exp_()}
    k = {0: torch.zeros(len(t), 3, dtype=torch.float64)}
    for halves in sorted({round(2 * g) for beta in betas for g in (beta, 1 + beta)} - {0}):
        if halves not in power:
            last = max(power)
            step = next(m for m in (halves - last, 1) if m in power)
            while last < halves:
                power[last + step] = power[last] * power[step]
                last += step
        two = (power[halves] @ pools).double().log() + halves / 2 * top.double()
        every = torch.logaddexp(np.log(p) + two[:, 0], np.log1p(-p) + two[:, 1])
        k[halves] = torch.cat([two, every[:, None]], 1)
    return torch.stack([k[round(2 * (1 + beta))] - k[round(2 * beta)] for beta in betas]).float()
