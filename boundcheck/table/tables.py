"""Tables of verdicts and of losses, as wide as the text of a venue: LaTeX with booktabs and tabularx, Markdown, CSV.

A LaTeX table is exactly as wide as its style's text. Its widest column, the estimate with its interval, takes what the
others leave, and breaks between the two where that is not enough: no entry stands out of the margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from boundcheck.errors import InputError, unknown_name
from boundcheck.hardening import hardening_label
from boundcheck.options import one_of
from boundcheck.report.format import MISSING, interval, p_value, percent, plain
from boundcheck.report.latex import escaped
from boundcheck.report.setting import setting_sentence
from boundcheck.report.sources import run_of, titles_of
from boundcheck.report.style import loss_name
from boundcheck.report.tables import to_markdown
from boundcheck.report.words import q_label, reading_of
from boundcheck.runs import Run, about_population, is_reliable, of_own, records

FORMS = ("latex", "markdown", "csv")
TILDE, SIMILAR = r"\textasciitilde{}", r"$\sim$"
UNRELIABLE = "~: not to be relied on, because it rests on too few effective instances or has not settled."


@dataclass(frozen=True)
class Style:
    """How a LaTeX table is set.

    Args:
        size: LaTeX's command for the size of its letters.
        gutter: Between columns on either side, points.
        columns: Most columns of a table of claims; the p-value goes first, then the premise's share.
        lines: Of a page less its caption; what is longer goes on in another float.
    """

    size: str
    gutter: float
    columns: int
    lines: int


STYLES = {
    "neurips": Style(r"\small", 4, 5, 42),
    "icml": Style(r"\footnotesize", 3, 3, 34),
    "beamer": Style(r"\scriptsize", 3, 4, 14),
}
"""NeurIPS: a text 5.5 in wide; ICML: a column of 3.25 in; beamer: a slide."""


def claims(
    v: Any,
    form: str = "latex",
    style: str = "neurips",
    claims: Sequence[str] | None = None,
    betas: Sequence[float] | None = None,
) -> str:
    """Verdicts of the statements that may fail: gap with its interval, adjusted p-value, premise, verdict.

    Each claim's title stands above its rows. In narrow styles the p-value goes first, then the premise's share. What is
    longer than a page goes on in another float; better, choose the claims that you write about.

    Args:
        v: A `Verification`, a `Run` or the folder of a saved run.
        form: "latex" (a table with caption and label; needs booktabs and tabularx), "markdown" or "csv".
        style: Of LaTeX: "neurips", "icml" or "beamer".
        claims: Ids, in the order to show them; all theorems, conjectures and scenarios that apply by default.
        betas: Only rows of these exponential hardnesses, and rows that have none.

    Raises:
        InputError: `v` is something else, a name is unknown, or nothing is left to show.

    Examples:
        >>> import boundcheck as bc
        >>> import numpy as np
        >>> y = np.arange(60) % 3
        >>> z = np.eye(3, 8)[y] + 0.3 * np.random.default_rng(0).standard_normal((60, 8))
        >>> v = bc.verify(bc.EmbeddingSet(z, y), betas=[1], claims="hscl_le_hucl")
        >>> print(bc.table.claims(v).splitlines()[0])
        % needs \\usepackage{booktabs,tabularx}
    """
    run = run_of(v)
    rows = about_population(run.claims)
    if claims is None:
        rows = of_own(rows)
    else:
        for claim in claims:
            if claim not in set(rows["claim"]):
                raise unknown_name("claims", claim, dict.fromkeys(rows["claim"]))
        rows = pd.concat([rows[rows["claim"] == claim] for claim in claims] or [rows.head(0)])
    if betas is not None:
        rows = rows[(rows["hardening"] != "exp") | rows["beta"].isin([float(beta) for beta in betas])]
    table = _claims_table(run, _some(rows), _style(style))
    parts = [
        "Verdicts on published statements. Gap: how much room the inequality has, in nats where "
        "not said otherwise; negative where it is broken."
    ]
    parts += ["Brackets: {level} confidence intervals."]
    parts += ["p: two-sided, adjusted by Holm's method for all rows tested."] if "p (Holm)" in table else []
    parts += ["Premise: share of anchors at which the statement's premise holds."] if "Premise" in table else []
    return _as(form, table, _caption(run, parts, rows), "tab:claims", _style(style))


def losses(v: Any, form: str = "latex", style: str = "neurips", betas: Sequence[float] | None = None) -> str:
    """Losses in the limit of infinitely many negatives, with intervals and effective numbers of instances.

    Args:
        v: A `Verification`, a `Run` or the folder of a saved run.
        form: "latex" (a table with caption and label; needs booktabs and tabularx), "markdown" or "csv".
        style: Of LaTeX: "neurips", "icml" or "beamer".
        betas: Only rows of these exponential hardnesses, and rows that have none.

    Raises:
        InputError: `v` is something else, a name is unknown, or nothing is left to show.
    """
    run = run_of(v)
    rows = run.losses.dropna(subset=["estimate"])
    if betas is not None:
        rows = rows[(rows["hardening"] != "exp") | rows["beta"].isin([float(beta) for beta in betas])]
    table = _losses_table(_some(rows))
    parts = ["Contrastive losses in nats" + ("." if rows["k"].notna().any() else ", infinitely many negatives.")]
    parts += ["Brackets: {level} confidence intervals."]
    parts += ["ESS: effective number of instances that the tilted negatives rest on."] if "ESS" in table else []
    return _as(form, table, _caption(run, parts, rows), "tab:losses", _style(style))


def _claims_table(run: Run, rows: pd.DataFrame, style: Style) -> pd.DataFrame:
    titles = titles_of(run)
    columns = {
        "Claim": [titles.get(claim, claim) for claim in rows["claim"]],
        "Hardness": _hardness(rows),
        "Gap": _estimates(rows, "gap"),
        "p (Holm)": rows["p_holm"].map(p_value).to_list(),
        "Premise": rows["premise_share"].map(percent).to_list(),
        "Verdict": [_verdict(row) for row in records(rows)],
    }
    optional = ("p (Holm)", "Premise")
    for name in optional:
        if set(columns[name]) == {MISSING}:
            columns.pop(name)
    for name in optional:
        if len(columns) - 1 > style.columns:
            columns.pop(name, None)
    return pd.DataFrame(columns, dtype=str)


def _losses_table(rows: pd.DataFrame) -> pd.DataFrame:
    columns = {
        "Loss": [loss_name(loss) for loss in rows["loss"]],
        "Hardness": _hardness(rows),
        "Estimate": _estimates(rows, "estimate"),
        "ESS": [plain(round(ess)) if ess >= 20 else f"{ess:.1f}" if ess > 0 else MISSING for ess in rows["ess"]],
    }
    if rows["k"].notna().any():
        columns["Negatives"] = ["∞" if pd.isna(k) else plain(k) for k in rows["k"]]
    if set(columns["ESS"]) == {MISSING}:
        columns.pop("ESS")
    return pd.DataFrame(columns, dtype=str)


def _hardness(rows: pd.DataFrame) -> list[str]:
    """Hardening, and Q where there are several."""
    several = rows["q"].dropna().nunique() > 1
    return [
        hardening_label(r.hardening, r.beta) + (f", Q = {q_label(r.q)}" if several and not pd.isna(r.q) else "")
        for r in records(rows)
    ]


def _estimates(rows: pd.DataFrame, column: str) -> list[str]:
    """Value and interval, those that are not to be relied on behind a tilde."""
    said = [interval(getattr(r, column), r.ci_low, r.ci_high) for r in records(rows)]
    return [text if sure else f"~ {text}" for text, sure in zip(said, is_reliable(rows), strict=True)]


def _verdict(row: Any) -> str:
    """The verdict; of a violation what it says of the theory, of one that could not fail that it is vacuous."""
    said = reading_of(row)
    short = {"premise fails, no contradiction": "premise fails", "counterexample to the conjecture": "counterexample"}
    return f"{row.verdict} ({short.get(said, said)})" if said else str(row.verdict)


def _caption(run: Run, parts: Sequence[str], rows: pd.DataFrame) -> str:
    level = run.manifest.get("config", {}).get("confidence")
    said = [part.format(level=f"{100 * level:g} %") for part in parts if level or "{level}" not in part]
    hollow = [] if is_reliable(rows).all() else [UNRELIABLE]
    return " ".join([*said, *hollow, setting_sentence(run)]).strip()


def _as(form: str, table: pd.DataFrame, caption: str, label: str, style: Style) -> str:
    one_of("form", form, FORMS)
    if form == "csv":
        return str(table.to_csv(index=False))
    return f"{to_markdown(table)}\n{caption}\n" if form == "markdown" else _latex(table, caption, label, style)


def _latex(table: pd.DataFrame, caption: str, label: str, style: Style) -> str:
    """Floats of at most a page; a claim's title heads its rows."""
    shown, most = table.drop(columns="Claim", errors="ignore"), style.lines
    if "Claim" in table:
        blocks = [(str(head), list(rows)) for head, rows in table.groupby("Claim", sort=False).groups.items()]
    else:
        blocks = [("", list(table.index[at : at + most])) for at in range(0, len(table), most)]
    floats = []
    for i, page in enumerate(_pages(blocks, most)):
        words = f"{caption.partition('.')[0]}, continued." if i else caption
        floats.append(_float(shown, page, words, f"{label}-{i + 1}" if i else label, style))
    return "\n".join([r"% needs \usepackage{booktabs,tabularx}", *floats])


def _pages(blocks: list[tuple[str, list[Any]]], most: int) -> list[list[tuple[str, list[Any]]]]:
    """Blocks, in order, on pages of at most so many lines; one that is longer has a page of its own."""
    pages: list[list[tuple[str, list[Any]]]] = []
    used = float("inf")
    for head, rows in blocks:
        lines = len(rows) + (1.5 if head else 0)
        if used + lines > most:
            pages.append([])
            used = 0
        pages[-1].append((head, rows))
        used += lines
    return pages


def _float(shown: pd.DataFrame, blocks: list[tuple[str, list[Any]]], caption: str, label: str, style: Style) -> str:
    span = rf"\multicolumn{{{len(shown.columns)}}}{{@{{}}p{{\linewidth}}@{{}}}}"
    body = []
    for head, rows in blocks:
        heading = [rf"{span}{{\raggedright\textit{{{escaped(head)}}}}} \\"] if head else []
        lines = [" & ".join(map(_cell, cells)) + r" \\" for cells in shown.loc[rows].to_numpy()]
        body.append("\n".join([*heading, *lines]))
    lines = [
        r"\begin{table}[t]",
        rf"\caption{{{escaped(caption).replace(TILDE, SIMILAR)}}}",
        rf"\label{{{label}}}\smallskip",
        rf"\centering{style.size}\setlength{{\tabcolsep}}{{{style.gutter:g}pt}}",
        rf"\begin{{tabularx}}{{\linewidth}}{{@{{}}{''.join(map(_alignment, shown.columns))}@{{}}}}",
        r"\toprule",
        " & ".join(map(escaped, shown.columns)) + r" \\",
        r"\midrule",
        "\n\\addlinespace\n".join(body),
        r"\bottomrule",
        r"\end{tabularx}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _alignment(column: str) -> str:
    """Numbers to the right, text to the left; the estimate takes what is left and may break."""
    if column in ("Gap", "Estimate"):
        return r">{\raggedright\arraybackslash}X"
    return "l" if column in ("Loss", "Hardness", "Verdict") else "r"


def _cell(text: str) -> str:
    """A cell; a tilde before a number is the sign, with a space that does not break."""
    return rf"{SIMILAR}\,{escaped(text[2:])}" if text.startswith("~ ") else escaped(text)


def _style(name: str) -> Style:
    one_of("style", name, STYLES)
    return STYLES[name]


def _some(rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        raise InputError("v: expected a run with rows to show, received none that apply; ask for other claims or betas")
    return rows
