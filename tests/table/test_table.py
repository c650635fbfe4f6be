from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import boundcheck as bc
from boundcheck.bibliography import PAPERS, cited
from boundcheck.claims import CLAIMS
from boundcheck.plot.styles import STYLES as FIGURE_STYLES
from boundcheck.report.format import interval
from boundcheck.runs import Run
from boundcheck.table import tables
from tests.report.conftest import SHAPES, make_run

if not shutil.which("pdflatex") and os.environ.get("BOUNDCHECK_REQUIRE_LATEX"):
    raise RuntimeError("pdflatex is required and missing")
needs_latex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="no LaTeX here")

# The text of each venue: NeurIPS 5.5 in and 10 pt Times, ICML a column of 3.25 in, a slide of 12.8 cm less its margins.
WIDTHS = {"neurips": "5.5in", "icml": "3.25in", "beamer": "10.8cm"}
DOCUMENT = r"""\documentclass[10pt]{article}
\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{times}
\usepackage[textwidth=%s,textheight=9in]{geometry}
\usepackage{booktabs,tabularx,url}
\begin{document}
%s
\end{document}
"""


def long_run() -> Run:
    """Names, numbers and verdicts as long as they come."""
    run = make_run(qs=[1.0, 4.0], others=["threshold:0.5", "poly:2"], premise=0.4)
    claims = run.claims.copy()
    for column in ("gap", "ci_low", "ci_high"):
        claims[column] = claims[column] / 1e3 - 12345
    claims["kind"] = claims["kind"].replace("theorem", "conjecture")
    name = r"A_title & of 100 % of #words {in} $e^{t}$ with Donaudampfschifffahrtsgesellschaftskapitän ~ and \more"
    catalogue = {key: entry | {"title": name} for key, entry in run.manifest["catalogue"].items()}
    return replace(run, claims=claims, manifest={**run.manifest, "catalogue": catalogue})


def compiled(body: str, width: str, folder: Path, bibtex: bool = False) -> str:
    """The log of LaTeX, which must end without an error."""
    (folder / "paper.tex").write_text(DOCUMENT % (width, body), encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    for command in (latex, ["bibtex", "paper"], latex, latex) if bibtex else (latex,):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=60)
        assert done.returncode == 0, done.stdout[-2000:]
    return (folder / "paper.log").read_text(encoding="latin-1")


@needs_latex
@pytest.mark.parametrize("style", tables.STYLES)
def test_no_overfull_box_at_the_venue_s_width(style: str, tmp_path: Path) -> None:
    runs = [make_run(**SHAPES[name]) for name in ("usual", "threshold and poly", "many betas")]  # type: ignore[arg-type]
    log = ""
    for some in (runs, [long_run()]):
        parts = [build(run, style=style) for run in some for build in (bc.table.claims, bc.table.losses)]
        log = compiled("\n\\clearpage\n".join(parts), WIDTHS[style], tmp_path)
        assert re.findall(r"Overfull \\hbox.*", log) == []
        assert "Float too large" not in log or some is not runs
    assert "Missing character" not in log


@needs_latex
def test_the_measure_of_overfull_boxes_sees_one(tmp_path: Path) -> None:
    """The report's plain tabular of the same numbers is too wide for the same text."""
    from boundcheck.report.tables import claims_table, to_tex

    log = compiled(to_tex(claims_table(make_run())), WIDTHS["neurips"], tmp_path)
    assert re.search(r"Overfull \\hbox", log)


@needs_latex
def test_methods_captions_and_references_compile(tmp_path: Path) -> None:
    run = catalogued(make_run())
    (tmp_path / "references.bib").write_text(bc.table.cite(run), encoding="utf-8")
    captions = "".join(f"\n\n{bc.plot.caption(name, run, 'latex')}" for name in ("losses", "gap", "premise", "claims"))
    cite = "\n\\bibliographystyle{plain}\\bibliography{references}"
    log = compiled(bc.table.methods(run) + captions + cite, WIDTHS["neurips"], tmp_path, bibtex=True)
    assert "undefined" not in log and "Overfull" not in log
    assert (tmp_path / "paper.bbl").read_text(encoding="utf-8").count(r"\bibitem") == 3


def catalogued(run: Run) -> Run:
    """With the catalogue's own sources."""
    catalogue = {
        key: entry | {"source": CLAIMS[key].source, "title": CLAIMS[key].title}
        for key, entry in run.manifest["catalogue"].items()
    }
    return replace(run, manifest={**run.manifest, "catalogue": catalogue})


def test_cells_are_the_run_s() -> None:
    run = make_run()
    shown = pd.read_csv(StringIO(bc.table.claims(run, "csv", claims=["hscl_ge_ucl"])), dtype=str)
    rows = run.claims[run.claims["claim"] == "hscl_ge_ucl"]
    expected = [interval(g, lo, hi) for g, lo, hi in zip(rows["gap"], rows["ci_low"], rows["ci_high"], strict=True)]
    assert [gap.removeprefix("~ ") for gap in shown["Gap"]] == expected
    assert list(shown["Gap"].str.startswith("~")) == list(~rows["reliable"].astype(bool))
    assert list(shown["Verdict"]) == list(rows["verdict"])
    text = bc.table.losses(run, "markdown")
    assert sum(line.startswith("| ") for line in text.splitlines()) == len(run.losses) + 2
    for value, low, high in zip(run.losses["estimate"], run.losses["ci_low"], run.losses["ci_high"], strict=True):
        assert interval(value, low, high) in text


def test_a_long_table_goes_on_in_another_float() -> None:
    run = make_run(**SHAPES["many betas"])  # type: ignore[arg-type]
    for text in (bc.table.claims(run), bc.table.losses(make_run(qs=[1, 2, 3, 4, 5]))):
        floats = text.split(r"\begin{table}")[1:]
        assert [text.count(r"\label{tab:")] == [len(floats)]
        assert all(part.count(r"\\") <= tables.STYLES["neurips"].lines + 1 for part in floats)
    whole = run.claims[run.claims["kind"] != "exact"]
    shown = re.findall(r"^\$\\(?:beta|eta)\$~=~", bc.table.claims(run), re.MULTILINE)
    assert len(shown) == len(whole)
    assert "continued." in bc.table.losses(make_run(qs=[1, 2, 3, 4, 5]))


def test_what_is_left_out_and_what_is_said() -> None:
    run = make_run()
    assert "hucl_ge_ucl" not in bc.table.claims(run, "csv") and "tilting never" not in bc.table.claims(run, "csv")
    one = bc.table.claims(run, betas=[2], claims=["hscl_le_hucl"])
    assert one.count(r"$\beta$~=~") == 1 and "Premise: share" in one and "93 \\%" in one
    assert "p (Holm)" not in bc.table.claims(run, style="icml") and "adjusted by Holm" not in bc.table.claims(
        run, style="icml"
    )
    assert "not to be relied on" in bc.table.claims(run) and "not to be relied on" not in one
    failing = bc.table.claims(make_run(premise=0.4), claims=["hscl_le_hucl"])
    assert "violated (premise fails)" in failing
    sure = run.claims.assign(vacuous=True)
    assert "holds (vacuous)" in bc.table.claims(replace(run, claims=sure))


def test_methods_say_what_was_done() -> None:
    run = catalogued(make_run())
    text = bc.table.methods(run, "text")
    for said in ("400 instances in 2 views", "128 dimensions", "τ = 0.5", "Q = 1", "β ∈ {0.5, 1, 2, 5, 10}", "95 %"):
        assert said in text
    assert "“H-SCL is at most H-UCL” [jiang2022supervised]" in text
    assert text.isprintable() or "\n" in text
    tex = bc.table.methods(run)
    assert r"~\cite{jiang2022supervised}" in tex and tex.isascii()
    keys = set(re.findall(r"@misc\{([\w.]+),", bc.table.cite(run)))
    named = {key for group in re.findall(r"\\cite\{([^}]*)\}", tex) for key in group.split(", ")}
    assert named <= keys and {"boundcheck", "jiang2022supervised", "jiang2023hard"} <= keys


def test_every_paper_of_the_catalogue_has_an_entry() -> None:
    keys = {key for claim in CLAIMS.values() for key in cited(claim.source)}
    assert len(keys) > 10
    assert all(key in {paper.key for paper in PAPERS.values()} for key in keys)
    assert len({paper.key for paper in PAPERS.values()}) == len(PAPERS)
    for number, paper in PAPERS.items():
        assert paper.arxiv == number and re.fullmatch(r"[a-z]+20\d\d[a-z]+", paper.key)
        assert paper.bibtex().count("{") == paper.bibtex().count("}")


def test_a_claim_of_one_s_own_is_cited_by_its_number_or_not_at_all() -> None:
    assert cited("a guess") == ()
    assert cited("Someone 2031 (arXiv 3101.00001), Theorem 2") == ("arxiv3101.00001",)
    run = make_run()
    catalogue = {**run.manifest["catalogue"], "hscl_le_hucl": {"title": "mine", "source": "arXiv 3101.00001"}}
    text = bc.table.cite(replace(run, manifest={**run.manifest, "catalogue": catalogue}))
    assert "@misc{arxiv3101.00001," in text and "eprint = {3101.00001}" in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: bc.table.claims(run.claims), "received a DataFrame"),
        (lambda run: bc.table.claims(run, "tex"), "form: expected one of latex, markdown, csv, received 'tex'"),
        (lambda run: bc.table.claims(run, style="nips"), "style: expected one of neurips"),
        (lambda run: bc.table.claims(run, claims=["hscl_le_hcl"]), "did you mean 'hscl_le_hucl'"),
        (lambda run: bc.table.claims(run, betas=[3]), "ask for other claims or betas"),
        (lambda run: bc.table.claims(run, claims=[]), "ask for other claims or betas"),
        (lambda run: bc.table.methods(run, "html"), "form: expected one of latex, text"),
        (lambda run: bc.table.cite(3), "received a int"),
    ],
)
def test_mistakes_are_told(call: Callable[[Run], Any], message: str) -> None:
    with pytest.raises(bc.BoundcheckError, match=message):
        call(make_run())


def test_styles_are_those_of_the_figures() -> None:
    assert set(tables.STYLES) < set(FIGURE_STYLES)


def test_examples_run() -> None:
    result = doctest.testmod(tables)
    assert result.attempted > 0 == result.failed
