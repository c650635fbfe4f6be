"""As the batch grows, each batch loss approaches the population loss that `LIMITS` names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import estimate
from boundcheck.lab.objectives import LIMITS, OBJECTIVES, hyperparameters, limit_sentence
from boundcheck.spec import Variant

N, CLASSES, BETA, TEMPERATURE = 1200, 4, 1.0, 0.5
BATCHES = (12, 120, 1200)


@pytest.fixture(scope="module")
def population() -> EmbeddingSet:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(N)[torch.randperm(N, generator=generator)] % CLASSES
    centres = torch.randn(CLASSES, 8, generator=generator, dtype=torch.float64)
    noise = torch.randn(N, 2, 8, generator=generator, dtype=torch.float64)
    return EmbeddingSet(F.normalize(centres[y][:, None] + noise, dim=2).numpy(), y.numpy())


def batch_losses(name: str, population: EmbeddingSet, size: int, keywords: dict[str, object]) -> np.ndarray:
    """The objective on each batch of the population, its own pool; sums turned into means."""
    z, y = torch.from_numpy(population.z), torch.from_numpy(population.y)
    batches = [slice(start, start + size) for start in range(0, N, size)]
    losses = [float(OBJECTIVES[name](z[cut], y[cut], temperature=TEMPERATURE, **keywords)) for cut in batches]
    return np.array(losses) - (math.log(2 * size - 1) if name == "supcon" else 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("name", [name for name in LIMITS if name not in ("hcl", "sscl")])
def test_the_batch_loss_approaches_its_limit(name, positives, population):
    limit, accepted = LIMITS[name], hyperparameters(OBJECTIVES[name])
    if limit.positives not in (None, positives):
        pytest.skip("has a limit with other positives")
    offered = {"q": 1.0, "beta": BETA, "tau_plus": 1 / CLASSES, "positives": positives}
    keywords = {key: value for key, value in offered.items() if key in accepted}
    table = estimate(
        population,
        temperature=TEMPERATURE,
        betas=(BETA,),
        q=(math.inf if limit.decoupled else 1.0,),
        positives=positives,
        intervals=False,
    ).to_frame()
    expected = table.loc[table.loss == limit.loss, "plugin"].item()
    errors = [np.abs(batch_losses(name, population, size, keywords) - expected).mean() for size in BATCHES]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 1e-3


def test_every_limit_is_of_an_objective():
    assert set(LIMITS) == set(OBJECTIVES) - {"schane"}
    assert {limit.loss for limit in LIMITS.values()} == {"ucl", "hucl", "scl", "hscl"}


def test_a_fixed_number_of_synthetic_negatives_does_not_count_in_the_limit(population):
    def gap(size):
        shared = {"q": 1.0, "beta": BETA}
        draws = {"synthetic": 8, "hardest": 4, "generator": torch.Generator().manual_seed(0)}
        mixed = batch_losses("sscl", population, size, {**shared, **draws})
        return (mixed - batch_losses("hcl", population, size, shared)).mean()

    few, some, many = (gap(size) for size in BATCHES)
    assert few > 2 * some > 4 * many > 0


def spec(**changes: object) -> Variant:
    """Losses at beta = 1 and 5, Q = 1, augmentation positives, unless told otherwise."""
    return Variant(**{"temperature": 0.5, "betas": (1.0, 5.0), "positives": "augmentation", **changes})


@pytest.mark.parametrize(
    ("objective", "positives", "beta", "variant", "expected"),
    [
        ("ucl", "augmentation", None, {"q": (1.0, 8.0)}, "is ucl, augmentation positives, the Q of its training"),
        ("ucl", "augmentation", None, {"q": (1.0, 8.0)}, "; estimated here for Q = 1, 8"),
        ("hucl", "augmentation", 5.0, {}, "is hucl at β = 5, augmentation positives"),
        ("hucl", "augmentation", 0.0, {}, "is ucl, augmentation positives"),
        ("hscl", "class", 2.0, {}, "hscl at β = 2, class positives"),
        ("hscl", "class", 2.0, {}, "not estimated here, ask for it with --positives class --betas 1,2,5"),
        ("nscl", "augmentation", None, {}, "is scl, augmentation positives, Q = inf, if decoupled is true"),
        ("nscl", "augmentation", None, {}, "ask for it with --q inf"),
        ("nscl", "augmentation", None, {"q": (1.0, math.inf)}, "; it is among the losses here"),
        ("supcon", "class", None, {"q": (math.inf,), "positives": "class"}, "is ucl, class positives, Q = inf; it is"),
        ("supcon", "augmentation", None, {}, "is ucl, augmentation positives, Q = inf; not estimated"),
        ("dcl", "class", None, {"positives": "class"}, "is scl, class positives, the Q of its training"),
        ("dcl", "class", None, {"positives": "class"}, "if tau_plus is the share of the anchor's class"),
        ("sscl", "augmentation", 1.0, {}, "is none of the four losses (with class positives it would be hscl)"),
        ("schane", "class", 1.0, {}, "is not known to be one of the four losses"),
        ("my_own", "class", None, {}, "is not known to be one of the four losses"),
    ],
)
def test_what_is_said_of_the_limit(objective, positives, beta, variant, expected):
    said = limit_sentence(objective, positives, beta, spec(**variant), lambda name, value: f"--{name} {value}")
    assert said.startswith(f"trained with {objective}, {positives} positives: ")
    assert expected in said
