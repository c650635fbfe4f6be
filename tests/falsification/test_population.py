"""In a search the points are the whole population: nothing is doubted for their small number."""

from __future__ import annotations

import numpy as np

import boundcheck as bc
from boundcheck.claims import CLAIMS, judge
from boundcheck.falsification.evidence import dense_evidence
from boundcheck.spec import Variant


def test_six_points_are_judged() -> None:
    z = np.random.default_rng(0).standard_normal((6, 3))
    emb = bc.EmbeddingSet(z, [0, 0, 0, 1, 1, 1])
    evidence = dense_evidence(emb, Variant(betas=[1.0]).on(emb))
    assert evidence.losses.doubt(()) is None
    assert {judgement.verdict for judgement in judge(CLAIMS["scl_le_ucl"], evidence, 0.95)} <= {"holds", "violated"}
