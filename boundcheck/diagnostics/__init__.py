"""Diagnostics of collapse, each with an interval over samples of instances."""

from boundcheck.diagnostics.diagnosis import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
