"""The fused kernel, on a GPU where there is one and through Triton's interpreter elsewhere, against the definitions."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import CONSTANT, Exponential, Polynomial, terms_for
from boundcheck.pairwise import cumulants
from boundcheck.pairwise import plan as population_plan
from boundcheck.pairwise.cuda import choice
from boundcheck.pairwise.cuda.choice import MOST_WRONG, is_fusible, sampled_error, usable_recipe
from boundcheck.pairwise.cuda.sums import Recipe, _Sums, fused_sums
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.passes import ask
from boundcheck.pairwise.plan import PairPlan, choose_dtype
from boundcheck.pairwise.running_sums import RunningSums
from boundcheck.pairwise.tiles import tiles_of
from boundcheck.pools import BY_CLASS_AND_GROUP
from boundcheck.spec import Variant
from tests.oracles import literal
from tests.oracles.bridge import plan_of, problem_of, weight_scale
from tests.strategies import clouds, embedding_sets
from tests.studies.precision import BETAS, PROMISE, SETS, TEMPERATURES, brute_force

pytestmark = pytest.mark.slow

if importlib.util.find_spec("triton") is None:
    if os.environ.get("BOUNDCHECK_REQUIRE_TRITON") == "1":
        pytest.fail("BOUNDCHECK_REQUIRE_TRITON=1, but triton cannot be imported", pytrace=False)
    pytest.skip("needs triton", allow_module_level=True)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SPLIT = Recipe("fp16x3", block_a=32, block_b=32, block_d=16, most_d=32, warps=4, stages=2)
WHOLE = replace(SPLIT, product="ieee")
HARDENINGS = (CONSTANT, Exponential(0.5), Exponential(30.0))
MODERATE = (CONSTANT, Exponential(0.5), Exponential(5.0))


def plan_for(emb: EmbeddingSet, spec: Variant, **options: object) -> PairPlan:
    return plan_of(emb, spec, **{"device": DEVICE, "precision": "auto", "rows": (32, 48)} | options)


def expected_of(plan: PairPlan, terms: tuple) -> tuple[torch.Tensor, torch.Tensor]:
    """By the tiles, with running maxima, in float64; rows as the plan has them."""
    plan = replace(plan, precision="float64")
    kernel = RunningSums(plan, terms, torch.float64)
    buffer = torch.empty(plan.n_anchors * max(map(len, plan.candidates)), dtype=torch.float64, device=plan.device)
    for row, anchors in enumerate(plan.anchors):
        kernel.begin(anchors)
        for some, tile in tiles_of(plan, row, buffer):
            kernel.add(some, tile)
        kernel.end(anchors)
    return kernel.together([kernel])


def assert_close(found, expected, atol) -> None:
    torch.testing.assert_close(found[0], expected[0], atol=atol, rtol=0)
    torch.testing.assert_close(found[1], expected[1], atol=atol, rtol=0)


@settings(max_examples=5, phases=[Phase.explicit, Phase.generate])  # shrinking would take the interpreter minutes
@given(
    emb=embedding_sets(max_n=8),
    temperature=st.sampled_from([0.01, 0.07, 0.5]),
    self_pairs=st.sampled_from(["exclude", "include"]),
    prior=st.sampled_from(["empirical", "balanced"]),
    rows=st.sampled_from([(12, 12), (9, 100), (100, 9)]),
)
def test_log_sums_follow_the_definition(emb, temperature, self_pairs, prior, rows):
    spec = Variant(temperature, hardening=HARDENINGS, self_pairs=self_pairs, class_prior=prior)
    plan, terms = plan_for(emb, spec, rows=rows), terms_for(HARDENINGS)
    problem = problem_of(emb, spec)
    log_sums, largest = (values.cpu() for values in fused_sums(plan, terms, torch.float64, WHOLE))
    anchors = [divmod(a, emb.v) for a in torch.cat([chunk.anchor for chunk in plan.anchors]).tolist()]
    for pool, group in (("same", 0), ("diff", 1)):
        top = [max((problem.logit(a, b) for b in literal.pool(problem, a, pool)), default=-np.inf) for a in anchors]
        np.testing.assert_allclose(largest[:, group], top, atol=1e-9)
        for k, term in enumerate(terms):
            expected = [
                literal.log_sum_pool(problem, a, pool, lambda t, g=term.gamma: g * t) + weight_scale(problem)
                for a in anchors
            ]
            np.testing.assert_allclose(log_sums[:, group, k], expected, atol=2e-6)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("recipe", [SPLIT, WHOLE], ids=["fp16x3", "ieee"])
def test_every_log_sum_keeps_the_promise(name, recipe):
    emb = EmbeddingSet(*clouds(name, n=50, d=64))
    tried = 0
    for temperature in TEMPERATURES:
        for beta in BETAS:
            dtype = choose_dtype("auto", (1 + beta) / temperature)
            if dtype == torch.float64 and recipe.split:
                continue
            plan = plan_for(emb, Variant(temperature, hardening=()))
            terms = terms_for([Exponential(beta)])
            found, _ = fused_sums(plan, terms, dtype, recipe)
            anchors = torch.cat([chunk.anchor for chunk in plan.anchors]).cpu()
            expected = brute_force(emb, temperature, [term.gamma for term in terms])[anchors]
            np.testing.assert_allclose(found.cpu(), expected, atol=PROMISE, rtol=0)
            tried += 1
    assert tried == (7 if recipe.split else 20)


@pytest.fixture(scope="module")
def crowd() -> EmbeddingSet:
    return EmbeddingSet(*clouds("imbalanced", n=24, v=2, d=8))


@pytest.mark.parametrize("rows", [(9, 20), (16, 16), (500, 500)])
def test_chunks_slabs_and_blocks_change_nothing(crowd, rows):
    spec, terms = Variant(0.07, hardening=(), class_prior="balanced"), terms_for(HARDENINGS)
    plan = plan_for(crowd, spec, rows=rows)
    expected = expected_of(plan, terms)
    for most_rows in (None, 30):
        assert_close(fused_sums(plan, terms, torch.float64, WHOLE, most_rows=most_rows), expected, atol=2e-6)
    other = replace(WHOLE, block_a=16, block_b=16)
    assert_close(fused_sums(plan, terms, torch.float64, other), expected, atol=2e-6)


@pytest.mark.parametrize("sizes", [[1] * 40, [20, 20, 20], [1, 39], [100, 30]])
def test_chunks_of_one_class_and_of_many(sizes):
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(len(sizes)), sizes)
    emb = EmbeddingSet(rng.standard_normal((len(y), 1, 4)), y)
    for rows in ((40, 40), (1000, 1000)):
        plan, terms = plan_for(emb, Variant(0.5, hardening=()), rows=rows), terms_for(MODERATE)
        assert_close(fused_sums(plan, terms, torch.float32, SPLIT), expected_of(plan, terms), atol=PROMISE)


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("d", [5, 20, 50, 128])
@pytest.mark.parametrize("recipe", [SPLIT, WHOLE], ids=["fp16x3", "ieee"])
def test_any_number_of_columns_and_views(d, views, recipe):
    emb = EmbeddingSet(*clouds("clustered", n=30, v=views, d=d))
    plan, terms = plan_for(emb, Variant(0.5, hardening=())), terms_for(MODERATE)
    assert_close(fused_sums(plan, terms, torch.float32, recipe), expected_of(plan, terms), atol=PROMISE)


@pytest.mark.parametrize("norm", [1e-3, 1.0, 300.0])
def test_rows_of_any_length_fit_float16(norm):
    z, y = clouds("clustered", n=40, d=16)
    z = z * np.linspace(0.1, norm, len(z))[:, None, None]
    emb = EmbeddingSet(z, y, normalize=False)
    spec, terms = Variant(max(0.5, norm**2), hardening=()), terms_for(MODERATE)
    plan = plan_for(emb, spec)
    assert_close(fused_sums(plan, terms, torch.float32, SPLIT), expected_of(plan, terms), atol=PROMISE)


def test_sampled_anchors_are_rows_of_the_full_table(crowd):
    some = torch.from_numpy(np.sort(np.random.default_rng(5).choice(48, 17, replace=False)))
    plan, terms = plan_for(crowd, Variant(0.2, hardening=()), anchors=some, rows=(10, 40)), terms_for(HARDENINGS)
    assert_close(fused_sums(plan, terms, torch.float64, WHOLE), expected_of(plan, terms), atol=2e-6)


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
def test_candidates_may_come_from_host_memory(crowd, monkeypatch):
    spec, terms = Variant(0.2, hardening=()), terms_for(HARDENINGS)
    expected = fused_sums(plan_for(crowd, spec, rows=(20, 10)), terms, torch.float64, WHOLE)
    monkeypatch.setattr(population_plan, "home_of", lambda *_: torch.device("cpu"))
    plan = plan_for(crowd, spec, rows=(20, 10))
    assert plan.candidates[0].z.is_pinned()
    assert_close(fused_sums(plan, terms, torch.float64, WHOLE), expected, atol=0)


def test_progress_counts_up_to_every_anchor(crowd):
    seen: list[tuple[int, int, str]] = []
    plan = plan_for(crowd, Variant(0.5, hardening=()))
    fused_sums(plan, terms_for(MODERATE), torch.float64, WHOLE, lambda *state: seen.append(state), 40)
    assert seen[-1] == (48, 48, "anchors")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)


def test_the_table_takes_the_fused_path_where_it_may(crowd, monkeypatch):
    plan, terms = plan_for(crowd, Variant(0.2, hardening=())), terms_for(HARDENINGS)
    monkeypatch.setattr(cumulants, "is_fusible", lambda *_: False)
    tiles = ask(plan, LogSumsOf(terms))
    monkeypatch.setattr(cumulants, "is_fusible", lambda *_: True)
    monkeypatch.setattr(cumulants, "usable_recipe", lambda *_: WHOLE)
    fused = ask(plan, LogSumsOf(terms))
    assert not fused.log_sums.equal(tiles.log_sums)  # another path indeed
    assert fused.anchors.equal(tiles.anchors)
    assert_close((fused.log_sums, fused.largest), (tiles.log_sums, tiles.largest), atol=2e-6)


def test_only_powers_in_float32_or_mixed_precision_on_cuda_are_fused(crowd):
    plan, terms = plan_of(crowd, Variant(0.5, hardening=()), precision="auto"), terms_for(MODERATE)
    on_cuda = replace(plan, device=torch.device("cuda"))
    for dtype in (torch.float32, torch.float64):
        assert is_fusible(on_cuda, terms, dtype)
        assert not is_fusible(plan, terms, dtype)
        assert not is_fusible(on_cuda, terms_for([Polynomial(2.0)]), dtype)
        assert not is_fusible(replace(on_cuda, partition=BY_CLASS_AND_GROUP), terms, dtype)
    assert not is_fusible(replace(on_cuda, precision="float64"), terms, torch.float64)
    assert is_fusible(replace(on_cuda, precision="float32"), terms, torch.float32)


@pytest.fixture
def poor_products(monkeypatch):
    """Single float16 numbers instead of pairs: what a product of too few bits would give."""
    stored = _Sums._stored

    def rounded(self: _Sums, z: torch.Tensor, scale: float) -> torch.Tensor:
        out = stored(self, z, scale)
        if self.recipe.split:
            out[:, self.d :] = 0
        return out

    monkeypatch.setattr(_Sums, "_stored", rounded)


def sampled_plan() -> tuple[PairPlan, tuple]:
    emb = EmbeddingSet(*clouds("clustered", n=120, d=32))
    return plan_for(emb, Variant(0.5, hardening=())), terms_for(MODERATE)


def test_the_sample_tells_good_products_from_poor_ones(request):
    plan, terms = sampled_plan()
    assert sampled_error(plan, terms, torch.float32, SPLIT) < MOST_WRONG
    request.getfixturevalue("poor_products")
    assert sampled_error(plan, terms, torch.float32, SPLIT) > 10 * MOST_WRONG


def test_a_recipe_that_misses_gives_way_to_the_next(poor_products, monkeypatch):
    plan, terms = sampled_plan()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(choice, "RECIPES", {torch.float32: (replace(SPLIT, capability=10), SPLIT, WHOLE)})
    assert usable_recipe(plan, terms, torch.float32) == WHOLE
    monkeypatch.setattr(choice, "RECIPES", {torch.float32: (SPLIT,)})
    with pytest.warns(RuntimeWarning, match="slower tiles are: fp16x3 missed float64 by"):
        assert usable_recipe(plan, terms, torch.float32) is None


def test_a_kernel_that_does_not_compile_leaves_the_tiles(monkeypatch):
    plan, terms = sampled_plan()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(choice, "RECIPES", {torch.float32: (replace(WHOLE, block_a=17),)})  # no power of two
    with pytest.warns(RuntimeWarning, match="ieee failed with"):
        assert usable_recipe(plan, terms, torch.float32) is None


@pytest.mark.slow
@pytest.mark.parametrize(("capability", "split"), [(80, "mma.sync"), (90, "wgmma")])
def test_every_recipe_compiles_for_gpus_that_are_not_here(capability, split):
    run = [sys.executable, "-m", "tests.pairwise.cuda.compile_kernel", str(capability)]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(run, check=True, cwd=Path(__file__).parents[3], env=environment, stdout=subprocess.PIPE)
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    found = {(product, dtype): (matrix, int(shared)) for product, dtype, _, matrix, shared in lines}
    assert found["fp16x3", "torch.float32"][0] == split
    assert found["ieee", "torch.float32"][0] == "fma.rn.f32"
    assert found["ieee", "torch.float64"][0] == "mma.sync"
    assert max(shared for _, shared in found.values()) <= 227 * 1024  # an H200's; an A100 passes over what it lacks
