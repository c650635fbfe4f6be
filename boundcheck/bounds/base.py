"""What a bound on few-shot nearest-class-mean error is.

m instances of each class are drawn independently, mu^_i is their mean, and x of class i is put to the class of the
nearest mean. It is an error when some other mean is at least as near. By the union bound

    err_m <= (1/C) sum_i sum_{j != i} P(|x - mu^_j| <= |x - mu^_i|),

and every bound here bounds the probabilities on the right, pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from boundcheck.bounds.moments import ClassMoments

Terms = Mapping[str, Float[np.ndarray, "c c"]]


@dataclass(frozen=True)
class FewShotBound:
    """A bound on the probability that x of class i is at least as near to the mean of m instances of class j.

    Attributes:
        id: the name in tables.
        title: one line of plain words.
        statement: LaTeX, of the pair (i, j).
        source: paper, arXiv id, theorem, and what was derived again.
        terms: moments, m -> the bound of every pair as a sum of named parts, (c, c) each; m = inf is the classifier by
            the classes' own means. The diagonal has no meaning.
        steps: it moves in steps, as shares of instances do: a correction of its bias would be noise, and is left to the
            interval, which holds both ends of it (docs/theory.md, eq. (98)).
    """

    id: str
    title: str
    statement: str
    source: str
    terms: Callable[[ClassMoments, float], Terms]
    steps: bool = False

    def pairs(self, moments: ClassMoments, m: float) -> Float[np.ndarray, "c c"]:
        """The bound of every ordered pair; 0 on the diagonal."""
        total: np.ndarray = np.sum(list(self.terms(moments, m).values()), axis=0)
        np.fill_diagonal(total, 0.0)
        return total

    def error(self, moments: ClassMoments, m: float) -> float:
        """The bound on the error over all classes, each as likely as the other; vacuous from 1 on."""
        return float(self.pairs(moments, m).sum() / moments.c)

    def parts(self, moments: ClassMoments, m: float) -> dict[str, float]:
        """What each named part adds to `error`."""
        off = ~np.eye(moments.c, dtype=bool)
        return {name: float(term[off].sum() / moments.c) for name, term in self.terms(moments, m).items()}
