"""Search for counterexamples: points on the sphere that violate a claim, shrunk to a few and certified at 50 digits."""

from boundcheck.falsification.counterexample import Counterexample, Effort, Search
from boundcheck.falsification.problem import PREMISES
from boundcheck.falsification.search import falsify, search

__all__ = ["PREMISES", "Counterexample", "Effort", "Search", "falsify", "search"]
