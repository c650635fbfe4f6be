"""What is measured: one base case, and one thing varied at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.methods import METHODS

SEED = 0


@dataclass(frozen=True)
class Case:
    """Synthetic unit vectors: a Gaussian cloud around each class's random centre."""

    study: str
    method: str = "boundcheck"
    n: int = 10_000
    d: int = 128
    classes: int = 10
    temperature: float = 0.5
    betas: tuple[float, ...] = (5.0,)

    def data(self) -> tuple[Tensor, Tensor]:
        """(z (n, d) float32, y (n,))."""
        generator = torch.Generator().manual_seed(SEED)
        y = torch.arange(self.n) % self.classes
        z = torch.randn(self.classes, self.d, generator=generator)[y]
        z += 1.5 * torch.randn(self.n, self.d, generator=generator)
        return torch.nn.functional.normalize(z, dim=1), y


BETAS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
MANY_BETAS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 30.0)
STUDIES = ("n", "betas", "classes", "d", "temperature", "losses")
# size -> (numbers of embeddings of the size study, n of the others)
SIZES = {
    "smoke": ((300,), 300),
    "quick": ((1_000, 2_500, 5_000, 10_000), 10_000),
    "full": ((1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000), 20_000),
}


def cases(size: str) -> list[Case]:
    """Every case of a size."""
    numbers, n = SIZES[size]
    base = Case("base", n=n)
    out = [
        Case("n", method, n=number)
        for method, (_, most) in METHODS.items()
        for number in numbers
        if method != "boundcheck_losses" and number <= min(most, 100_000 if method == "boundcheck_intervals" else most)
    ]
    for method in ("boundcheck", "boundcheck_intervals"):
        one = replace(base, method=method)
        out += [replace(one, study="betas", betas=betas) for betas in ((5.0,), BETAS, MANY_BETAS)]
        out += [replace(one, study="classes", classes=c) for c in (2, 10, 100, 1000) if 2 * c <= n]
        out += [replace(one, study="d", d=d) for d in (64, 128, 512, 2048)]
        out += [replace(one, study="temperature", temperature=tau) for tau in (0.5, 0.07, 0.01)]
    out.append(Case("losses", "boundcheck_losses", n=3 * n // 2))
    return out
