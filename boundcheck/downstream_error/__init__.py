"""Downstream error, measured, beside every bound on it."""

from boundcheck.downstream_error.beside import Downstream, downstream
from boundcheck.downstream_error.cross_entropy import cross_entropy_bounds

__all__ = ["Downstream", "cross_entropy_bounds", "downstream"]
