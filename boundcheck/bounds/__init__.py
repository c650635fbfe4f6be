"""Bounds on downstream error by the geometry of the classes: one published or re-derived statement a file."""

from __future__ import annotations

from boundcheck.bounds.ball import ball
from boundcheck.bounds.base import FewShotBound
from boundcheck.bounds.cdnv import cdnv
from boundcheck.bounds.code_bases import CODE_BASES, Translation, translate
from boundcheck.bounds.directional import directional
from boundcheck.bounds.directional_markov import directional_markov
from boundcheck.bounds.moments import ClassMoments, class_moments
from boundcheck.bounds.references import references
from boundcheck.bounds.second_moments import second_moments

BOUNDS: dict[str, FewShotBound] = {
    bound.id: bound for bound in (directional, directional_markov, cdnv, second_moments, ball)
}

__all__ = [
    "BOUNDS",
    "CODE_BASES",
    "ClassMoments",
    "FewShotBound",
    "Translation",
    "class_moments",
    "references",
    "translate",
]
