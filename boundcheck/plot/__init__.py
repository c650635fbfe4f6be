"""Figures for papers, slides and notebooks: `with bc.plot.style("neurips"): bc.plot.losses(v)`."""

from boundcheck.plot.captions import caption
from boundcheck.plot.figures import (
    bounds,
    claims,
    critical_beta,
    crossing,
    downstream,
    finite_k,
    gap,
    hardest_anchors,
    losses,
    margin,
    premise,
)
from boundcheck.plot.styles import STYLES, Style, style

__all__ = [
    "STYLES",
    "Style",
    "bounds",
    "caption",
    "claims",
    "critical_beta",
    "crossing",
    "downstream",
    "finite_k",
    "gap",
    "hardest_anchors",
    "losses",
    "margin",
    "premise",
    "style",
]
