from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from boundcheck.report import TABLES, summary_text
from boundcheck.report.format import interval, number, p_value, percent
from boundcheck.report.tables import to_markdown, to_tex, write_tables
from boundcheck.runs import Run

Factory = Callable[..., Run]


@pytest.mark.parametrize(
    ("value", "se", "text"),
    [
        (1.23456, 0.0123, "1.235"),
        (1.23456, 0.00999999, "1.235"),
        (1234.5, 20.0, "1234"),
        (-0.0001, 0.01, "0.000"),
        (2.0, math.nan, "2.000"),
        (math.nan, 0.1, "–"),
        (-math.inf, 0.1, "-∞"),
    ],
)
def test_numbers_keep_what_the_error_supports(value: float, se: float, text: str) -> None:
    assert number(value, se) == text


def test_intervals_and_shares() -> None:
    assert interval(0.1234, 0.1034, 0.1434) == "0.123 [0.103, 0.143]"
    assert interval(0.1234, math.nan, math.nan) == "0.1234"
    assert interval(0.0, 0.0, 0.0) == "0.000"
    assert percent(0.9, 0.88, 0.92) == "90 % [88, 92]"


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert percent(0.99999) == "99.9 %"
    assert percent(0.98659, 0.97383, 0.99421) == "98.6 % [97.3, 99.5]" and percent(0.98659) == "98.6 %"
    assert percent(0.99999, 0.999, 0.99999) == "99.9 % [99.9, 100]"
    assert percent(1.0) == "100 %"


def test_p_values() -> None:
    assert [p_value(p) for p in (1e-9, 0.0123, 0.5, 1.0)] == ["< 0.001", "0.012", "0.50", "1.00"]


def test_tex_escapes_and_signs() -> None:
    tex = to_tex(pd.DataFrame({"Claim": ["a_b & 50% #1 {x} ~^\\ $"], "Gap": ["-0.1 [-∞, 1]"], "p": ["< 0.001"]}))
    assert r"a\_b \& 50\% \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{} \$" in tex
    assert r"$-$0.1 [$-$$\infty$, 1]" in tex
    assert "$<$ 0.001" in tex


@pytest.mark.parametrize("name", TABLES)
def test_tex_is_a_booktabs_tabular(any_run: Run, name: str) -> None:
    table = TABLES[name](any_run)
    lines = to_tex(table).splitlines()
    columns = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", lines[0])
    assert columns is not None and len(columns[1]) == len(table.columns)
    assert [line for line in lines if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == len(table) + 1
    assert all(len(re.findall(r"(?<!\\)&", row)) == len(table.columns) - 1 for row in rows)
    assert all(len(re.findall(r"(?<!\\)\$", row)) % 2 == 0 for row in rows)
    assert all(character.isascii() for character in "".join(rows))


def test_markdown_has_one_row_for_each_row(run: Run, tmp_path: Path) -> None:
    write_tables(run, tmp_path)
    for name, build in TABLES.items():
        lines = (tmp_path / f"{name}.md").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(build(run)) + 2
        assert len({line.count("|") for line in lines}) == 1
    assert r"a\|b" in to_markdown(pd.DataFrame({"Claim": ["a|b"]}))


def test_numbers_of_negatives_beyond_the_largest_k_are_said_so(factory: Factory) -> None:
    table = TABLES["k_epsilon"](factory(betas=[1.0]))
    assert list(table.columns)[3:] == ["k within 0.01 nats", "k within 0.001 nats", "k within 1e-09 nats"]
    assert table.iloc[0].to_list() == ["UCL", "η = 1", "1", "5", "50", "> 100"] and len(table) == 4
    assert TABLES["k_epsilon"](factory(ks=())).empty


def test_finite_negatives_get_a_column(run: Run) -> None:
    finite = run.losses.assign(k=1000.0)
    table = TABLES["losses"](Run(finite, run.claims, run.assumption, run.anchors, run.hardest, run.manifest))
    assert set(table["Negatives"]) == {"1,000"}
    assert "Negatives" not in TABLES["losses"](run)


def test_inapplicable_is_a_dash_and_never_nan(factory: Factory) -> None:
    table = TABLES["claims"](factory(inapplicable=True))
    rows = table[table["Claim"] == "scl_ge_collapse"]
    assert set(rows["Verdict"]) == {"inapplicable"}
    assert set(rows["Gap (nats)"]) == {"–"}
    assert "nan" not in table.to_string().lower()


def test_terminal_summary_is_aligned(any_run: Run) -> None:
    """One row for each verdict about a population; exact statements and what does not apply are lines below."""
    lines = summary_text(any_run).splitlines()
    rule = next(line for line in lines if line.startswith("  ---"))
    tested = any_run.claims[(any_run.claims["kind"] != "exact") & (any_run.claims["verdict"] != "inapplicable")]
    block = lines[lines.index(rule) + 1 :]
    block = block[: block.index("")]
    names = list(dict.fromkeys(tested["claim"]))
    assert [line.split(":")[0] for line in block if line.split(":")[0] in names] == names
    rows = [line for line in block if line.split(":")[0] not in names]
    verdict = rule.rindex("  ") + 2
    assert [row[verdict:].split(" (")[0] for row in rows] == list(tested["verdict"])
    assert max(len(row.split(" (")[0]) for row in rows) < 80
    assert "self-checks: 1 of 1 exact statements pass" in lines
    assert sum(line.startswith("not tested: ") for line in lines) == int(
        (any_run.claims["verdict"] == "inapplicable").any()
    )
    assert lines[-1].startswith("warning: not to be relied on: H-SCL")


def test_what_is_not_to_be_relied_on_is_marked(run: Run) -> None:
    for name, column in (("claims", "Gap (nats)"), ("losses", "Estimate (nats)")):
        marked = TABLES[name](run)[column].str.startswith("~ ")
        assert list(marked) == list(~getattr(run, name)["reliable"].astype(bool)) and 0 < marked.sum() < len(marked)
    text = summary_text(run)
    assert "~ an interval that is not to be relied on; words: boundcheck glossary" in text.splitlines()
    undecided = "hscl_le_hucl (β = 10), hscl_ge_ucl (β = 1, 10), scl_ge_collapse (β = 10)"
    assert [line for line in text.splitlines() if "to decide" in line] == [
        f"to decide {undecided}: about 4,000 instances"
    ]
    none = replace(run, claims=run.claims.assign(verdict="undecided", remedy="more instances"))
    assert "to decide what is undecided: more instances" in summary_text(none).splitlines()
    sure = replace(run, claims=run.claims.assign(reliable=True))
    assert "~" not in summary_text(sure)


def test_gaps_that_are_not_in_nats_say_so(run: Run) -> None:
    entry = {**run.manifest["catalogue"]["scl_ge_collapse"], "unit": "share"}
    changed = replace(
        run, manifest={**run.manifest, "catalogue": {**run.manifest["catalogue"], "scl_ge_collapse": entry}}
    )
    table = TABLES["claims"](changed)
    assert list(table["Gap (nats)"].str.endswith(" share")) == list(table["Claim"] == "scl_ge_collapse")


def test_many_doubted_losses_are_a_line_at_the_terminal(run: Run) -> None:
    every = ", ".join(f"{loss} (β = 1, Q = 1)" for loss in run.losses["loss"])
    of_all = replace(run, manifest={**run.manifest, "warnings": [f"not to be relied on: {every}. Collapsed."]})
    assert "warning: not to be relied on: every loss. Collapsed." in summary_text(of_all).splitlines()
    each = [f"not to be relied on: H-SCL (β = {i}, Q = 1). {i} effective instances." for i in range(9)]
    many = replace(run, manifest={**run.manifest, "warnings": ["first", *each, "last"]})
    lines = summary_text(many).splitlines()[-3:]
    thin = (~run.losses["reliable"].astype(bool)).sum()
    assert lines[0] == "warning: first" and lines[2] == "warning: last"
    said = f"warning: not to be relied on: {thin} of {len(run.losses)} losses, as H-SCL (β = 0, Q = 1): 0 effective"
    assert lines[1].startswith(said) and lines[1].endswith("All reasons are in the report.")


def test_limits_are_shown_where_they_are_known(run: Run, factory: Factory, tmp_path: Path) -> None:
    table = TABLES["population"](run)
    assert len(table) == len(run.population)
    held = (run.population.ci_low <= run.population.limit) & (run.population.limit <= run.population.ci_high)
    assert table["In the interval"].eq("yes").tolist() == held.tolist()
    assert table["In the interval"].isin(["yes", "no"]).all()
    assert table["Quantity"].eq("Assumption 1 (share)").any()
    assert "Exact limits of the population" in summary_text(run)
    unknown = factory(population=False)
    write_tables(unknown, tmp_path)
    assert not (tmp_path / "population.md").exists()
    assert "Exact limits" not in summary_text(unknown)
