"""Do the exact claims hold on every data set? Thousands of random ones, awkward on purpose.

    python -m tests.studies.exact_claims --out results/validation --cases 10000

Imbalance, singletons, collapse, duplicates, one to three views, temperatures 0.01 to 1, tilts up to beta = 100, both
priors, self pairs left out and included. Every exact claim is judged at every anchor; a violation is an error of ours.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from boundcheck.claims import CLAIMS, judge
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.spec import Variant
from tests.claims.designs import evidence_of
from tests.strategies import embedding_sets

SEED = 20220904
EXACT = tuple(claim for claim in CLAIMS.values() if claim.kind == "exact")


def exact_claims(cases: int) -> pd.DataFrame:
    """One row per exact claim: cases it applied to, rows and anchors compared, violations, least slack in nats."""
    found: dict[str, dict[str, float]] = defaultdict(
        lambda: {"cases": 0, "rows": 0, "anchors": 0, "violated": 0, "least_slack": float("inf")}
    )

    @seed(SEED)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        embedding_sets(),
        st.sampled_from([0.01, 0.07, 0.5, 1.0]),
        st.sampled_from([(0.5,), (1.0, 30.0), (100.0,)]),
        st.sampled_from([(1.0,), (0.1, float("inf")), (64.0,)]),
        st.sampled_from(["empirical", "balanced"]),
        st.sampled_from(["exclude", "include"]),
        st.sampled_from(["auto", "class"]),
        st.sampled_from([False, False, False, True]),
    )
    def judge_all(
        emb: EmbeddingSet,
        temperature: float,
        betas: tuple[float, ...],
        q: tuple[float, ...],
        prior: str,
        pairs: str,
        positives: str,
        behind_relu: bool,
    ) -> None:
        if behind_relu:
            emb = EmbeddingSet(np.abs(emb.z), emb.y)
        options: dict[str, Any] = dict(
            temperature=temperature, betas=betas, q=q, positives=positives, self_pairs=pairs, class_prior=prior
        )
        try:
            Variant(**options).on(emb)
        except InputError:  # no class with a positive
            return
        evidence = evidence_of(emb, intervals=False, **options)
        for claim in EXACT:
            row, tested = found[claim.id], False
            for judgement in judge(claim, evidence, 0.95):
                if judgement.finding is None or judgement.finding.slack is None or judgement.verdict == "inapplicable":
                    continue
                slack = judgement.finding.slack[~torch.isnan(judgement.finding.slack)]
                tested = True
                row["rows"] += 1
                row["anchors"] += len(slack)
                row["violated"] += judgement.verdict == "fails"
                row["least_slack"] = min(row["least_slack"], float(slack.min()))
            row["cases"] += tested

    judge_all()
    return pd.DataFrame([{"claim": claim.id} | found[claim.id] for claim in EXACT])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=10_000)
    arguments = parser.parse_args()
    table = exact_claims(arguments.cases)
    table.to_csv(arguments.out / "exact_claims.csv", index=False)
    print(table.to_string(index=False))
