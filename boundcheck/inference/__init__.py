"""Uncertainty: influence functions, intervals, bootstrap, multiplicity (docs/theory.md, eq. (48) to eq. (62))."""
