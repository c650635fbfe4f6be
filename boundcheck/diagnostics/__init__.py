"""Diagnostics of collapse, each with an interval over samples of instances."""

from boundcheck.diagnostics.diagnosis import DIAGNOSTICS, Diagnosis, diagnose

__all__ = ["DIAGNOSTICS", "Diagnosis", "diagnose"]
