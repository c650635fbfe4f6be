"""A sweep's figures, tables and page show the numbers that they are given."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from boundcheck.report import render
from boundcheck.report.style import FAILS
from boundcheck.report.sweep import SWEEP_FIGURES, SWEEP_TABLES, sweep_html, sweep_text, write_sweep_report
from boundcheck.report.sweep.gap import draw_gap
from boundcheck.report.sweep.share import draw_share
from boundcheck.report.sweep.tables import assumption_grid, gap_grid, verdict_grid
from boundcheck.report.sweep.verdicts import draw_verdicts
from boundcheck.report.sweep.words import sweep_headline
from boundcheck.sweep_record import SWEEP_COLUMNS, SweepRecord, save_sweep
from tests.chromium import load_in_chromium
from tests.report.conftest import CATALOGUE

TAUS = (0.1, 0.5)
# verdict, kind and premise at each encoder; the gap is that of the row
CASES = {"good": (0.4, "holds", 1.0), "doubtful": (0.001, "undecided", 0.9), "bad": (-0.3, "violated", 0.8)}


def make_sweep(contradiction: bool = False, qs: tuple[float, ...] = (1.0,), undefined: bool = False) -> SweepRecord:
    claims, assumption, losses = [], [], []
    for tau, (name, (gap, verdict, premise)) in product(TAUS, CASES.items()):
        for beta, q in product((1.0, 5.0), qs):
            premise_share = 1.0 if contradiction else premise
            row = dict(
                encoder=name, temperature=tau, claim="hscl_le_hucl", kind="theorem", hardening="exp", beta=beta, q=q,
                lhs=1.0, rhs=1.0 + gap, gap=gap, se=0.01, ci_low=gap - 0.02, ci_high=gap + 0.02, p_value=0.01,
                p_holm=0.5, share_holding=0.9, n_anchors=80, premise_share=premise_share, vacuous=False, reliable=True,
                verdict=verdict, reason="", remedy="",
            )  # fmt: skip
            if undefined and name == "bad" and beta == 5:
                row |= dict(gap=math.nan, ci_low=math.nan, ci_high=math.nan, verdict="inapplicable")
            claims += [row, row | dict(claim="hucl_ge_ucl", kind="exact", verdict="passes", premise_share=math.nan)]
            losses.append(
                dict(encoder=name, temperature=tau, loss="hscl", hardening="exp", beta=beta, q=q, reliable=beta < 5)
            )
        for beta in (1.0, 5.0, math.inf):
            share = math.nan if undefined and name == "bad" else premise - 0.01 * min(beta, 10)
            assumption.append(
                dict(encoder=name, temperature=tau, hardening="exp", beta=beta, share_holding=share,
                     share_low=share - 0.05, share_high=share + 0.01, median_ess=300.0)
            )  # fmt: skip
    manifest = {
        "boundcheck": "0.1.0", "command": ["boundcheck", "sweep"], "created": "2025-01-02T03:04:05+00:00",
        "config": {"hardening": ("exp",), "q": qs, "confidence": 0.95, "seed": 0}, "versions": {"python": "3.12"},
        "platform": {"cpu": "a processor", "cores": 2, "gpu": None, "system": "Linux"},
        "encoders": [{"name": name, "path": f"runs/<{name}>/encoder.pt", "checkpoint": {"sha256": "cd" * 32},
                      "data": {"name": "digits", "n": 40, "v": 2, "d": 8, "c": 3, "sha256": "ab" * 32}}
                     for name in CASES],
        "cells": [{"estimator": "exact", "cost": {"wall_seconds": 1.5, "pairs": 6400}}] * 2, "family": 24, "notes": [],
        "cost": {"cells_computed": 4, "cells_reused": 2, "wall_seconds": 3.0, "pairs": 6400},
        "warnings": [{"warning": "few & far", "cells": ["good at τ = 0.1"], "all": False},
                     {"warning": "everywhere", "cells": [], "all": True}],
        "catalogue": {key: CATALOGUE[key] for key in ("hscl_le_hucl", "hucl_ge_ucl")},
    }  # fmt: skip
    tables = {"claims": claims, "losses": losses, "assumption": assumption}
    frames = {name: pd.DataFrame(rows).reindex(columns=SWEEP_COLUMNS[name]) for name, rows in tables.items()}
    return SweepRecord(**frames, manifest=manifest)


@pytest.fixture(scope="module")
def record() -> SweepRecord:
    return make_sweep()


def texts(figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_the_gap_is_written_in_every_cell(record):
    figure, data = draw_gap(record)
    shown = texts(figure)
    assert shown.count("0.40") == shown.count("0.40*") == 2  # an asterisk at beta = 5: not to be relied on
    assert shown.count("0.001?") == shown.count("0.001?*") == 2
    assert shown.count("−0.30") == shown.count("−0.30*") == 2
    pd.testing.assert_series_equal(data["gap"], record.claims.loc[data.index, "gap"])


def test_the_colours_of_the_gap_are_centred_at_zero(record):
    figure, _ = draw_gap(record)
    bar = next(ax for ax in figure.axes if ax.get_xlabel().startswith("H-UCL"))
    low, high = bar.get_xlim()
    assert low == -high == pytest.approx(-0.4)
    cells = [collection for ax in figure.axes for collection in ax.collections if len(collection.get_facecolor()) == 12]
    red, _, blue, _ = cells[0].get_facecolor().T
    written = [text for text in texts(figure) if not text.startswith("τ")]
    by_text = dict(zip(written, zip(red, blue, strict=True), strict=True))
    assert by_text["−0.30"][0] > by_text["−0.30"][1] and by_text["0.40"][0] < by_text["0.40"][1]
    assert by_text["0.001?"][0] == pytest.approx(by_text["0.001?"][1], abs=0.06)


def test_the_share_is_rounded_down_and_in_every_cell(record):
    figure, data = draw_share(record)
    shown = texts(figure)
    assert shown.count("99.0") == 2 and shown.count("95.0*") == 2 and shown.count("90.0") == 2  # beta = 1, 5, inf
    assert len(data) == 18
    assert "τ = 0.1" in shown and "τ = 0.5" in shown


def test_every_verdict_has_a_symbol_of_its_own(record):
    figure, data = draw_verdicts(record)
    shown = texts(figure)
    assert shown.count("?") == shown.count("(✗)") == 4 and shown.count("✓") == 4 + 12
    assert set(data["reading"]) == {"", "premise fails, no contradiction"}
    assert "✗" not in shown
    contradicted, data = draw_verdicts(make_sweep(contradiction=True))
    assert texts(contradicted).count("✗") == 4 and "contradicts the theorem" in set(data["reading"])
    faces = [c for ax in contradicted.axes for coll in ax.collections for c in coll.get_facecolor()]
    assert sum(mpl.colors.to_hex(face) == FAILS for face in faces) == 4


def test_undefined_cells_are_dashes_not_gaps():
    record = make_sweep(undefined=True)
    assert texts(draw_gap(record)[0]).count("–") == 2
    assert texts(draw_share(record)[0]).count("–") == 6
    assert texts(draw_verdicts(record)[0]).count("–") == 2


def test_several_q_are_panels_and_the_gravest_counts():
    record = make_sweep(qs=(1.0, math.inf))
    claims = record.claims.copy()
    claims.loc[(claims["q"] == 1) & (claims["claim"] == "hscl_le_hucl"), "verdict"] = "holds"
    figure, _ = draw_gap(record)
    assert [ax.get_title() for ax in figure.axes[:2]] == ["Q = 1", "Q = ∞"]
    assert texts(draw_verdicts(replace(record, claims=claims))[0]).count("?") == 4


def test_without_theorem_1_there_is_no_gap(record, tmp_path):
    only = replace(record, claims=record.claims[record.claims["claim"] == "hucl_ge_ucl"].reset_index(drop=True))
    assert draw_gap(only) is None and len(gap_grid(only)) == 0
    write_sweep_report(only, tmp_path)
    assert not (tmp_path / "figures/gap.png").exists() and not (tmp_path / "tables/gap.md").exists()


def test_tables_hold_the_intervals(record):
    assert assumption_grid(record).loc[0].tolist() == [
        "good", "0.1", "99 % [94, 100]", "95 % [90, 96]", "90 % [85, 91]",
    ]  # fmt: skip
    assert gap_grid(record)["β = 1"].tolist()[:3] == [
        "0.400 [0.380, 0.420]", "0.001 [-0.019, 0.021]", "-0.300 [-0.320, -0.280]",
    ]  # fmt: skip
    words = verdict_grid(record)
    assert words.columns[:3].tolist() == ["Claim", "Encoder", "Temperature"] and len(words) == 12
    assert words["β = 5"].tolist()[:3] == ["holds", "undecided", "premise fails, no contradiction"]


def test_the_headline_tells_a_contradiction_from_a_failed_premise(record):
    said = sweep_headline(record)
    assert said.startswith(
        "3 encoders at 2 temperatures. Violated in some cells, where the premise fails and nothing is contradicted: "
        "H-SCL never exceeds H-UCL."
    )
    assert "tilting never lowers H-UCL" not in said  # exact, and so no finding
    assert "Assumption 1 holds at 75 to 99 % of the anchors, least on bad at temperature 0.1." in said
    assert said.endswith("6 of 12 losses are not to be relied on.")
    assert "Contradicted in some cells: H-SCL never exceeds H-UCL." in sweep_headline(make_sweep(contradiction=True))


def test_the_headline_says_where_the_computation_is_in_error(record):
    verdicts = record.claims["verdict"].where(record.claims["verdict"] != "passes", "fails")
    said = sweep_headline(replace(record, claims=record.claims.assign(verdict=verdicts)))
    assert "The computation is in error: tilting never lowers H-UCL." in said


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (("occurs", "occurs", "occurs"), "Occurs in every cell"),
        (("occurs", "undecided", "does not occur"), "Occurs in some cells"),
        (("does not occur", "does not occur", "does not occur"), "Occurs in no cell"),
    ],
)
def test_the_headline_tells_how_often_a_scenario_occurs(record, verdicts, said):
    words = record.claims["encoder"].map(dict(zip(CASES, verdicts, strict=True)))
    scenario = replace(record, claims=record.claims.assign(kind="scenario", verdict=words))
    assert f"{said}: H-SCL never exceeds H-UCL; tilting never lowers H-UCL." in sweep_headline(scenario)


def test_the_terminal_gets_a_line_for_each_cell(record):
    lines = sweep_text(record).splitlines()
    assert [line.split() for line in lines if line.startswith(("good", "doubtful", "bad"))] == [
        ["good", "0.1", "✓", "✓"], ["doubtful", "0.1", "?", "?"], ["bad", "0.1", "(✗)", "(✗)"],
        ["good", "0.5", "✓", "✓"], ["doubtful", "0.5", "?", "?"], ["bad", "0.5", "(✗)", "(✗)"],
    ]  # fmt: skip
    assert "of β = 1, β = 5." in sweep_text(record)


@pytest.fixture(scope="module")
def saved(record, tmp_path_factory) -> Path:
    return save_sweep(record, tmp_path_factory.mktemp("sweep") / "out", also=[write_sweep_report])


def test_files(saved):
    names = {path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.{kind}" for name in SWEEP_FIGURES for kind in ("png", "pdf", "svg", "csv")}
    tables = {f"tables/{name}.{kind}" for name in SWEEP_TABLES for kind in ("md", "tex")}
    assert names == {"sweep.csv", "losses.csv", "assumption.csv", "run.json", "report.html"} | figures | tables


def test_the_page_is_whole_and_asks_for_nothing(saved, tmp_path):
    dom, console, requests = load_in_chromium((saved / "report.html").resolve(), tmp_path)
    assert console == [] and requests == []
    assert dom.count('<svg class="figure"') == 3 and "<title>bad, τ = 0.1, β = 5: −0.300" in dom.replace("-0.3", "−0.3")
    assert "few &amp; far" in dom and "runs/&lt;bad&gt;/encoder.pt" in dom
    assert "adjusted over all 24 tests" in dom and "3 s, 12,800 pairs" in dom
    assert re.search(r"<title>boundcheck: 3 encoders</title>", dom)


def test_a_sweep_is_rendered_again(record, tmp_path):
    place = save_sweep(record, tmp_path / "out")
    assert render(place) == place / "report.html"
    assert (place / "figures/verdicts.svg").is_file()
    before = np.genfromtxt(place / "figures/gap.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert before["gap"].tolist() == record.claims[record.claims["claim"] == "hscl_le_hucl"]["gap"].tolist()


def test_a_notebook_gets_a_fragment(record):
    html = sweep_html(record)
    assert "where the premise fails and nothing is contradicted" in html and "<table" in html and "(✗)" in html
