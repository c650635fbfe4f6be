"""References against sets that are at them, and translations against the objectives written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import boundcheck as bc
from boundcheck.bounds import CODE_BASES, translate
from boundcheck.bounds.references import at_collapse, at_full_collapse, at_random, at_worst
from boundcheck.claims.ucl_ge_collapse import floor
from boundcheck.claims.uniformity_floor import log_mean_uniform
from boundcheck.errors import InputError
from boundcheck.spec import Variant

HARDENINGS = ["exp", "threshold:-0.8", "poly:2"]


def simplex(counts: list[int]) -> bc.EmbeddingSet:
    y = np.repeat(np.arange(len(counts)), counts)
    return bc.EmbeddingSet(np.eye(len(counts))[y] - 1 / len(counts), y)


@pytest.mark.parametrize("counts", [[4, 4, 4], [9, 3, 2]])
@pytest.mark.parametrize("prior", ["empirical", "balanced"])
@pytest.mark.parametrize("self_pairs", ["exclude", "include"])
def test_at_neural_collapse_every_encoder_is_at_its_reference(counts: list[int], prior: str, self_pairs: str) -> None:
    losses = bc.estimate(
        simplex(counts), betas=[2.0], hardening=HARDENINGS, q=[1.0, math.inf], class_prior=prior, self_pairs=self_pairs,
        positives="class", intervals=False, precision="float64",
    )  # fmt: skip
    for key in losses.keys:
        expected = at_collapse(key, losses.variant, np.array(counts))
        assert losses.loss(key).plugin == pytest.approx(expected, abs=1e-6), key


def test_one_point() -> None:
    emb = bc.EmbeddingSet(np.ones((8, 3)), np.arange(8) % 2)
    losses = bc.estimate(emb, betas=[1.0], q=[1.0, 7.0, math.inf], intervals=False)
    for key in losses.keys:
        assert losses.loss(key).plugin == pytest.approx(at_full_collapse(key.q), abs=1e-6)


def test_random_points_approach_their_reference() -> None:
    rng = np.random.default_rng(0)
    emb = bc.EmbeddingSet(rng.standard_normal((3000, 1, 6)), np.arange(3000) % 3)
    losses = bc.estimate(emb, betas=[1.0], hardening=["exp", "poly:2"], temperature=0.5)
    for key in losses.keys:
        estimate = losses.loss(key)
        assert abs(estimate.value - at_random(key, losses.variant, 6)) < 4 * estimate.se + 2e-3


def test_a_frame_of_references() -> None:
    rng = np.random.default_rng(0)
    emb = bc.EmbeddingSet(np.eye(3)[np.arange(60) % 3] + 0.2 * rng.standard_normal((60, 3)), np.arange(60) % 3)
    frame = bc.references(bc.estimate(emb, betas=[1.0], temperature=0.5))
    least = frame[frame.loss != "hucl"]  # to H-UCL a collapsed class is full of hard negatives
    assert (least.collapse < least.estimate).all() and (frame.estimate < frame.full_collapse).all()
    assert (frame.full_collapse < frame.worst).all() and least.position.between(0, 1).all()
    balanced = Variant(betas=[], class_prior="balanced", self_pairs="include", temperature=0.5)
    assert at_collapse(balanced.keys[0], balanced, np.array([5, 5, 5])) == pytest.approx(floor(3, 0.5, 1.0))
    assert at_worst(1.0, 0.5) == pytest.approx(math.log1p(math.exp(4)))


def printed(z: torch.Tensor, tau: float, labels: torch.Tensor | None = None) -> float:
    """NT-Xent of 2B views, or SupCon's loss where labels are given, by loops; views of one image are B apart."""
    n = len(z)
    logits = z @ z.T / tau
    total = 0.0
    for a in range(n):
        others = torch.arange(n) != a
        partner = (a + n // 2) % n
        positives = others & (labels == labels[a]) if labels is not None else torch.arange(n) == partner
        total += float((torch.logsumexp(logits[a][others], 0) - logits[a][positives]).mean())
    return total / n


@pytest.mark.parametrize("name", ["hcl", "pytorch-metric-learning", "solo-learn", "lightly", "supcontrast-simclr"])
def test_translations_at_the_simplex_and_at_a_point(name: str) -> None:
    batch, tau = 5, 0.3
    base = CODE_BASES[name]
    scale = 1.0 if base.base_temperature is None else tau / base.base_temperature
    vertices = torch.eye(batch, dtype=torch.float64) - 1 / batch
    vertices = torch.cat([vertices, vertices]) / vertices.norm(dim=1)[0]
    said = translate(name, 1.0, batch, temperature=tau)
    assert said.collapse == pytest.approx(scale * printed(vertices, tau))
    assert said.full_collapse == pytest.approx(scale * printed(torch.ones(10, 1).double(), tau))
    assert said.loss == pytest.approx(1 / scale)
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        z = torch.nn.functional.normalize(torch.randn(10, 2, generator=rng, dtype=torch.float64), dim=1)
        assert said.collapse <= scale * printed(z, tau) <= said.worst


def test_translation_of_supcon() -> None:
    batch, classes, tau = 6, 3, 0.07
    labels = torch.arange(12) % 3
    vertices = (torch.eye(3, dtype=torch.float64) - 1 / 3) / math.sqrt(2 / 3)
    said = translate("supcontrast", 1.0, batch, classes=classes)
    assert said.collapse == pytest.approx(printed(vertices[labels], tau, labels))
    assert said.full_collapse == pytest.approx(math.log(11))
    scaled = translate("supcontrast", 1.0, batch, classes=classes, temperature=0.14)
    assert scaled.full_collapse == pytest.approx(2 * math.log(11))


def test_readings() -> None:
    assert "one point" in translate("lightly", math.log(511), 256).reading
    assert translate("lightly-memory", 8.9, 256, queue=7331).full_collapse == pytest.approx(8.9, abs=1e-3)
    assert "another temperature" in translate("solo-learn", 1e-6, 256).reading
    assert "farther" in translate("hcl", 9.0, 256).reading
    halfway = translate("lightly", 5.5, 256)
    assert halfway.reading.startswith(
        f"{(halfway.full_collapse - 5.5) / (halfway.full_collapse - halfway.collapse):.0%}"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(code_base="lightl"), "did you mean 'lightly'"),
        (dict(code_base="lightly", temperature=0.0), "temperature"),
        (dict(code_base="lightly", batch=1), "batch: must be a whole number >= 2"),
        (dict(code_base="lightly-memory"), "queue"),
        (dict(code_base="supcontrast", classes=1), "classes"),
    ],
)
def test_refusals(arguments: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        translate(**{"printed": 1.0, "batch": 8, **arguments})


@pytest.mark.parametrize("d", [2, 3, 6])
def test_random_points_by_bessel_functions(d: int) -> None:
    """On the circle the integral over angles does not vanish at its ends, which were left out: 6e-4 nats."""
    variant = Variant(temperature=0.01, betas=[5.0], q=[math.inf], losses=["ucl", "hucl"])
    plain, tilted = log_mean_uniform(d, 100.0), log_mean_uniform(d, 600.0) - log_mean_uniform(d, 500.0)
    for key, expected in zip(variant.keys, (plain, tilted), strict=True):
        assert at_random(key, variant, d) == pytest.approx(expected, abs=1e-5)
