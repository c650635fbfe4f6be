"""The worst anchors and what makes them fail, against a literal search."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from boundcheck.data import ImageSet
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import LossTable, estimate
from boundcheck.hardest import SHOWN, hardest_anchors, pictures_of
from boundcheck.runs import HARDEST_COLUMNS
from tests.claims.designs import clusters


def named(emb: EmbeddingSet, scale: np.ndarray | None = None) -> EmbeddingSet:
    """Distinct ids and class names, and raw norms where a scale (n,) is given."""
    z = emb.z if scale is None else emb.z * scale[:, None, None]
    ids = [f"picture-{i}" for i in range(emb.n)]
    return EmbeddingSet(z, emb.y, ids, normalize=scale is None, classes=["cat", "dog", "fox"])


def literal_partner(emb: EmbeddingSet, i: int, view: int, same: bool) -> tuple[int, float]:
    """Instance and cosine of the candidate with the largest inner product."""
    best, partner, cosine = -math.inf, -1, math.nan
    for j in range(emb.n):
        for u in range(emb.v):
            if j != i and (emb.y[j] == emb.y[i]) == same:
                a, b = emb.z[i, view].astype(float), emb.z[j, u].astype(float)
                if a @ b > best:
                    best, partner, cosine = a @ b, j, a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    return partner, cosine


@pytest.mark.parametrize("raw", [False, True])
def test_are_the_least_margins_at_the_hardest_tilt_with_their_nearest(raw: bool) -> None:
    emb = clusters(spread=1.0)
    emb = named(emb, np.random.default_rng(1).uniform(0.5, 3, emb.n) if raw else None)
    table = estimate(emb, betas=[8, 1], hardening=["exp", "poly:2"], intervals=False)
    worst = hardest_anchors(table)
    assert list(worst.columns) == HARDEST_COLUMNS and list(worst["rank"]) == list(range(1, SHOWN + 1))
    assert (worst.hardening == "exp").all() and (worst.beta == 8).all()
    (hardest,) = (s for h, s in table.margins.items() if h.beta == 8)
    margin = hardest.margin.view(emb.n, emb.v).numpy()
    order = np.argsort(margin.min(1))[:SHOWN]
    assert list(worst.id) == [f"picture-{i}" for i in order]
    assert np.allclose(worst.margin, margin.min(1)[order])
    for row in worst.itertuples():
        i = int(row.id.split("-")[1])
        assert margin[i, row.view] == row.margin and row.label == emb.classes[emb.y[i]]
        for same, partner_id, partner_label, cosine in (
            (True, row.same_id, row.same_label, row.same_cosine),
            (False, row.diff_id, row.diff_label, row.diff_cosine),
        ):
            j, expected = literal_partner(emb, i, row.view, same)
            assert partner_id == f"picture-{j}" and partner_label == emb.classes[emb.y[j]]
            assert cosine == pytest.approx(expected, abs=1e-6)


def test_each_instance_is_shown_once_and_never_its_own_neighbour() -> None:
    worst = hardest_anchors(estimate(clusters(views=3, spread=1.5), betas=[5], intervals=False))
    assert worst.id.is_unique
    assert (worst.id != worst.same_id).all() and (worst.label == worst.same_label).all()
    assert (worst.label != worst.diff_label).all()


def test_anchors_without_a_partner_are_not_among_them() -> None:
    emb = EmbeddingSet(np.random.default_rng(0).standard_normal((6, 2, 3)), [0, 0, 0, 1, 1, 2])
    assert set(hardest_anchors(estimate(emb, betas=[1], intervals=False)).label) == {"0", "1"}


def test_none_where_no_anchor_has_a_partner() -> None:
    table = estimate(clusters(per_class=1, classes=3), betas=[1], intervals=False)
    assert len(hardest_anchors(table)) == 0


def test_sampled_anchors_keep_their_names() -> None:
    emb = named(clusters(spread=1.0))
    table = estimate(emb, betas=[5], anchors=20)
    worst = hardest_anchors(table)
    sampled = {f"picture-{anchor // emb.v}" for anchor in table.table.anchors.tolist()}
    assert set(worst.id) <= sampled


def without_tilt() -> LossTable:
    return estimate(clusters(), betas=[], hardening=["threshold:0.5"], intervals=False)


def test_without_an_exponential_tilt_the_untilted_margin_ranks() -> None:
    worst = hardest_anchors(without_tilt())
    assert (worst.hardening == "constant").all() and worst.beta.isna().all()


def pictures(ids: list[str]) -> ImageSet:
    images = np.arange(len(ids), dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), dtype=np.uint8)
    return ImageSet("demo", "test", images, np.arange(len(ids)) % 2, ("a", "b"), np.array(ids))


def test_pictures_follow_the_ids_whatever_their_order() -> None:
    worst = pd.DataFrame({"id": ["q", "r"], "same_id": ["p", "p"], "diff_id": ["s", "q"]})
    shown = pictures_of(worst, pictures(["s", "r", "q", "p"]))
    assert shown is not None and shown.shape == (2, 3, 1, 2, 2)
    assert shown[:, :, 0, 0, 0].tolist() == [[2, 3, 0], [1, 3, 2]]


def test_no_pictures_of_unknown_ids_or_of_nothing() -> None:
    worst = pd.DataFrame({"id": ["q"], "same_id": ["p"], "diff_id": ["elsewhere"]})
    assert pictures_of(worst, pictures(["p", "q"])) is None
    assert pictures_of(worst.iloc[:0], pictures(["p", "q"])) is None
