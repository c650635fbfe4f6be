from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from boundcheck.report import FIGURES
from boundcheck.report.figures import write_figures
from boundcheck.report.format import interval
from boundcheck.report.style import COLUMN, PAGE
from boundcheck.runs import Run, records

Factory = Callable[..., Run]
SHOWN = [name for name in FIGURES if name != "bounds"]  # what the usual run has


def drawn(run: Run, name: str) -> tuple[Figure, pd.DataFrame]:
    result = FIGURES[name](run)
    assert result is not None
    return result


def main_axes(figure: Figure) -> Axes:
    return figure.axes[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_for_every_shape(any_run: Run, name: str) -> None:
    result = FIGURES[name](any_run)
    missing = {
        "hardest_anchors": any_run.pictures is None,
        "finite_k": any_run.finite_k.empty,
        "bounds": not any_run.claims.claim.eq("bao_upper").any(),
    }
    if missing.get(name):
        assert result is None
        return
    assert result is not None
    figure, data = result
    figure.draw_without_rendering()
    assert figure.get_figwidth() in (COLUMN, PAGE)
    assert len(data) > 0


@pytest.mark.parametrize("name", ["losses", "crossing", "assumption", "beta_star"])
def test_tick_labels_do_not_overlap(any_run: Run, name: str) -> None:
    figure, _ = drawn(any_run, name)
    figure.draw_without_rendering()
    for ax in figure.axes:
        labels = [label for label in ax.get_xticklabels() if label.get_text()]
        boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.x0)
        assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


def test_files_and_their_data(run: Run, saved: Path) -> None:
    folder = saved / "figures"
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{suffix}" for name in SHOWN for suffix in ("png", "pdf", "svg", "csv")
    }
    for name in SHOWN:
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert Image.open(folder / f"{name}.png").width in (200 * COLUMN, 200 * PAGE)
    data = pd.read_csv(folder / "losses.csv")
    np.testing.assert_allclose(data["estimate"], run.losses["estimate"])


@pytest.mark.slow
def test_global_settings_are_left_alone(run: Run, tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    write_figures(run, tmp_path)
    assert dict(mpl.rcParams) == before


def test_hard_curves_start_at_the_plain_loss(run: Run) -> None:
    figure, _ = drawn(run, "losses")
    curves = {str(line.get_label()): np.asarray(line.get_ydata(), float) for line in main_axes(figure).lines}
    assert curves["H-UCL"][0] == curves["UCL"][0]
    assert curves["H-SCL"][0] == curves["SCL"][0]
    hscl = run.losses[run.losses["loss"] == "hscl"]
    np.testing.assert_array_equal(curves["H-SCL"][1:], hscl["estimate"])


def test_one_panel_for_each_q(factory: Factory) -> None:
    figure, _ = drawn(factory(qs=[1.0, 4.0, np.inf]), "losses")
    assert [ax.get_title() for ax in figure.axes] == ["Q = 1", "Q = 4", "Q = ∞"]


def test_losses_with_finite_k_only(factory: Factory) -> None:
    run = factory()
    few, many = run.losses.assign(k=10.0), run.losses.assign(k=100.0, estimate=run.losses["estimate"] + 1)
    finite = Run(pd.concat([few, many]), run.claims, run.assumption, run.anchors, run.hardest, run.manifest)
    _, data = drawn(finite, "losses")
    assert set(data["k"]) == {100.0}


@pytest.mark.parametrize(("crossing", "said"), [(1.1, "β = 1.1"), (40.0, "off scale"), (None, "no crossing")])
def test_crossing_is_marked_or_said(factory: Factory, crossing: float | None, said: str) -> None:
    ax = main_axes(drawn(factory(crossing=crossing), "crossing")[0])
    assert said in ax.get_title() + " ".join(text.get_text() for text in ax.texts)


def test_margin_bins_split_at_zero_and_count_every_anchor(run: Run) -> None:
    _, data = drawn(run, "margin")
    assert not ((data["low"] < -1e-12) & (data["high"] > 1e-12)).any()
    for key, bins in data.groupby("hardening"):
        margins = run.anchors[f"margin[{key}]"]
        assert bins["anchors"].sum() == len(margins)
        assert bins.loc[bins["low"] >= 0, "anchors"].sum() == (margins >= 0).sum()


def test_margin_of_collapsed_classes(factory: Factory) -> None:
    run = factory()
    equal = run.anchors.assign(**{name: 4.0 for name in run.anchors if name.startswith("margin")})
    _, data = drawn(Run(run.losses, run.claims, run.assumption, equal, run.hardest, run.manifest), "margin")
    assert data["anchors"].max() == len(equal)


def test_beta_star_says_how_many_have_none(run: Run) -> None:
    figure, data = drawn(run, "beta_star")
    none = int(run.anchors["beta_star"].isna().sum())
    assert main_axes(figure).get_title().startswith(f"{none} of {len(run.anchors)} anchors (")
    assert data["anchors"].sum() == len(run.anchors) - none


def test_beta_star_when_no_anchor_has_one(factory: Factory) -> None:
    run = factory()
    none = Run(run.losses, run.claims, run.assumption, run.anchors.assign(beta_star=np.nan), run.hardest, run.manifest)
    figure, data = drawn(none, "beta_star")
    assert "100 %" in main_axes(figure).get_title()
    assert data["anchors"].sum() == 0


def test_assumption_names_both_ends(run: Run) -> None:
    labels = main_axes(drawn(run, "assumption")[0]).get_legend_handles_labels()[1]
    assert labels == ["kernel rule (β = 0)", "1-NN (β = ∞)"]


@pytest.mark.parametrize("channels", [1, 3])
def test_hardest_anchors_show_each_picture(factory: Factory, channels: int) -> None:
    run = factory()
    pictures = np.random.default_rng(1).integers(0, 255, (12, 3, channels, 8, 6), dtype=np.uint8)
    shown = Run(run.losses, run.claims, run.assumption, run.anchors, run.hardest, run.manifest, pictures)
    images = main_axes(drawn(shown, "hardest_anchors")[0]).images
    assert len(images) == 36
    np.testing.assert_array_equal(np.asarray(images[4].get_array())[..., 0], pictures[1, 1, 0])


def test_bounds_of_the_mean_classifier(run: Run) -> None:
    rows = run.claims.iloc[[0, 0, 0, 0]].assign(
        claim=["bao_upper", "bao_upper", "arora_upper", "bao_lower"], q=[1, 16, 16, 16], lhs=[1.0, 1, 1, -2],
        rhs=[9.0, 8, 3e40, 1],
    )  # fmt: skip
    figure, data = drawn(replace(run, claims=rows), "bounds")
    assert list(data["value"]) == [9, 8, 3e40, -2] and set(data["mean_classifier"]) == {1}
    labels = [line.get_label() for line in main_axes(figure).lines]
    assert labels == ["Bao 2022, upper", "Bao 2022, lower", "mean classifier"]  # Arora's says nothing


@pytest.mark.slow
def test_every_figure_tells_values_on_pointing_at_its_marks(factory: Factory, tmp_path: Path) -> None:
    run = factory()
    for name in write_figures(run, tmp_path):
        said = re.findall(r"<title>([^<]+)</title>", (tmp_path / f"{name}.svg").read_text(encoding="utf-8"))
        assert said or name == "hardest_anchors", name
    spots = ElementTree.parse(tmp_path / "losses.svg").getroot().findall(".//{*}circle")
    row = next(r for r in records(run.losses) if r.loss == "hscl" and r.beta == 5)
    words = f"H-SCL, β = 5: {interval(row.estimate, row.ci_low, row.ci_high, unit=' nats')}"
    assert sum((spot.findtext("{*}title") or "").startswith(words) for spot in spots) == 1
    assert "anchor" in (tmp_path / "margin.svg").read_text(encoding="utf-8").partition("<title>")[2]
