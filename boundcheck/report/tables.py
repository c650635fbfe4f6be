"""The tables of a report as text, and as booktabs LaTeX and Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck.hardening import hardening_label
from boundcheck.report.format import MISSING, interval, number, p_value, percent, plain
from boundcheck.report.latex import escaped
from boundcheck.report.style import loss_name
from boundcheck.report.words import q_label, reading_of, unit
from boundcheck.runs import Run, is_reliable, of_own, records


def losses_table(run: Run) -> pd.DataFrame:
    """Every loss with its interval, as text."""
    rows = run.losses
    table = pd.DataFrame(
        {
            "Loss": [loss_name(loss) for loss in rows["loss"]],
            "Hardening": _labels(rows),
            "Q": rows["q"].map(q_label),
            "Negatives": ["all" if pd.isna(k) else plain(k) for k in rows["k"]],
            "Estimate (nats)": _marked(_intervals(rows, "estimate"), rows),
            "Plug-in": [number(r.plugin, r.se) for r in records(rows)],
            "Standard error": rows["se"].map(lambda se: number(se, se)),
            "Anchors": rows["n_anchors"].map(plain),
        },
        dtype=str,
    )
    return table if rows["k"].notna().any() else table.drop(columns="Negatives")


def claims_table(run: Run) -> pd.DataFrame:
    """Every verdict in the run's configuration with the gap it rests on, as text."""
    rows = of_own(run.claims)
    return pd.DataFrame(
        {
            "Claim": rows["claim"],
            "Hardening": _labels(rows),
            "Q": rows["q"].map(q_label),
            "Gap (nats)": _with_units(run, rows, _marked(_intervals(rows, "gap"), rows)),
            "p (Holm)": rows["p_holm"].map(p_value),
            "Anchors holding": _shares(rows),
            "Premise met": rows["premise_share"].map(percent),
            "Verdict": [f"{r.verdict} ({said})" if (said := reading_of(r)) else r.verdict for r in records(rows)],
        },
        dtype=str,
    )


def assumption_table(run: Run) -> pd.DataFrame:
    """Assumption 1 at every hardening, as text."""
    rows = run.assumption
    return pd.DataFrame(
        {
            "Hardening": _labels(rows),
            "Anchors satisfying": _marked(_shares(rows), rows),
            "Median margin (nats)": rows["median_margin"].map(number),
            "Least margin (nats)": rows["min_margin"].map(number),
            "Median ESS": rows["median_ess"].map(number),
            "Anchors": rows["n_anchors"].map(plain),
            "Without a partner": rows["n_undefined"].map(plain),
        },
        dtype=str,
    )


def k_epsilon_table(run: Run) -> pd.DataFrame:
    """The number of negatives that is as good as infinitely many, as text; without rows where none was asked for."""
    rows = run.k_epsilon
    table = pd.DataFrame(
        {
            "Loss": [loss_name(loss) for loss in rows["loss"]],
            "Hardening": _labels(rows),
            "Q": rows["q"].map(q_label),
        },
        dtype=str,
    ).drop_duplicates()
    largest = run.finite_k["k"].max()
    for epsilon in dict.fromkeys(rows["epsilon"]):
        counts = rows[rows["epsilon"] == epsilon]["k_epsilon"]
        table[f"k within {epsilon:g} nats"] = [plain(k) if math.isfinite(k) else f"> {plain(largest)}" for k in counts]
    return table


def population_table(run: Run) -> pd.DataFrame:
    """The exact limits of the population beside the estimates, as text; no rows where the population is unknown."""
    rows = run.population
    names = {"assumption1": "Assumption 1 (share)"}
    return pd.DataFrame(
        {
            "Quantity": [names.get(name, name) for name in rows["quantity"]],
            "Hardening": _labels(rows),
            "Q": ["" if pd.isna(q) else q_label(q) for q in rows["q"]],
            "Estimate": _intervals(rows, "estimate"),
            "Exact limit": [number(r.limit, r.limit_se) for r in records(rows)],
            "Error of the limit": [number(r.limit_se, r.limit_se) for r in records(rows)],
            "In the interval": [_covers(r) for r in records(rows)],
        },
        dtype=str,
    )


TABLES: dict[str, Callable[[Run], pd.DataFrame]] = {
    "losses": losses_table,
    "claims": claims_table,
    "assumption": assumption_table,
    "k_epsilon": k_epsilon_table,
    "population": population_table,
}


def write_tables(run: Run, directory: Path) -> None:
    """Write every table into a directory, as NAME.tex and NAME.md."""
    directory.mkdir(exist_ok=True)
    for name, build in TABLES.items():
        table = build(run)
        if table.empty:
            continue
        (directory / f"{name}.tex").write_text(to_tex(table), encoding="utf-8")
        (directory / f"{name}.md").write_text(to_markdown(table), encoding="utf-8")


def to_tex(table: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    r"""A LaTeX tabular with booktabs rules, notes below; the document needs \usepackage{booktabs}."""
    lines = [" & ".join(map(escaped, row)) + r" \\" for row in [table.columns, *table.to_numpy()]]
    columns = "".join(_alignment(name) for name in table.columns)
    body = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule", *lines[1:]]
    below = [rf"\par\smallskip{{\footnotesize {escaped(note)}}}" for note in notes]
    return "\n".join([*body, r"\bottomrule", r"\end{tabular}", *below]) + "\n"


def to_markdown(table: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    """A Markdown table, and a paragraph for each note."""
    rules = ["---:" if _alignment(name) == "r" else "---" for name in table.columns]
    rows = [table.columns, rules, *table.to_numpy()]
    lines = "".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in row) + " |\n" for row in rows)
    return lines + "".join(f"\n{note}\n" for note in notes)


def is_text(column: str) -> bool:
    """Whether a column of these tables reads from the left; the others are numbers."""
    return column in ("Claim", "Loss", "Encoder", "Hardening", "Verdict", "Quantity", "Class", "Data set", "Against")


def _alignment(column: str) -> str:
    return "l" if is_text(column) else "r"


def _labels(rows: pd.DataFrame) -> list[str]:
    return [hardening_label(r.hardening, r.beta) for r in records(rows)]


def _covers(row: Any) -> str:
    """Whether an interval holds the limit, up to rounding."""
    return "yes" if row.ci_low - 4e-5 <= row.limit <= row.ci_high + 4e-5 else "no"


def _intervals(rows: pd.DataFrame, column: str) -> list[str]:
    return [
        interval(value, low, high)
        for value, low, high in zip(rows[column], rows["ci_low"], rows["ci_high"], strict=True)
    ]


def _marked(texts: list[str], rows: pd.DataFrame) -> list[str]:
    """Texts of intervals, those that are not to be relied on behind a tilde."""
    return [
        text if reliable or text == MISSING else f"~ {text}"
        for text, reliable in zip(texts, is_reliable(rows), strict=True)
    ]


def _with_units(run: Run, rows: pd.DataFrame, gaps: list[str]) -> list[str]:
    """Gaps of a run's claims, in the rows' order; what is not in nats says in what it is."""
    units = [unit(run, claim) for claim in rows["claim"]]
    return [gap if of == "nats" or gap == MISSING else f"{gap} {of}" for gap, of in zip(gaps, units, strict=True)]


def _shares(rows: pd.DataFrame) -> list[str]:
    return [percent(r.share_holding, r.share_low, r.share_high) for r in records(rows)]
