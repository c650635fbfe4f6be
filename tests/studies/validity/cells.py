"""The cells of the study: which samples are drawn of which population, and at which temperature they are judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from tests.studies.validity.populations import REPORT


@dataclass(frozen=True)
class Cell:
    """One kind of sample.

    Attributes:
        population: in `populations.POPULATIONS`.
        n: instances.
        temperature: tau; every beta of `populations.BETAS` is judged on the same samples.
        design: "iid", or "fixed" class sizes.
        prior: "empirical" or "balanced".
    """

    population: str
    n: int
    temperature: float
    design: str = "iid"
    prior: str = "empirical"

    @property
    def split(self) -> str:
        """Whether the engine may be tuned on it."""
        return "report" if self.population in REPORT else "tune"

    @property
    def name(self) -> str:
        """Of its files."""
        words = self.population.replace(",", "").replace(" ", "-")
        return f"{words}-{self.n}-{self.temperature:g}-{self.design}-{self.prior}"


# population -> sizes, temperatures, (design, prior), in the order in which they are drawn; then FURTHER and UNSEEN.
_IID = (("iid", "empirical"),)
_SOFT, _EACH = (0.5,), (0.5, 0.1)
GRID: dict[str, tuple[tuple[int, ...], tuple[float, ...], tuple[tuple[str, str], ...]]] = {
    "reuters": ((300,), _EACH, _IID),
    "newsgroups": ((300,), _SOFT, _IID),
    "fashion": ((300,), _SOFT, _IID),
    "digits": ((200,), _EACH, _IID),
    "digits encoder": ((200,), _SOFT, _IID),
    "six newsgroups": ((300,), _SOFT, _IID),
    "reuters, permuted": ((300,), _SOFT, _IID),
    "newsgroups, permuted": ((300,), _SOFT, _IID),
    "six newsgroups, permuted": ((300,), _SOFT, _IID),
    "fashion, permuted": ((300,), _SOFT, _IID),
    "fashion, PCA, permuted": ((300,), _SOFT, _IID),
    "digits, permuted": ((200,), _SOFT, _IID),
    "digits encoder, permuted": ((200,), _SOFT, _IID),
    "vmf 2 classes": ((50, 200), _SOFT, _IID),
    "vmf 10 classes": ((50, 400), _SOFT, _IID),
}
FURTHER = (
    Cell("vmf 10 classes", 400, 0.5, "fixed"),  # as those of a benchmark's test set
    Cell("fashion", 400, 0.5, "fixed"),
    Cell("fashion", 1000, 0.5),
    Cell("fashion, long tail", 400, 0.5),
    Cell("fashion, long tail", 1000, 0.5),
    Cell("fashion, two views", 400, 0.5),
    Cell("newsgroups", 1000, 0.5),
    Cell("newsgroups, long tail", 400, 0.5),
    Cell("vmf 40 classes, imbalanced", 1000, 0.5),
    Cell("vmf 40 classes, imbalanced", 1000, 0.5, prior="balanced"),
    Cell("vmf heavy tails, two views", 400, 0.5),
    Cell("vmf imbalanced, two views", 400, 0.5),
    Cell("vmf 100 classes", 1000, 0.5),
    Cell("vmf 5 classes", 1000, 1.0),
    Cell("vmf 10 classes", 400, 0.05),
    Cell("vmf 10 classes", 4000, 0.5),
    Cell("vmf 2 classes", 1000, 1.0),
    Cell("fashion", 4000, 0.5),
    Cell("vmf 1,000 classes, two views", 4000, 0.5),
)
UNSEEN = (  # added when the reach of shares, theory, eq. (103), had been chosen
    Cell("vmf 20 classes", 500, 0.5),
    Cell("vmf 30 classes, imbalanced", 800, 0.3),
    Cell("vmf clusters", 300, 0.5),
    Cell("digits, long tail", 300, 0.5),
    Cell("fashion, PCA", 300, 0.5),
    Cell("fashion, PCA", 1000, 0.5),
    Cell("fashion, PCA", 1000, 1.0),
)
QUICK_N = 300


def cells(only: str = "", quick: bool = False) -> Iterator[Cell]:
    """All cells, or those whose population or split contains a text; quick ones are small."""
    gridded = (Cell(name, n, temperature, *design) for name in GRID for n, temperature, design in product(*GRID[name]))
    for cell in (*gridded, *FURTHER, *UNSEEN):
        if (only in cell.population or only == cell.split) and not (quick and cell.n > QUICK_N):
            yield cell
