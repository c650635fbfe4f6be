"""Words of a page and where they lead."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from boundcheck.cli import main
from boundcheck.errors import InputError
from boundcheck.glossary import SOURCE, defined, glossary
from boundcheck.report.terms import TERM_OF, linked, marked_up, sourced

ROOT = Path(__file__).parents[2]


def test_every_entry_of_the_glossary_is_a_term_of_its_own() -> None:
    entries = re.findall(r"^####", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(glossary()) == len(entries) > 40
    assert len({term.name for term in glossary().values()}) == len(entries)
    assert set(TERM_OF.values()) <= set(glossary())


def test_equations_that_terms_cite_are_those_of_the_theory() -> None:
    numbered = set(re.findall(r"\\tag\{(\d+)\}", (ROOT / "docs/theory.md").read_text(encoding="utf-8")))
    assert set(re.findall(r"eq\. \((\d+)\)", SOURCE.read_text(encoding="utf-8"))) <= numbered


@pytest.mark.parametrize("word", ["ess", "ESS", "Effective sample size", "ESS, effective sample size"])
def test_a_term_is_found_by_any_of_its_names(word: str) -> None:
    assert defined(word) == glossary()["ess"]


def test_an_unknown_term_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match=r"term: .*received 'tlit'; did you mean 'tilt'\?"):
        defined("tlit")


def test_the_terminal_says_what_a_word_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["glossary", "beta"]) == 0
    assert "multiplies the logit, so" in capsys.readouterr().out
    assert main(["glossary", "--format", "json"]) == 0
    assert [term["id"] for term in json.loads(capsys.readouterr().out)] == list(glossary())
    assert main(["glossary", "nowhere"]) == 2
    assert "term: expected one of" in capsys.readouterr().err


def test_labels_lead_to_their_terms_with_their_unit_or_without() -> None:
    assert linked("Gap (share)") == '<a class="term" href="#term-gap">Gap (share)</a>'
    assert linked("p (Holm)") == '<a class="term" href="#term-holm">p (Holm)</a>'
    assert linked("<b>") == "&lt;b&gt;"


def test_sources_lead_to_their_papers_and_stay_text() -> None:
    assert sourced("X (arXiv 2209.00078) <b>") == (
        'X (<a href="https://arxiv.org/abs/2209.00078">arXiv 2209.00078</a>) &lt;b&gt;'
    )
    assert marked_up("`a < b` and *c*") == "<code>a &lt; b</code> and <em>c</em>"


def test_every_link_within_a_page_leads_somewhere(saved: Path) -> None:
    html = (saved / "report.html").read_text(encoding="utf-8")
    places = set(re.findall(r'\sid="([^"]+)"', html))
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets <= places
    assert {"term-gap", "term-ess", "term-holm", "term-reliable", "terms"} <= targets
