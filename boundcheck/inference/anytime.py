"""Intervals that hold at every sample size at once, so that sampling may stop when they have decided.

An asymptotic confidence sequence with the robust normal-mixture boundary (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52, 2024, Theorem 2.2;
docs/theory.md, eq. (62)): for the mean of t observations with standard deviation s,

    P(for all t: |mean_t - mu| <= s sqrt(2 (t r^2 + 1) / (t^2 r^2) log(sqrt(t r^2 + 1) / alpha))) -> 1 - alpha

as the first t grows; r sets where the sequence is narrowest. Anchors are sampled without replacement, which makes the
sequence conservative. It is about the data set's own value; the population adds an error that does not change while
anchors are sampled, for which a normal interval does. Half of alpha goes to each (a union bound).
"""

from __future__ import annotations

import math

from scipy.special import ndtri

NARROWEST = 2000  # anchors


def boundary(t: int, alpha: float) -> float:
    """Half-width of the confidence sequence at t observations, in standard deviations of one; tightest at `NARROWEST`.

    Args:
        t: observations so far, >= 1.
        alpha: probability that the sequence ever misses.
    """
    r2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / NARROWEST
    return math.sqrt(2 * (t * r2 + 1) / (t * t * r2) * math.log(math.sqrt(t * r2 + 1) / alpha))


def anytime_error(total: float, sampling: float, sampled: int, anchors: int, confidence: float) -> float:
    """The standard error whose normal interval at this confidence is the anytime-valid one.

    Args:
        total: standard error about the population at this number of anchors.
        sampling: standard error about the data set's own value, with the finite-population correction.
        sampled, anchors: anchors sampled, and in all.
        confidence: of the interval.
    """
    alpha = 1 - confidence
    data = math.sqrt(max(total**2 - sampling**2, 0.0))
    half = float(ndtri(1 - alpha / 4)) * data
    if sampled < anchors:
        deviation = sampling * math.sqrt(sampled / (1 - sampled / anchors))
        half += boundary(sampled, alpha / 2) * deviation
    return half / float(ndtri(1 - alpha / 2))
