"""`betas="auto"`: the tilts that a sample can carry, from the effective instances that every loss rests on.

A tilt by beta puts the weight of a pool on its nearest few instances. Where fewer than `LEAST_ESS` effective ones are
left, intervals cover far less than they say and the verdict is withheld (`reliability`). The largest beta at which
every loss keeps enough is found on a series of betas, then between its last good and its first bad one. The choice
looks at which logits are large, not at the losses or their gaps, and other doubts may still withhold a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.exact import exact
from boundcheck.estimators.montecarlo import sampled_anchors
from boundcheck.estimators.reliability import LEAST_ESS, effective
from boundcheck.spec import BETAS, STEEPEST, Execution, Variant

SERIES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
LOOKED_AT = 2_000  # anchors at most
MARGIN = 1.05  # on the least number, where anchors are sampled
_BETWEEN = 8  # parts of an interval of betas, in each of two rounds
_NEAR = 0.9  # of the largest beta: a beta of the series that near to it is left out


@dataclass(frozen=True)
class Proposal:
    """Betas for one embedding set at one temperature.

    Attributes:
        betas: ascending; the last is `largest`.
        largest: the largest beta, to two digits, at which every loss keeps enough effective instances.
        ess: beta -> the fewest effective instances that a loss rests on there, of all betas looked at.
        reason: what was chosen and why, in a sentence or two.
    """

    betas: tuple[float, ...]
    largest: float
    ess: Mapping[float, float]
    reason: str


def propose_betas(emb: EmbeddingSet, variant: Variant, execution: Execution | None = None) -> Proposal:
    """The betas that the sample carries.

    Args:
        emb: embeddings and labels.
        variant: of the losses; its tilts are not looked at.
        execution: device, precision, and the seed of the anchors looked at, at most 2,000.

    Raises:
        InputError: the data are taken as the population, so that nothing rests on a sample; or not even a small tilt
            leaves enough.
    """
    execution, variant = execution or Execution(), variant.on(emb)
    if variant.self_pairs == "include":
        raise InputError(
            "betas: auto asks what a sample carries, received self_pairs 'include', which has none; name betas"
        )
    sampled = emb.n * emb.v > LOOKED_AT
    anchors = sampled_anchors(emb, LOOKED_AT, execution.seed) if sampled else None
    least = LEAST_ESS * (MARGIN if sampled else 1.0)
    found: dict[float, float] = {}

    def good(betas: Sequence[float]) -> int:
        """How many of the first betas, ascending, leave enough."""
        losses = exact(emb, variant.but(betas=betas, hardening="exp"), execution, anchors=anchors)
        for key in losses.keys:
            beta, ess = key.hardening.beta or 0.0, effective(losses, key)
            found[beta] = min(found.get(beta, math.inf), ess if ess == ess else 0.0)
        if found[0.0] < least:
            raise InputError(
                f"betas: auto finds {found[0.0]:.1f} effective instances at an anchor without any tilt, and needs "
                f"{least:.0f}; raise the temperature, or verify more instances"
            )
        return next((i for i, beta in enumerate(betas) if found[beta] < least), len(betas))

    series = [beta for beta in SERIES if beta <= STEEPEST * min(1.0, variant.temperature)]
    count = good(series)
    low = series[count - 1] if count else 0.0
    if count < len(series):
        high = series[count]
        for _ in range(2):
            between = [low + (high - low) * i / _BETWEEN for i in range(1, _BETWEEN)]
            count = good(between)
            low, high = ([low, *between][count], [*between, high][count])
    largest = _two_digits(low)
    if not largest > 0:
        raise InputError(
            f"betas: auto finds fewer than {least:.0f} effective instances at the smallest tilt it tries; raise the "
            "temperature, or verify more instances"
        )
    below = [beta for beta in series if beta < _NEAR * largest] or [_two_digits(largest / 2)]
    return Proposal(
        (*below, largest), largest, dict(sorted(found.items())), _reason(variant, largest, series[-1], least)
    )


def _reason(variant: Variant, largest: float, last: float, least: float) -> str:
    if largest >= last:
        return (
            f"betas up to {largest:g}, the largest tried: every loss rests on {least:.2g} effective instances or more"
        )
    said = (
        f"betas up to {largest:g}: beyond it a loss rests on fewer than {least:.2g} effective instances at an anchor "
        "(harmonic mean)"
    )
    most = BETAS[-1]
    if largest >= most:
        return said
    tau = variant.temperature * (1 + most) / (1 + largest)  # where the steepest power of the logits is the same
    return f"{said}; at beta {most:g} a temperature of about {tau:.2g} would leave as many"


def _two_digits(beta: float) -> float:
    """Rounded down to two significant digits."""
    if not beta > 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(beta)) - 1)
    return float(f"{math.floor(beta / unit + 1e-9) * unit:.2g}")
