"""Losses at finite k: Laplace transforms of e^t over pools and over positives."""
