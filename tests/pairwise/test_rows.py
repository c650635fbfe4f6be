"""Rows of a pass against anchors, and what losses at finite k hold of anchors that were not sampled: nothing."""

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import pair_plan
from boundcheck.estimators.finite import finite_losses
from boundcheck.estimators.quadrature import summed_losses
from boundcheck.pairwise.laplace import pools
from boundcheck.pairwise.laplace import positives as positive_transforms
from boundcheck.pairwise.passes import run_one
from boundcheck.pairwise.plan import plan_pairs
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.spec import Execution, Variant
from tests.strategies import clouds

EMB = EmbeddingSet(*clouds("clustered", n=60, v=2, d=5, seed=1))
SOME = torch.tensor([3, 4, 17, 60, 61, 99, 118])


@pytest.mark.parametrize("anchors", [None, SOME, SOME.flip(0), torch.tensor([80, 2, 31])])
def test_rows_come_as_chunks_do_and_go_back(anchors):
    z, y = torch.from_numpy(EMB.z), torch.from_numpy(EMB.y)
    plan = plan_pairs(z, y, temperature=0.5, anchors=anchors, rows=(8, 16))
    some = torch.arange(120) if anchors is None else anchors
    rows = to_rows(plan, some, some.double())
    assert len(rows) == len(some)
    for chunk in plan.anchors:
        assert torch.equal(rows[chunk.at], chunk.anchor.double())
    assert torch.equal(from_rows(plan, some, rows.repeat(2, 1)), some.double().repeat(2, 1))


@pytest.mark.parametrize("positives", ["augmentation", "class"])
def test_sampled_anchors_have_the_losses_they_have_among_all_and_no_more_rows(positives, monkeypatch):
    sizes = []
    asked = (pools.PoolTransformsOf, positive_transforms.ClassTransformOf)
    for request in asked:

        def recorded(self, plan, _kernel=request.kernel):
            kernel = _kernel(self, plan)
            sizes.extend(value.shape for value in vars(kernel).values() if isinstance(value, torch.Tensor))
            return kernel

        monkeypatch.setattr(request, "kernel", recorded)
    spec = Variant(betas=[2.0], positives=positives, self_pairs="include").on(EMB)
    sampled = finite_losses(EMB, spec, (1, 30), Execution(device="cpu"), anchors=SOME)
    assert len(sizes) >= 2 and all(len(SOME) in shape and 120 not in shape for shape in sizes)
    whole = finite_losses(EMB, spec, (1, 30), Execution(device="cpu"))
    for key in spec.keys:
        for k in (1, 30):
            torch.testing.assert_close(
                sampled.tables[k].per_anchor(key), whole.tables[k].per_anchor(key)[SOME], rtol=0, atol=1e-6
            )
    if positives == "class":
        plan = pair_plan(EMB, spec, Execution(device="cpu"))
        some = run_one(plan.of(SOME), summed_losses(sampled.limit, (4,)))
        assert torch.allclose(some, run_one(plan, summed_losses(whole.limit, (4,)))[SOME], atol=1e-6)


def test_influences_of_sampled_anchors_are_those_of_their_share():
    """Every anchor in two samples: the sums over anchors that influences are made of add up."""
    spec = Variant(betas=[2.0], positives="class", design="iid").on(EMB)
    halves = [torch.arange(0, 120, 2), torch.arange(1, 120, 2)]
    one, two, both = (
        finite_losses(EMB, spec, (5,), Execution(device="cpu"), anchors=a).tables[5] for a in (*halves, None)
    )
    value = (one.losses.mean + two.losses.mean) / 2
    assert torch.allclose(value, both.losses.mean, atol=1e-6)
    assert np.allclose((one.influence + two.influence) / 2, both.influence, atol=1e-5)
