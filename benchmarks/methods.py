"""Ways to the same numbers: rho_diff and rho_all of every anchor, for each beta, over all ordered pairs.

    rho_P(beta; a) = log sum_P e^{(1 + beta) t} - log sum_P e^{beta t},     own pair left out

A method takes (z (n, d) float32 unit rows, y, temperature, betas) and returns (n, betas, 2), nats, or None for work
that is measured for its time alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TypeAlias
from unittest.mock import patch

import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.hardening import Exponential, terms_for
from boundcheck.pairwise import plain_sums
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.passes import ask
from boundcheck.pools import ALL, DIFF
from boundcheck.spec import Execution, Variant

Method: TypeAlias = Callable[[Tensor, Tensor, float, tuple[float, ...]], Tensor | None]
ROWS = 384


def gemm(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> None:
    """The floor: the float32 products of all ordered pairs, tile by tile into one buffer a thread, nothing else."""
    blocks, threads = z.split(ROWS), os.cpu_count() or 1

    def work(worker: int) -> None:
        torch.set_num_threads(1)
        buffer = torch.empty(ROWS * ROWS)
        for a in blocks[worker::threads]:
            for b in blocks:
                torch.matmul(a, b.T, out=buffer[: len(a) * len(b)].view(len(a), len(b)))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def boundcheck(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """One pass, plug-in values."""
    hardenings = [Exponential(beta) for beta in betas]
    emb, spec = EmbeddingSet(z.numpy(), y.numpy()), Variant(temperature, hardening=tuple(hardenings), positives="class")
    return _rho(ask(pair_plan(emb, spec, Execution(device="cpu")), LogSumsOf(terms_for(hardenings))), betas)


def boundcheck_losses(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """A table of losses without intervals: log-sums, then the class positives."""
    hardenings = tuple(Exponential(beta) for beta in betas)
    emb, spec = EmbeddingSet(z.numpy(), y.numpy()), Variant(temperature, hardening=hardenings, positives="class")
    return _rho(exact(emb, spec, Execution(device="cpu"), intervals=False).table, betas)


def boundcheck_intervals(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """Everything a table of losses holds: both passes, class positives, corrections and standard errors."""
    hardenings = tuple(Exponential(beta) for beta in betas)
    emb, spec = EmbeddingSet(z.numpy(), y.numpy()), Variant(temperature, hardening=hardenings, positives="class")
    return _rho(exact(emb, spec, Execution(device="cpu")).table, betas)


def without_numba(method: Method) -> Method:
    """The same on the path of machines that lack Numba."""

    def run(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor | None:
        with patch.object(plain_sums, "find_spec", lambda name: None):
            return method(z, y, temperature, betas)

    return run


def _rho(table: CumulantTable, betas: tuple[float, ...]) -> Tensor:
    return torch.stack(
        [torch.stack([table.rho(pool, Exponential(beta)) for pool in (DIFF, ALL)], 1) for beta in betas], 1
    )


def blocked(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """What one would write first: cache-sized tiles, label masks, sums shifted by the largest possible logit."""
    n, top = len(z), 1 / temperature
    sums = torch.zeros(n, len(betas), 2, 2, dtype=torch.float64)  # pool (diff, all), (denominator, numerator)
    for i in range(0, n, ROWS):
        rows = slice(i, min(i + ROWS, n))
        for j in range(0, n, ROWS):
            t = z[rows] @ z[j : j + ROWS].T / temperature - top
            other = torch.arange(i, i + t.shape[0])[:, None] != torch.arange(j, j + t.shape[1])
            diff = y[rows, None] != y[None, j : j + ROWS]
            for k, beta in enumerate(betas):
                for m, gamma in enumerate((beta, 1 + beta)):
                    values = torch.exp(gamma * t)
                    for p, mask in enumerate((diff, other)):
                        sums[rows, k, p, m] += (values * mask).sum(1)
    return sums[..., 1].log() - sums[..., 0].log() + top


def full_matrix(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """The whole n x n matrix and torch.logsumexp."""
    t = z @ z.T / temperature
    t.fill_diagonal_(-math.inf)
    diff = t.masked_fill(y[:, None] == y[None, :], -math.inf)
    pools = (diff, t)
    return torch.stack(
        [torch.stack([torch.logsumexp((1 + b) * s, 1) - torch.logsumexp(b * s, 1) for s in pools], 1) for b in betas],
        1,
    )


def batch_formula(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """The training loss of Robinson et al. 2021 and Jiang et al. 2022 on one batch of all embeddings:

    neg = exp(similarity / tau), importance = exp(beta log neg), Ng = sum(importance neg) / mean(importance), masked.
    """
    neg = torch.exp(z @ z.T / temperature)
    other = ~torch.eye(len(z), dtype=torch.bool)
    out = []
    for beta in betas:
        columns = []
        for mask in (y[:, None] != y[None, :], other):
            kept = neg * mask
            importance = torch.where(mask, (beta * kept.log()).exp(), 0.0)
            reweighted = (importance * kept).sum(1) / (importance.sum(1) / mask.sum(1))
            columns.append((reweighted / mask.sum(1)).log())
        out.append(torch.stack(columns, 1))
    return torch.stack(out, 1)


def keops(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """KeOps' symbolic matrices, with its own streaming log-sum-exp: pip install pykeops, and a C++ compiler."""
    from pykeops.torch import LazyTensor

    def both(values: Tensor) -> tuple[LazyTensor, LazyTensor]:
        return LazyTensor(values[:, None]), LazyTensor(values[None])

    (z_i, z_j), (y_i, y_j), (i, j) = both(z), both(y[:, None].float()), both(torch.arange(len(z))[:, None].float())
    t = (z_i | z_j) / temperature
    kept = [(first - second).square() - 0.5 for first, second in ((y_i, y_j), (i, j))]  # negative where left out

    def log_sums(gamma: float) -> Tensor:
        return torch.cat([mask.ifelse(gamma * t, -1e6).logsumexp(dim=1) for mask in kept], 1)

    return torch.stack([log_sums(1 + beta) - log_sums(beta) for beta in betas], 1)


def brute_force(z: Tensor, y: Tensor, temperature: float, betas: tuple[float, ...]) -> Tensor:
    """Float64, the reference of the smoke run."""
    return full_matrix(z.to(torch.float64), y, temperature, betas)


# The most embeddings a method is given: beyond, its matrices do not fit a laptop or it takes minutes.
METHODS: dict[str, tuple[Method, int]] = {
    "gemm": (gemm, 50_000),
    "boundcheck": (boundcheck, 10**9),
    "boundcheck_losses": (boundcheck_losses, 30_000),
    "boundcheck_intervals": (boundcheck_intervals, 10**9),
    "boundcheck_torch": (without_numba(boundcheck), 50_000),
    "boundcheck_torch_intervals": (without_numba(boundcheck_intervals), 20_000),
    "blocked": (blocked, 20_000),
    "full_matrix": (full_matrix, 10_000),
    "batch_formula": (batch_formula, 10_000),
} | ({"keops": (keops, 5_000)} if find_spec("pykeops") else {})
# Those that start a thread for each core themselves; the others are given torch's and OpenMP's.
THREADED = {
    "gemm", "boundcheck", "boundcheck_losses", "boundcheck_intervals", "boundcheck_torch", "boundcheck_torch_intervals",
}  # fmt: skip
