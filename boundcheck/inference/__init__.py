"""Uncertainty: influence functions, jackknife, intervals, multiplicity (docs/theory.md, eq. (48) to eq. (62))."""
