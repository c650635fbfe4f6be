"""Downstream error, measured, beside every bound on it."""

from boundcheck.downstream.beside import Downstream, downstream
from boundcheck.downstream.cross_entropy import cross_entropy_bounds

__all__ = ["Downstream", "cross_entropy_bounds", "downstream"]
