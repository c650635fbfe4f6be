"""The dense estimator against the exact one, and its gradient against differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.critical_beta import worst_case_losses
from boundcheck.estimators.dense import dense
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.pairwise.passes import run_one
from boundcheck.spec import Execution, Variant
from tests.strategies import embedding_sets

TILTS: dict[str, Any] = {"betas": [1, 5], "hardening": ["exp", "threshold:0.3", "poly:2"], "q": [0.5, math.inf]}
TO_ROUNDING: dict[str, Any] = {"atol": 1e-9, "rtol": 1e-9, "equal_nan": True}


@pytest.mark.slow
@settings(max_examples=15)
@given(
    emb=embedding_sets(),
    temperature=st.sampled_from([0.05, 0.5]),
    self_pairs=st.sampled_from(["exclude", "include"]),
    class_prior=st.sampled_from(["empirical", "balanced"]),
    positives=st.sampled_from(["auto", "class"]),
)
def test_the_same_records_as_the_exact_estimator(emb: EmbeddingSet, **variant: Any) -> None:
    try:
        spec = Variant(**TILTS, **variant).on(emb)
    except InputError:
        return  # no positives
    found, worst = dense(emb, spec)
    plan = pair_plan(emb, spec, Execution(device="cpu", precision="float64"))
    expected = exact(emb, spec, plan=plan)
    torch.testing.assert_close(found.table.log_sums, expected.table.log_sums, **TO_ROUNDING)
    defined = ~found.losses.value.isnan()
    for name in ("value", "weight"):
        torch.testing.assert_close(getattr(found.losses, name), getattr(expected.losses, name), **TO_ROUNDING)
    for name in ("slope", "curvature"):
        mine, theirs = (getattr(table.losses, name)[defined] for table in (found, expected))
        torch.testing.assert_close(mine, theirs, **TO_ROUNDING)
    for h in spec.hardenings:
        torch.testing.assert_close(found.margins[h].margin, expected.margins[h].margin, **TO_ROUNDING)
    for key, values in run_one(plan, worst_case_losses(emb, spec, expected.table)).items():
        torch.testing.assert_close(worst[key], values, **TO_ROUNDING)


def small(classes: tuple[int, ...] = (3, 2, 1)) -> tuple[EmbeddingSet, Variant]:
    """A handful of points, a single instance among them."""
    y = np.repeat(np.arange(len(classes)), classes)
    emb = EmbeddingSet(np.random.default_rng(1).standard_normal((len(y), 1, 3)), y)
    return emb, Variant(betas=[2], hardening=["exp", "poly:2"], positives="class").on(emb)


def test_some_anchors() -> None:
    emb, spec = small()
    some = torch.tensor([0, 2, 4])
    found, _ = dense(emb, spec, anchors=some)
    expected = exact(emb, spec, Execution(device="cpu", precision="float64"), intervals=False, anchors=some)
    torch.testing.assert_close(found.losses.value, expected.losses.value, **TO_ROUNDING)
    torch.testing.assert_close(found.losses.mean, expected.losses.mean, **TO_ROUNDING)


@pytest.mark.parametrize("self_pairs", ["exclude", "include"])
def test_gradients_are_those_of_differences(self_pairs: str) -> None:
    emb, _ = small()
    spec = Variant(betas=[2], hardening=["exp", "poly:2"], positives="class", self_pairs=self_pairs).on(emb)

    def numbers(z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        losses, worst = dense(emb, spec, z=z)
        margins = torch.stack([summary.margin for summary in losses.margins.values()])
        return losses.losses.mean, margins[~margins.isnan()], *(values.nansum() for values in worst.values())

    z = torch.from_numpy(emb.z).requires_grad_()
    assert torch.autograd.gradcheck(numbers, z, atol=1e-6)


def test_empty_pools_leave_gradients_finite() -> None:
    """A single instance has no same-class pool, and a threshold that nobody reaches empties the others."""
    emb, _ = small()
    spec = Variant(betas=[2], hardening=["exp", "threshold:0.6"], positives="class").on(emb)
    z = torch.from_numpy(emb.z).requires_grad_()
    losses, _ = dense(emb, spec, z=z)
    assert losses.losses.value.isnan().any() and (losses.table.log_sums == -torch.inf).any()
    margin = losses.margins[spec.tilts[0]].margin
    (losses.losses.value.nansum() + margin.nansum()).backward()
    assert z.grad is not None and z.grad.isfinite().all() and z.grad.any()
