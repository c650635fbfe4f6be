"""Captions made from a run: what is drawn, of which data, with which settings, and what hollow marks mean."""

from __future__ import annotations

from typing import Any

from boundcheck.options import one_of
from boundcheck.report.latex import escaped
from boundcheck.report.setting import setting_sentence
from boundcheck.report.sources import run_of
from boundcheck.runs import Run, is_reliable

DRAWN = {
    "losses": "Contrastive losses in the limit of infinitely many negatives against the hardness β, in nats. UCL and "
    "H-UCL draw negatives from all other instances, SCL and H-SCL from other classes only; at β = 0 the hard losses "
    "are the plain ones.",
    "gap": "Gap between the two sides of the inequality against the hardness β, in nats. Above zero it holds. Circles: "
    "it holds; crosses: it does not; squares: undecided.",
    "crossing": "H-SCL and UCL against the hardness β, in nats. Dotted: the hardness from which H-SCL is the larger.",
    "premise": "Share of anchors that satisfy Assumption 1 against the hardness β. At β = 0 it is the accuracy of a "
    "one-vs-rest kernel-mean rule, at β = ∞ the leave-one-instance-out accuracy of the nearest neighbour.",
    "margin": "Margin of Assumption 1 at each anchor, in nats. Anchors left of zero break it.",
    "critical_beta": "Critical hardness β* of each anchor: the least β at which its negatives of other classes cost as "
    "much as the whole pool of untilted negatives.",
    "claims": "Gap in the claimed direction of every statement that applies, in nats where not said otherwise. Right "
    "of zero the statement holds.",
    "finite_k": "How far the losses at k negatives lie below their limit, in nats. Marks: exact averages over all "
    "draws; dashed: second-order prediction; crosses: what training on mini-batches computes.",
    "bounds": "Cross-entropy of the mean classifier, dashed, between its bounds by the contrastive loss with K "
    "negatives, in nats.",
    "hardest_anchors": "The anchors of least margin, each with the nearest instance of its class and of another class.",
}
"""What each figure shows, by the name of its function."""
FORMS = ("text", "latex")
_BANDS = {"losses": "Bands", "gap": "Bars", "crossing": "Bands", "premise": "Bands", "claims": "Bars"}
_TABLE = {"losses": "losses", "crossing": "losses", "gap": "claims", "claims": "claims", "premise": "assumption"}


def caption(figure: str, v: Any, form: str = "text") -> str:
    """A caption for one of this module's figures.

    Args:
        figure: Name of the function that drew it, as "losses".
        v: The `Verification`, `Run` or folder it was drawn from.
        form: "text" or "latex".

    Returns:
        What is drawn; data, n, views, classes, temperature, Q, betas, positives, confidence; and, where some marks are
        hollow, what that means.

    Raises:
        InputError: The figure or the form is unknown, or `v` is something else.
    """
    one_of("figure", figure, DRAWN)
    one_of("form", form, FORMS)
    run = run_of(v)
    level = run.manifest.get("config", {}).get("confidence")
    bands = f"{_BANDS[figure]}: {100 * level:g} % confidence intervals." if figure in _BANDS and level else ""
    said = " ".join(
        part for part in (DRAWN[figure], bands, hollow_sentence(run, figure), setting_sentence(run)) if part
    )
    return escaped(said) if form == "latex" else said


def hollow_sentence(run: Run, figure: str) -> str:
    """What hollow marks mean, where the figure has some."""
    table = getattr(run, _TABLE[figure]) if figure in _TABLE else None
    if table is None or is_reliable(table).all():
        return ""
    return "Hollow marks are not to be relied on: they rest on too few effective instances or have not settled."
