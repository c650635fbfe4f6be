import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import pair_plan
from boundcheck.hardening import Exponential
from boundcheck.pairwise.chunks import Span, spans
from boundcheck.pairwise.plan import choose_dtype, home_of, plan_pairs
from boundcheck.pairwise.tiles import _half_row, tiles_of
from boundcheck.pools import BY_CLASS, BY_CLASS_AND_GROUP
from boundcheck.spec import Execution, Variant

N, V = 23, 3


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.standard_normal((N, V, 4))), torch.from_numpy(rng.integers(0, 4, N))


@pytest.mark.parametrize("rows", [(7, 5), (1, 1), (69, 69), (1000, 1000)])
def test_chunks_hold_every_view_once_in_class_order(data, rows):
    z, y = data
    plan = plan_pairs(z, y, temperature=0.25, rows=rows)
    assert plan.symmetric == (rows[0] == rows[1])
    rank = {int(c): i for i, c in enumerate(torch.argsort(torch.bincount(y), descending=True, stable=True))}
    for chunks in (plan.anchors, plan.candidates):
        done = 0
        anchors = torch.cat([chunk.anchor for chunk in chunks])
        assert sorted(anchors.tolist()) == list(range(N * V))
        torch.testing.assert_close(torch.cat([chunk.z for chunk in chunks]), z.reshape(-1, 4)[anchors])
        assert torch.cat([chunk.instance for chunk in chunks]).equal(anchors // V)
        assert torch.cat([chunk.y for chunk in chunks]).equal(y[anchors // V])
        for chunk in chunks:
            assert chunk.at == slice(done, done + len(chunk))
            done += len(chunk)
            assert chunk.classes == Span(rank[int(chunk.y[0])], rank[int(chunk.y[len(chunk) // V - 1])])
            assert plan.order[chunk.start : chunk.stop].tolist() == chunk.instance[: chunk.stop - chunk.start].tolist()
        edges = [edge for chunk in chunks for edge in (chunk.classes.low, chunk.classes.high)]
        assert edges == sorted(edges)
    assert plan.pairs == (N * V) ** 2


@settings(max_examples=200)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 2, 5, 50, 200, 1000]), min_size=1, max_size=12),
    most=st.sampled_from([1, 3, 7, 100, 192, 384]),
    unit=st.sampled_from([1, 16, 32]),
)
def test_spans_cover_all_and_keep_large_classes_apart(sizes, most, unit):
    unit = unit if unit <= most else 1
    cut = spans(sizes, most, unit)
    assert [i for span in cut for i in range(*span)] == list(range(sum(sizes)))
    assert all(0 < stop - start <= most for start, stop in cut)
    borders, start = set(), 0
    for size in sizes:
        if 2 * size > most:
            borders |= {start, start + size}
        start += size
    assert borders <= {edge for span in cut for edge in span}
    runs = 2 * sum(2 * size > most for size in sizes) + 1
    assert sum((stop - start) % unit > 0 for start, stop in cut) <= runs


def test_equal_classes_make_equal_chunks_without_masks():
    cut = spans([5000] * 10, 384, 32)
    assert len(cut) == 140
    assert {stop - start for start, stop in cut} <= {352, 360, 384}


@pytest.mark.parametrize("chunks", [1, 2, 3, 4, 7, 8])
def test_half_rows_hold_every_pair_of_chunks_once(chunks):
    pairs = [tuple(sorted((row, column))) for row in range(chunks) for column in _half_row(row, chunks)]
    assert sorted(pairs) == [(a, b) for a in range(chunks) for b in range(a, chunks)]


def test_sampled_anchors_come_whole_and_alone(data):
    z, y = data
    some = torch.tensor([0, 5, 17, 40, 68])
    plan = plan_pairs(z, y, temperature=0.5, anchors=some, rows=(2, 9))
    assert sorted(torch.cat([chunk.anchor for chunk in plan.anchors]).tolist()) == some.tolist()
    assert plan.pairs == len(some) * N * V


GROUPED = {
    "no groups": lambda y, rng: None,
    "classes lie in a group": lambda y, rng: torch.from_numpy(rng.integers(0, 7, 60))[y],
    "classes lie across groups": lambda y, rng: torch.from_numpy(rng.integers(0, 7, len(y))),
}


@pytest.mark.parametrize("grouped", GROUPED)
def test_of_few_anchors_of_many_classes_a_same_class_pass_forms_their_own_rows(grouped):
    """Every same-class pair once, and no tile of a class with anchors of others; whole rows if classes lie across."""
    rng = np.random.default_rng(1)
    y = torch.from_numpy(rng.permutation(np.repeat(np.arange(60), 8)))
    groups = GROUPED[grouped](y, rng)
    some = torch.from_numpy(np.sort(rng.choice(480, 50, replace=False)))
    partition = BY_CLASS if groups is None else BY_CLASS_AND_GROUP
    plan = plan_pairs(torch.randn(480, 1, 4), y, temperature=0.5, groups=groups, anchors=some, partition=partition,
                      rows=(50, 8))  # fmt: skip
    seen = torch.zeros(480, 480, dtype=torch.long)
    formed = 0
    for row, anchors in enumerate(plan.anchors):
        buffer = torch.empty(len(anchors) * 8, dtype=torch.float64)
        for few, tile in tiles_of(plan, row, buffer, same_only=True):
            same = few.y[:, None] == tile.candidates.y
            assert bool(same.any(1).all()) or grouped == "classes lie across groups"
            seen[few.anchor[:, None], tile.candidates.anchor] += same.long()
            formed += tile.t.numel()
    wanted = (y[:, None] == y) & torch.isin(torch.arange(480), some)[:, None]
    assert torch.equal(seen, wanted.long())
    assert formed == int(wanted.sum()) or grouped == "classes lie across groups"  # chunks are a class each


@pytest.mark.parametrize("grouped", GROUPED)
def test_the_parts_of_sampled_anchors_hold_every_pair_once(grouped):
    """Against the labels themselves, pair by pair."""
    rng = np.random.default_rng(3)
    y = torch.from_numpy(rng.integers(0, 60, 300))
    groups = GROUPED[grouped](y, rng)
    partition = BY_CLASS if groups is None else BY_CLASS_AND_GROUP
    plan = plan_pairs(torch.randn(300, 1, 4), y, temperature=0.5, groups=groups, anchors=torch.arange(0, 300, 7),
                      partition=partition, rows=(9, 32))  # fmt: skip
    place = torch.full((300, 300), -1)
    for row, anchors in enumerate(plan.anchors):
        buffer = torch.empty(len(anchors) * 64, dtype=torch.float64)
        for some, tile in tiles_of(plan, row, buffer):
            for part in tile.parts:
                inside = torch.ones(tile.t.shape, dtype=torch.bool) if part.drop is None else ~part.drop
                at, to = (
                    some.anchor[:, None].expand_as(inside)[inside],
                    tile.candidates.anchor.expand_as(inside)[inside],
                )
                assert bool((place[at, to] == -1).all())
                place[at, to] = part.place
    same = y[:, None] == y
    alike = torch.zeros_like(same) if groups is None else (groups[:, None] == groups) & ~same
    expected = torch.where(same, 0, torch.where(alike, 1, len(partition) - 1)).fill_diagonal_(-1)
    assert torch.equal(place[::7], expected[::7])


def test_rows_of_sampled_anchors_ascend_in_class():
    rng = np.random.default_rng(2)
    y = torch.from_numpy(rng.integers(0, 9, 100))
    plan = plan_pairs(torch.randn(100, 2, 4), y, temperature=0.5, anchors=torch.arange(0, 200, 7), rows=(11, 16))
    for chunk in plan.anchors:
        assert list(chunk.ranks) == sorted(chunk.ranks) and len(chunk.ranks) == len(chunk)
        for rank in range(9):
            at = chunk.rows_of(Span(rank, rank))
            assert chunk.ranks[at] == tuple(r for r in chunk.ranks if r == rank)


def test_precision_follows_the_largest_exponent():
    assert choose_dtype("auto", 24.0) == torch.float32
    assert choose_dtype("auto", 25.0) == torch.float64
    assert choose_dtype("float32", 1e4) == torch.float32
    assert choose_dtype("float64", 1.0) == torch.float64


def test_long_vectors_need_float64_where_unit_vectors_do_not():
    z = np.random.default_rng(0).standard_normal((20, 8))
    unit, long = EmbeddingSet(z, np.arange(20) % 2), EmbeddingSet(10 * z, np.arange(20) % 2, normalize=False)
    spec = Variant(0.5, hardening=(Exponential(5.0),))
    steepest = 6.0
    assert pair_plan(unit, spec, Execution(device="cpu")).dtype(steepest) == torch.float32
    assert pair_plan(long, spec, Execution(device="cpu")).dtype(steepest) == torch.float64


def test_rounding_grows_with_the_exponents_and_is_that_of_the_precision():
    emb = EmbeddingSet(np.random.default_rng(0).standard_normal((20, 8)), np.arange(20) % 2)
    single, double = (
        pair_plan(emb, Variant(0.5), Execution(device="cpu", precision=precision)) for precision in ("auto", "float64")
    )
    assert single.rounding(0.0) == 32 * torch.finfo(torch.float32).eps  # a few of the last digit
    assert single.rounding(0.0) < single.rounding(1.0) < single.rounding(10.0) < 1e-3
    assert double.rounding(5.0) / single.rounding(5.0) == pytest.approx(2.0**-29)


def test_embeddings_that_leave_too_little_of_a_gpu_stay_on_the_host(monkeypatch):
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 4000))
    assert home_of(cuda, 500) == cuda
    assert home_of(cuda, 501) == cpu
    assert home_of(cpu, 10**15) == cpu


def test_one_plan_serves_every_temperature_and_sample(data):
    z, y = data
    plan = plan_pairs(z, y, temperature=0.5, rows=(16, 16))
    colder, some = plan.at(0.1), plan.of(torch.tensor([3, 7, 60]))
    assert colder.candidates is plan.candidates and some.candidates is plan.candidates
    assert colder.reach == pytest.approx(5 * plan.reach)
    assert not some.symmetric and some.of(None).symmetric and some.of(None).pairs == plan.pairs
    assert plan.tally.plans == 1 and colder.tally is some.tally is plan.tally


def test_groups_keep_classes_of_a_super_class_side_by_side(data):
    z, y = data
    groups = y % 2
    plan = plan_pairs(z, y, temperature=0.5, groups=groups, partition=BY_CLASS_AND_GROUP, rows=(6, 6))
    of_order = torch.stack([groups[plan.order], y[plan.order]], 1)
    runs = torch.unique_consecutive(of_order, dim=0)
    assert len(runs) == len(torch.unique(of_order, dim=0)) == 4
    assert len(torch.unique_consecutive(of_order[:, 0])) == 2
