"""Runs with made-up but coherent numbers: the report must show what it is given, whatever the shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from boundcheck.report import write_report
from boundcheck.runs import (
    ASSUMPTION_COLUMNS,
    CLAIM_COLUMNS,
    FINITE_K_COLUMNS,
    HARDEST_COLUMNS,
    K_EPSILON_COLUMNS,
    LOSS_COLUMNS,
    POPULATION_COLUMNS,
    Run,
    hardening_key,
    save_run,
)
from boundcheck.verdicts import MET, UNMET, Kind

DOUBTFUL = 10.0  # from this beta on nothing is to be relied on
CLASSES = ("T-shirt/top", "Trouser", "Pull_over & co", "Dress")
CATALOGUE = {
    "hscl_le_hucl": {
        "title": "H-SCL never exceeds H-UCL",
        "statement": r"L_{\mathrm{HSCL}}(\eta) \le L_{\mathrm{HUCL}}(\eta)",
        "source": "Jiang et al. 2022 (arXiv 2209.00078), Theorem 1",
        "kind": "theorem",
        "premise": "Assumption 1 at η",
    },
    "hscl_ge_ucl": {
        "title": "hard enough H-SCL bounds UCL",
        "statement": r"L_{\mathrm{HSCL}}(\eta) \ge L_{\mathrm{UCL}}",
        "source": "Jiang et al. 2022 (arXiv 2209.00078), abstract",
        "kind": "scenario",
        "premise": "β above the crossing",
    },
    "hucl_ge_ucl": {
        "title": "tilting never lowers H-UCL",
        "statement": r"L_{\mathrm{HUCL}}(\eta) \ge L_{\mathrm{UCL}}",
        "source": "Jiang et al. 2024 (arXiv 2311.05139)",
        "kind": "exact",
        "premise": "",
    },
    "scl_ge_collapse": {
        "title": "no SCL below neural collapse",
        "statement": r"L_{\mathrm{SCL}} \ge \log\left(1 + Q\,e^{-\frac{C}{(C-1)\tau}}\right)",
        "source": "Jiang et al. 2024 (arXiv 2311.05139), Theorem 2",
        "kind": "theorem",
        "premise": "",
    },
}


def make_run(
    betas: Sequence[float] = (0.5, 1, 2, 5, 10),
    qs: Sequence[float] = (1.0,),
    others: Sequence[str] = (),
    n: int = 400,
    pictures: bool = True,
    population: bool = True,
    inapplicable: bool = False,
    premise: float = 0.93,
    crossing: float | None = 1.1,
    ks: Sequence[int] = (1, 10, 100),
) -> Run:
    """A run with the given shape; `premise` is the share of anchors that satisfy Assumption 1."""
    rng = np.random.default_rng(0)
    hardenings = [("constant", np.nan), *(("exp", float(b)) for b in betas), *((name, np.nan) for name in others)]
    hardness = {pair: pair[1] if pair[0] == "exp" else 3.0 if pair in hardenings[1:] else 0.0 for pair in hardenings}

    losses = []
    for q, (loss, base, slope) in product(
        qs, [("ucl", 1.2, 0), ("hucl", 1.2, 0.5), ("scl", 1.0, 0), ("hscl", 1.0, 0.4)]
    ):
        for pair in hardenings[:1] if slope == 0 else hardenings[1:]:
            estimate = np.log1p(min(q, 5) * np.exp(base - 1)) + slope * (1 - np.exp(-hardness[pair] / 4))
            losses.append([
                loss, *pair, q, 0.5, "augmentation", "exact", np.nan, estimate, estimate - 0.003, 0.01,
                estimate - 0.02, estimate + 0.02, n, 210.4, "iid", hardness[pair] < DOUBTFUL,
            ])  # fmt: skip

    claims = []
    for (name, entry), q, pair in product(CATALOGUE.items(), qs, hardenings[1:]):
        gap = {"hscl_ge_ucl": 0.04 * (hardness[pair] - 1.1), "hscl_le_hucl": 0.2 if premise > 0.5 else -0.2}.get(
            name, 0.1
        )
        kind: Kind = entry["kind"]
        reliable = kind == "exact" or hardness[pair] < DOUBTFUL
        verdict: str = MET[kind] if gap > 0.02 else UNMET[kind] if gap < -0.02 else "undecided"
        share = [premise, premise - 0.02, premise + 0.01] if name == "hscl_le_hucl" else [np.nan] * 3
        reason = "Assumption 1 fails at some anchors: the theorem is not contradicted." if verdict == "violated" else ""
        if not reliable:
            verdict, reason = "undecided", "It rests on 4.2 effective instances at an anchor."
        remedy = "about 4,000 instances" if verdict == "undecided" else ""
        p = [np.nan, np.nan] if kind == "exact" or not reliable else [0.00004, 0.0002]
        numbers = [1.1, 1.1 + gap, gap, 0.01, gap - 0.02, gap + 0.02, *p, 0.9, 0.88, 0.92, n, *share]
        if name == "scl_ge_collapse" and inapplicable:
            numbers = [np.nan] * 11 + [0] + [np.nan] * 3
            verdict, remedy = "inapplicable", ""
            reason = "needs balanced classes: the class counts differ; use class_prior='balanced'"
        claims.append([name, kind, *pair, q, *numbers, False, reliable, verdict, reason, remedy, ""])

    margins = {pair: rng.normal(1.5, 1, n) + hardness[pair] / 10 for pair in hardenings}
    assumption = [
        [
            *pair,
            np.mean(m >= 0),
            np.mean(m >= 0) - 0.02,
            min(np.mean(m >= 0) + 0.01, 1.0),
            np.mean(m >= 0),
            hardness[pair] < DOUBTFUL,
            np.median(m),
            m.min(),
            210.4,
            n,
            1,
        ]
        for pair, m in margins.items()
    ]
    assumption.append(["exp", np.inf, 0.955, 0.94, 0.97, np.nan, False, 2.0, -3.0, np.nan, n, 1])

    anchors = {
        "id": np.arange(n).astype(str),
        "view": np.zeros(n, int),
        "label": rng.choice(CLASSES, n),
        "beta_star": np.where(rng.random(n) < 0.1, np.nan, rng.gamma(2, 2, n)),
    }
    for pair, m in margins.items():
        key = hardening_key(*pair)
        anchors[f"margin[{key}]"] = m
        anchors[f"ess[{key}]"] = np.full(n, 210.4)
        anchors[f"hscl[{key},q=1]"] = rng.random(n)

    limits = [[*row[:4], row[8] + 0.001, 0.0003, row[8], 0.01, row[8] - 0.02, row[8] + 0.02] for row in losses]
    limits += [["assumption1", *pair, np.nan, 0.99, 0.001, 0.97, 0.01, 0.95, 0.99] for pair in hardenings]
    rows = 12
    worst = [
        [
            i + 1, str(10 * i), 0, CLASSES[i % 4], -3 + 0.1 * i, "exp", betas[-1] if betas else np.nan,
            str(i), CLASSES[i % 4], 0.91, str(i + 1), CLASSES[(i + 1) % 4], 0.97,
        ]
        for i in range(rows)
    ]  # fmt: skip
    images = rng.integers(0, 255, (rows, 3, 1, 28, 28), dtype=np.uint8) if pictures else None
    manifest = {
        "boundcheck": "0.1.0",
        "command": ["boundcheck", "verify", "--dataset", "fashion_mnist"],
        "created": "2025-01-02T03:04:05+00:00",
        "config": {"temperature": 0.5, "betas": list(betas), "q": list(qs), "seed": 0,
                   "confidence": 0.95, "positives": "augmentation", "design": "iid"},
        "versions": {"python": "3.12", "torch": "2.13.0"},
        "platform": {"system": "Linux", "cpu": "a processor", "cores": 2, "ram_gb": 8.0, "gpu": None},
        "data": {
            "name": "fashion_mnist", "sha256": "ab" * 32, "n": n, "v": 2, "d": 128, "c": 4,
            "class_counts": dict.fromkeys(CLASSES, n // 4), "normalized": True, "anchors": n,
            "anchors_without_partner": 1, "source": "test split",
        },
        "checkpoint": {"path": "runs/<hscl>/encoder.pt", "sha256": "cd" * 32},
        "cost": {"wall_seconds": 3.21, "pairs": n * n, "ns_per_pair": 1.7, "peak_memory_gb": 0.41},
        "crossing": [{"q": q, "beta": crossing, "note": "" if crossing else "H-SCL stays below UCL"} for q in qs],
        "warnings": ["not to be relied on: H-SCL (β = 10). It rests on 4.2 effective instances at an anchor."],
        "catalogue": CATALOGUE,
    }  # fmt: skip
    finite_k, k_epsilon = [], []
    for loss, hardening, beta, q, _, _, _, _, estimate, *_ in losses:
        for k in ks:
            gap = 0.05 / k
            finite_k.append([
                loss, hardening, beta, q, k, estimate - gap, estimate - gap, 0.01, estimate - gap - 0.02,
                estimate - gap + 0.02, gap, gap * 0.9, gap * 1.1, gap, gap, estimate - 3 * gap, 0.001, 0.0, n,
            ])  # fmt: skip
        k_epsilon += [[loss, hardening, beta, q, epsilon, 0.05 / epsilon] for epsilon in (0.01, 0.001) if ks]
        k_epsilon += [[loss, hardening, beta, q, 1e-9, np.inf] for _ in ks[:1]]
    return Run(
        finite_k=pd.DataFrame(finite_k, columns=FINITE_K_COLUMNS),
        k_epsilon=pd.DataFrame(k_epsilon, columns=K_EPSILON_COLUMNS),
        losses=pd.DataFrame(losses, columns=LOSS_COLUMNS),
        claims=pd.DataFrame(claims, columns=CLAIM_COLUMNS),
        assumption=pd.DataFrame(assumption, columns=ASSUMPTION_COLUMNS),
        anchors=pd.DataFrame(anchors),
        hardest=pd.DataFrame(worst, columns=HARDEST_COLUMNS),
        manifest=manifest,
        population=pd.DataFrame(limits if population else [], columns=POPULATION_COLUMNS),
        pictures=images,
    )


SHAPES: dict[str, dict[str, object]] = {
    "usual": {},
    "one beta": {"betas": [2.0]},
    "several q": {"qs": [1.0, 4.0, np.inf]},
    "threshold and poly": {"others": ["threshold:0.5", "poly:2"]},
    "no exponential hardening": {"betas": [], "others": ["threshold:0.5"], "crossing": None},
    "no pictures": {"pictures": False},
    "no finite k": {"ks": ()},
    "inapplicable": {"inapplicable": True},
    "premise fails": {"premise": 0.4},
    "crossing beyond": {"crossing": 40.0},
    "many betas": {"betas": [0.1, 0.5, 1, 2, 3, 5, 8, 10, 20, 50, 100]},
}


@pytest.fixture(scope="session")
def factory() -> Callable[..., Run]:
    return make_run


@pytest.fixture(scope="session")
def run() -> Run:
    return make_run()


@pytest.fixture(scope="session")
def saved(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual run, saved with its report; to be read, not written."""
    return save_run(run, tmp_path_factory.mktemp("saved") / "run", also=[write_report])


@pytest.fixture(params=SHAPES)
def any_run(request: pytest.FixtureRequest) -> Run:
    return make_run(**SHAPES[request.param])  # type: ignore[arg-type]
