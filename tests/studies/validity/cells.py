"""The cells of the study: which samples are drawn of which population, and at which temperature they are judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from tests.studies.validity.populations import POPULATIONS, REPORT


@dataclass(frozen=True)
class Cell:
    """One kind of sample.

    Attributes:
        population: in POPULATIONS.
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


# population -> sizes, temperatures, (design, prior); further sizes and designs come in MORE.
_IID = (("iid", "empirical"),)
_BOTH = (("iid", "empirical"), ("iid", "balanced"))
GRID: dict[str, tuple[tuple[int, ...], tuple[float, ...], tuple[tuple[str, str], ...]]] = {
    "vmf 2 classes": ((10, 50, 200, 1000), (1.0, 0.5, 0.2), _IID),
    "vmf 10 classes": ((50, 400, 2000, 4000), (0.5, 0.1), _IID),
    "vmf 100 classes": ((400, 1000, 2000, 4000), (0.5, 0.2), _IID),
    "vmf imbalanced, two views": ((400, 1000), (0.5, 0.2), _BOTH),
    "vmf clusters": ((300, 1000, 4000), (0.5, 0.1), _IID),
    "fashion": ((200, 1000, 2000, 4000), (0.5, 0.2), _IID),
    "fashion, permuted": ((300, 1000), (0.5, 0.2), _IID),
    "digits": ((50, 200), (0.5, 0.1), _IID),
    "digits, permuted": ((200,), (0.5, 0.1), _IID),
    "newsgroups": ((300, 1000, 2000), (0.5, 0.2, 0.1), _IID),
    "newsgroups, permuted": ((300, 1000), (0.5, 0.2), _IID),
    "six newsgroups": ((300,), (0.5, 0.2, 0.1), _IID),
    "six newsgroups, permuted": ((300,), (0.5, 0.2, 0.1), _IID),
    "vmf 5 classes": ((20, 100, 500, 2000), (1.0, 0.3), _IID),
    "vmf 40 classes, imbalanced": ((400, 2000), (0.5, 0.2), _BOTH),
    "vmf 1,000 classes, two views": ((1000, 3000), (0.5, 0.2), _IID),
    "vmf heavy tails, two views": ((400, 2000), (0.5,), _IID),
    "vmf fine clusters": ((300, 1000), (0.5, 0.2), _IID),
    "fashion, two views": ((300, 1000, 2000), (0.5, 0.2), _IID),
    "fashion, long tail": ((500, 2000), (0.5, 0.2), _BOTH),
    "fashion, PCA": ((200, 1000, 4000), (0.5, 0.1, 0.05), _IID),
    "fashion, PCA, permuted": ((1000,), (0.5, 0.1), _IID),
    "digits encoder": ((100, 300), (0.5, 0.1), _IID),
    "digits encoder, permuted": ((300,), (0.5, 0.1), _IID),
    "reuters": ((300, 1000), (0.5, 0.2, 0.1), _IID),
    "reuters, permuted": ((300, 1000), (0.5, 0.2), _IID),
}
# Fixed class sizes, as those of a benchmark's test set.
FIXED = (
    Cell("vmf 10 classes", 400, 0.5, "fixed"),
    Cell("vmf 100 classes", 1000, 0.5, "fixed"),
    Cell("fashion", 1000, 0.5, "fixed"),
    Cell("vmf 5 classes", 100, 0.3, "fixed"),
    Cell("vmf 1,000 classes, two views", 3000, 0.5, "fixed"),
    Cell("fashion, PCA", 400, 0.5, "fixed"),
)
QUICK_N = 300


def cells(only: str = "", quick: bool = False) -> Iterator[Cell]:
    """All cells, or those whose population or split contains a text; quick ones are small."""
    gridded = (
        Cell(name, n, temperature, *design) for name in POPULATIONS for n, temperature, design in product(*GRID[name])
    )
    for cell in (*gridded, *FIXED):
        if (only in cell.population or only == cell.split) and not (quick and cell.n > QUICK_N):
            yield cell
