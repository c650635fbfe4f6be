"""How the study judges samples: what is covered, decided, wrong, and the shares that are reported of them."""

import numpy as np
import pandas as pd
import pytest

from tests.studies.validity.summary import CELL, judged, overview, summarise
from tests.studies.validity.table import by_kind, permuted

TRUTH = pd.DataFrame(
    [("hucl-hscl", 1.0, 0.1, 0.001), ("hscl-ucl", 1.0, -0.2, 0.001), ("hucl", 1.0, 0.7, 0.001)],
    columns=["quantity", "beta", "truth", "truth_se"],
)


def samples(*rows: tuple[str, float, float, str]) -> pd.DataFrame:
    """Samples 0, 1, ... of one cell: quantity, ci_low, ci_high, verdict."""
    frame = pd.DataFrame(rows, columns=["quantity", "ci_low", "ci_high", "verdict"])
    middle = (frame.ci_low + frame.ci_high) / 2
    frame = frame.assign(beta=1.0, estimate=middle, plugin=middle, se=0.1, sample=np.arange(len(rows)), ess=9.0)
    return frame.assign(**dict(zip(CELL, ("tune", "a", 10, 0.5, "iid", "empirical"), strict=True)))


def test_verdicts_against_the_truth_are_wrong_only_where_they_are_about_it():
    found = judged(
        samples(
            ("hucl-hscl", 0.05, 0.2, "holds"),
            ("hucl-hscl", -0.3, -0.1, "violated"),
            ("hucl-hscl", -0.3, 0.05, "undecided"),
            ("hscl-ucl", 0.1, 0.3, "occurs"),
            ("hscl-ucl", -0.3, -0.1, "does not occur"),
            ("hucl", 0.8, 0.9, "violated"),
        ),
        TRUTH,
    )
    assert found.wrong.tolist() == [False, True, False, True, False, False]
    assert found.covered.tolist() == [1, 0, 0, 0, 1, 0]
    assert found.decided.tolist() == [True, True, False, True, True, True]


def test_a_truth_whose_sign_is_not_known_makes_no_verdict_wrong():
    found = judged(samples(("hucl-hscl", -0.3, -0.1, "violated")), TRUTH.assign(truth_se=0.1))
    assert not found.wrong.any()


def test_coverage_is_told_apart_by_whether_the_verdict_was_given():
    rows = [("hucl-hscl", 0.0, 0.2, "holds")] * 3 + [("hucl-hscl", 0.2, 0.3, "holds")]
    rows += [("hucl-hscl", 0.2, 0.3, "undecided")] * 4
    found = judged(samples(*rows), TRUTH)
    row = summarise(found).iloc[0]
    assert (row.samples, row.decided, row.coverage) == (8, 0.5, pytest.approx(3 / 8))
    assert (row.coverage_given, row.coverage_withheld, row.wrong) == (0.75, 0.0, 0.0)
    assert row.ess == 9.0  # the engine's own columns come along
    table = overview(found).iloc[0]
    assert (table.judged, table.decided, table.coverage_given, table.wrong_of_decided) == (8, 0.5, 0.75, 0.0)


def test_intervals_that_the_engine_relies_on_are_counted_apart():
    found = judged(
        samples(("hucl", 0.6, 0.8, "holds"), ("hucl", 0.8, 0.9, "holds")).assign(reliable=[True, False]), TRUTH
    )
    assert summarise(found).coverage_reliable.item() == 1.0
    assert summarise(found).coverage_given.item() == 0.5


def test_a_verdict_by_a_softer_tilt_says_nothing_of_the_interval():
    rows = [("hscl-ucl", -0.3, -0.1, "occurs"), ("hscl-ucl", -0.1, 0.1, "occurs")]
    found = judged(samples(*rows).assign(reliable=[True, False]), TRUTH)
    row = summarise(found).iloc[0]
    assert (row.decided, row.softer, row.coverage_given, row.coverage) == (1.0, 0.5, 1.0, 0.5)
    table = by_kind(found).iloc[0]
    assert (table.kind, table.samples, table.coverage, table.softer) == ("gap", 1, 1.0, 0.5)


def test_a_run_with_permuted_labels_counts_once_however_many_gaps_it_decides():
    rows = [("hucl-hscl", 0.1, 0.2, "holds"), ("ucl-scl", 0.1, 0.2, "holds"), ("hucl-hscl", -0.1, 0.2, "undecided")]
    found = judged(samples(*rows).assign(population="a, permuted", sample=[0, 0, 1]), TRUTH)
    row = permuted(found).iloc[-1]
    assert (row.set, row.runs, row.decided) == ("all", 2, 0.5)
    assert row.each_gap == pytest.approx(2 / 3)


def test_a_quantity_without_a_truth_is_neither_covered_nor_missed():
    found = judged(samples(("share", 0.1, 0.2, "holds")), TRUTH)
    assert found.covered.isna().all()
