"""Decoupled UCL and NSCL: how far their gradients differ, and what that makes of trainings side by side."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import Tensor

import boundcheck as bc
from boundcheck.claims.nscl_gradient import largest_turn, most_same, turns
from boundcheck.diagnostics.between import cka, rsa
from boundcheck.falsification import search


def log_sums(s: Tensor, y: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The averages over anchors of log sum e^(s / tau) over all others, and over those of other classes."""
    out = ~torch.eye(len(y), dtype=torch.bool)
    both = (out, y[:, None] != y)
    return tuple((s / temperature).masked_fill(~kept, -math.inf).logsumexp(1).mean() for kept in both)  # type: ignore[return-value]


def gradients(s: Tensor, y: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """(n, n) of the decoupled UCL and of NSCL in the similarities; that of the positive is the same and left out."""
    s = s.clone().requires_grad_()
    return tuple(torch.autograd.grad(loss, s)[0] for loss in log_sums(s, y, temperature))  # type: ignore[return-value]


def test_the_difference_is_that_of_the_gradients() -> None:
    rng = np.random.default_rng(0)
    emb = bc.EmbeddingSet(rng.standard_normal((9, 4)), np.arange(9) % 3)
    z, y = torch.from_numpy(emb.z), torch.from_numpy(emb.y)
    s = (z[:, 0] @ z[:, 0].T).double()
    one, other = gradients(s, y, 0.5)
    alone = turns(z, y, torch.tensor([2, 7]), 0.5)
    torch.testing.assert_close(alone, 9 * (one - other).norm(dim=1)[[2, 7]], rtol=1e-6, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("false", "found"), [(False, False), (True, True)])
def test_falsify_finds_the_false_variant_alone(false: bool, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if false:  # without the root of two
        wrong = lambda same, other, tau: most_same(same, other, tau) / tau  # noqa: E731
        monkeypatch.setattr(import_module("boundcheck.claims.nscl_gradient"), "largest_turn", wrong)
    torch.manual_seed(0)
    search_ = search("nscl_gradient", classes=2, points=4, dim=2, seconds=20 if false else 3)
    assert (search_.counterexample is not None) == found


def drift(y: Tensor, start: Tensor, steps: list[float], temperature: float) -> Tensor:
    """How far apart descents on the similarities themselves are, from one start by the same steps, within [-1, 1]."""
    first, second = start, start
    for step in steps:
        first = (first - step * gradients(first, y, temperature)[0]).clamp(-1, 1)
        second = (second - step * gradients(second, y, temperature)[1]).clamp(-1, 1)
    apart: Tensor = (first - second).norm()
    return apart


def most_drift(y: Tensor, steps: list[float], temperature: float) -> float:
    """docs/theory.md, eq. (101)."""
    largest, n = int(torch.bincount(y).max()), len(y)
    return sum(steps) * largest_turn(largest - 1, n - largest, temperature) / math.sqrt(n)


def test_two_descents_part_by_no_more_than_the_sum_of_their_steps_times_one() -> None:
    torch.manual_seed(0)
    closest = 0.0
    for _ in range(150):
        n, tau = int(torch.randint(4, 9, ())), float(torch.tensor([0.3, 0.5, 1.0, 2.0])[torch.randint(4, ())])
        y = torch.arange(n) % 2
        same, apart = y[:, None] == y, float(torch.rand(()))
        start = torch.where(same, apart, -apart) + 0.3 * torch.randn(n, n) * torch.rand(())
        steps = (4 * tau**2 * n * torch.rand(int(torch.randint(1, 12, ()))) ** 3).tolist()
        bound = most_drift(y, steps, tau)
        found = float(drift(y, start.clamp(-1, 1).double(), steps, tau))
        assert found <= bound * (1 + 1e-9)
        closest = max(closest, found / bound)
    assert closest > 0.5  # so a constant of half as much is false


def test_alignment_is_at_least_what_the_distance_of_the_grams_leaves() -> None:
    """docs/theory.md, eq. (102); the published (1 - rho) / (1 + rho) is less."""
    rng = np.random.default_rng(0)
    tight = 0.0
    for _ in range(300):
        a = rng.standard_normal((8, 3))
        b = a * rng.uniform(0.5, 2) + rng.choice([0.05, 0.3, 1]) * rng.standard_normal((8, 3))
        a, b = a - a.mean(0), b - b.mean(0)
        k, other = a @ a.T, b @ b.T
        rho = np.linalg.norm(k - other) / np.linalg.norm(k)
        if rho < 1:
            least = math.sqrt(1 - rho**2)
            assert cka(a, b) >= least - 1e-12 and least >= (1 - rho) / (1 + rho)
            tight = max(tight, least / cka(a, b))
        above = np.triu_indices(8, 1)
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
        c, d = ((x @ x.T)[above] - (x @ x.T)[above].mean() for x in unit)
        if (r := np.linalg.norm(c - d) / np.linalg.norm(c)) < 1:
            assert rsa(a, b) >= math.sqrt(1 - r**2) - 1e-12
    assert tight > 0.99
