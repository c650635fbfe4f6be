"""The core: sums over all pairs of anchors and candidates."""
