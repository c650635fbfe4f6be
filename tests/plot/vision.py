"""How colours look in grey and to colour-blind readers, by published matrices."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

# Machado, Oliveira, Fernandes 2009, "A physiologically-based model for simulation of color vision deficiency", IEEE
# TVCG 15(6), severity 1.0; they act on linear RGB.
MATRICES = {
    "full colour": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: object) -> np.ndarray:
    """sRGB as linear RGB (IEC 61966-2-1)."""
    c = np.array(to_rgb(colour))  # type: ignore[arg-type]
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB as CIELAB (D65), in which a distance of 2.3 is just noticeable."""
    t = _XYZ @ np.clip(rgb, 0, 1) / _XYZ.sum(1)
    x, y, z = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(a: object, b: object, vision: str) -> float:
    """CIE76 distance of two colours as seen; in "grey" that of lightness alone."""
    if vision == "grey":
        return float(abs(lab(linear(a))[0] - lab(linear(b))[0]))
    matrix = MATRICES[vision]
    return float(np.linalg.norm(lab(matrix @ linear(a)) - lab(matrix @ linear(b))))
