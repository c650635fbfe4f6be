"""Words of a page that lead to what they mean."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

TERM_OF = {
    "Anchors": "anchor",
    "Anchors holding": "share",
    "Anchors satisfying": "share",
    "Claim": "claim",
    "Class prior": "prior",
    "Conjecture": "conjecture",
    "Estimate": "estimate",
    "Exact": "exact",
    "Gap": "gap",
    "Hardening": "tilt",
    "Least margin": "margin",
    "Loss": "limit",
    "Margin": "margin",
    "Median ESS": "ess",
    "Median margin": "margin",
    "Negatives": "finite-k",
    "Plug-in": "plugin",
    "Positives": "positives",
    "Premise met": "premise",
    "Q": "q",
    "Scenario": "scenario",
    "Self pairs": "self-pairs",
    "Standard error": "se",
    "Temperature τ": "temperature",
    "Theorem": "theorem",
    "Verdict": "verdict",
    "p (Holm)": "holm",
}
_UNIT = re.compile(r" \([^()]+\)$")
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
_CODE, _EMPHASIS = re.compile(r"`([^`]+)`"), re.compile(r"\*([^*]+)\*")


def linked(label: str) -> Markup:
    """A column's or a fact's name, with its unit or without, as a link to the term it is about; itself where none."""
    term = TERM_OF.get(label) or TERM_OF.get(_UNIT.sub("", label))
    return Markup('<a class="term" href="#term-{}">{}</a>').format(term, label) if term else escape(label)


def sourced(text: str) -> Markup:
    """A claim's source, whose papers on arXiv are links, with its code."""
    linked_papers = _ARXIV.sub(r'<a href="https://arxiv.org/abs/\1">\g<0></a>', str(escape(text)))
    return Markup(_CODE.sub(r"<code>\1</code>", linked_papers))


def marked_up(text: str) -> Markup:
    """A definition, with its code and emphasis."""
    return Markup(_EMPHASIS.sub(r"<em>\1</em>", _CODE.sub(r"<code>\1</code>", str(escape(text)))))
