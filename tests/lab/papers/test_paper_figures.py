"""What the figures share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from boundcheck.lab.papers.figures._common import encoder_style, families, few, grid, legend
from boundcheck.report.style import paper


@pytest.mark.parametrize(
    ("trained", "expected"),
    [
        (["ucl", "hucl", "scl", "hscl"], ["unsupervised", "supervised"]),
        (["ucl", "scl", "hscl", "hscl_detached"], ["unsupervised", "supervised", "supervised, detached"]),
        (["scl", "hscl_detached"], ["supervised, detached"]),
        (["scl"], ["supervised"]),
    ],
)
def test_families_are_those_that_were_trained(trained, expected):
    assert families(pd.DataFrame({"objective": trained})) == expected


def test_a_few_of_many_keep_the_ends():
    assert few([0.25, 0.5, 1.0, 2.0, 5.0]) == [0.25, 1.0, 5.0]
    assert few([1.0, 5.0]) == [1.0, 5.0] and few([]) == []


def test_a_legend_of_many_encoders_stays_on_the_page():
    with paper():
        figure, panels = grid(1, 3)
        for number in range(17):
            panels[0, 0].plot([0, 1], label=f"H-SCL detached, β = {number}")
        legend(figure, panels.flat)
        figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    assert panels[0, 0].get_window_extent().y1 < box.y0


def test_detached_weights_have_open_markers():
    closed, opened = (encoder_style(name, 1.0, [1.0, 5.0]) for name in ("hscl", "hscl_detached"))
    assert closed["color"] == opened["color"] and opened["markerfacecolor"] == "white"
    assert "markerfacecolor" not in closed
    assert encoder_style("scl", np.nan, [])["linestyle"] == "--"
