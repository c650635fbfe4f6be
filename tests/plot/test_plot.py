from __future__ import annotations

import doctest
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import boundcheck as bc
from boundcheck.errors import InputError
from boundcheck.plot import figures, styles
from boundcheck.report.figures.bounds import BOUNDS
from boundcheck.report.figures.gap import mark_of
from boundcheck.runs import Run, save_run
from boundcheck.verdicts import MET, UNMET
from tests.plot.vision import MATRICES, distance
from tests.report.conftest import SHAPES, make_run

FIGURES = ["losses", "gap", "crossing", "premise", "margin", "critical_beta", "claims", "finite_k", "hardest_anchors"]


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run()


def draw(name: str, v: Any, ax: Axes | None = None, **options: Any) -> Axes:
    drawn: Axes = getattr(bc.plot, name)(v, ax=ax, **options)
    return drawn


def hollow(ax: Axes) -> int:
    return sum(len(line.get_xdata()) for line in ax.lines if line.get_gid() == "hollow")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "style"), [(name, "icml") for name in FIGURES] + [("losses", s) for s in bc.plot.STYLES]
)
def test_every_figure_in_every_style(run: Run, name: str, style: str) -> None:
    """Nothing is cut off, and letters have the style's size: no label stands outside the figure."""
    with bc.plot.style(style) as look:
        ax = draw(name, run)
    figure = ax.figure
    assert isinstance(figure, Figure) and figure.get_figwidth() == pytest.approx(look.width)
    figure.draw_without_rendering()
    box, whole = figure.get_tightbbox(), figure.bbox_inches
    assert box.x0 > -0.02 and box.y0 > -0.02 and box.x1 < whole.width + 0.02 and box.y1 < whole.height + 0.02
    assert ax.get_window_extent().width > 0.5 * figure.bbox.width
    if name != "hardest_anchors":
        assert ax.xaxis.label.get_size() == look.font
        assert ax.get_xlabel() and (ax.get_ylabel() or name == "claims")


@pytest.mark.parametrize(
    "shape", ["one beta", "several q", "threshold and poly", "many betas", "no exponential hardening"]
)
def test_every_shape_of_run(shape: str) -> None:
    run = make_run(**SHAPES[shape])  # type: ignore[arg-type]
    for name in FIGURES:
        assert draw(name, run).has_data()


def test_on_the_axes_given_and_settings_left_alone(run: Run) -> None:
    before = dict(mpl.rcParams)
    figure, axes = plt.subplots(3, 3)
    for name, ax in zip(FIGURES, axes.flat, strict=True):
        assert draw(name, run, ax) is ax
    with bc.plot.style("icml"):
        draw("losses", run)
    assert dict(mpl.rcParams) == before
    assert len(figure.axes) == 9


def test_fonts_stay_when_a_figure_is_saved_after_its_style(run: Run) -> None:
    with bc.plot.style("neurips"):
        ax = draw("finite_k", run)
        inside = ax.xaxis.label.get_fontname()
    with bc.plot.style("beamer"):
        assert draw("losses", run).xaxis.label.get_fontname() != inside
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    texts = [ax.xaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels(), *ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert {text.get_fontname() for text in texts} == {inside}
    assert {text.get_size() for text in ax.get_xticklabels()} == {7.0}


@pytest.mark.slow
def test_the_same_from_a_verification_a_folder_and_a_frame(tmp_path: Path) -> None:
    y = np.arange(60) % 3
    z = np.eye(3, 8)[y] + 0.4 * np.random.default_rng(0).standard_normal((60, 8))
    # A frame has no titles: claims of which one is long stand elsewhere in it.
    v = bc.verify(bc.EmbeddingSet(z, y), betas=[0.5, 1], claims="hscl_le_hucl,scl_le_ucl,scl_ge_collapse,hscl_ge_ucl")
    save_run(v.run, tmp_path / "run")
    frames = {"losses": v.losses.to_frame(), "gap": v.to_frame(), "premise": v.run.assumption, "claims": v.to_frame()}
    for name, frame in frames.items():
        seen = [
            [np.asarray(line.get_ydata(), float) for line in draw(name, source).lines]
            for source in (v, v.run, tmp_path / "run", str(tmp_path / "run"), frame)
        ]
        for other in seen[1:]:
            assert all(np.allclose(a, b, equal_nan=True) for a, b in zip(seen[0], other, strict=True))


def test_values_are_the_tables(run: Run) -> None:
    curves = {str(line.get_label()): line for line in draw("losses", run).lines}
    hscl = run.losses[run.losses["loss"] == "hscl"]
    np.testing.assert_array_equal(np.asarray(curves["H-SCL"].get_ydata())[1:], hscl["estimate"])
    gaps = run.claims[run.claims["claim"] == "hscl_ge_ucl"]
    marks = [line for line in draw("gap", run, claim="hscl_ge_ucl").lines if str(line.get_marker()) in "oXs"]
    drawn = [float(np.asarray(line.get_ydata())[0]) for line in marks]
    np.testing.assert_array_equal(drawn, gaps["gap"])


@pytest.mark.parametrize(("name", "table"), [("losses", "losses"), ("gap", "claims"), ("claims", "claims")])
def test_hollow_is_what_the_table_calls_unreliable(run: Run, name: str, table: str) -> None:
    rows = getattr(run, table)
    if name == "gap":
        rows = rows[rows["claim"] == "hscl_le_hucl"]
    if name == "claims":
        rows = rows[rows["kind"] != "exact"]
    expected = int((~rows["reliable"].astype(bool)).sum())
    ax = draw(name, run)
    assert hollow(ax) == expected > 0
    assert ax.get_legend() is not None
    assert "hollow: unreliable" in [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[union-attr]
    sure = Run(**{**vars(run), table: getattr(run, table).assign(reliable=True)})
    assert hollow(draw(name, sure)) == 0
    assert "Hollow" in bc.plot.caption(name, run) and "Hollow" not in bc.plot.caption(name, sure)


def test_losses_are_told_apart_in_grey_and_by_the_colour_blind(run: Run) -> None:
    """By colour alone in every kind of vision, and by dash or marker as well."""
    lines = [line for line in draw("losses", run).lines if not str(line.get_label()).startswith("_")]
    assert len(lines) == 4
    for a, b in combinations(lines, 2):
        for vision in MATRICES:
            assert distance(a.get_color(), b.get_color(), vision) > 25, (a.get_label(), b.get_label(), vision)
        assert distance(a.get_color(), b.get_color(), "grey") > 12, (a.get_label(), b.get_label())
        assert a.get_marker() != b.get_marker()
    plain = {str(line.get_label()): line.get_linestyle() for line in lines}
    assert plain["UCL"] != plain["SCL"] and "-" not in (plain["UCL"], plain["SCL"])


def test_verdicts_and_bounds_are_told_apart() -> None:
    verdicts = {mark_of(verdict) for verdict in (*MET.values(), *UNMET.values(), "undecided")}
    assert len(verdicts) == 3 == len({marker for _, marker in verdicts})
    bounds = {(colour, marker) for _, colour, marker in BOUNDS.values()}
    assert len(bounds) == len(BOUNDS) == len({marker for _, marker in bounds})
    for group, grey in ((verdicts, 7), (bounds, 8)):
        for (a, _), (b, _) in combinations(group, 2):
            assert min(distance(a, b, vision) for vision in MATRICES) > 20, (a, b)
            assert distance(a, b, "grey") > grey, (a, b)


def test_the_measure_of_colours_knows_colours_that_are_alike() -> None:
    """UCL and SCL as they were drawn before were one grey; red and green are one colour without red cones."""
    assert distance("#e69f00", "#56b4e9", "grey") < 1
    assert distance("#b55f30", "#7a7a2c", "deuteranopia") < distance("#b55f30", "#7a7a2c", "full colour") / 2
    assert distance("white", "black", "grey") == pytest.approx(100, abs=0.1)
    for vision, matrix in MATRICES.items():
        np.testing.assert_allclose(matrix.sum(1), 1, atol=2e-6, err_msg=vision)  # white stays white


def test_curves_of_finite_k_have_marks_of_their_own(run: Run) -> None:
    for pool, count in (("all", 6), ("other", 6)):
        ax = draw("finite_k", run, pool=pool)
        named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
        assert len({line.get_marker() for line in named}) == len({to_hex(line.get_color()) for line in named}) == count  # type: ignore[arg-type]


def test_q_is_chosen_and_said() -> None:
    run = make_run(qs=[1.0, 4.0, np.inf])
    ax = draw("losses", run, q=np.inf)
    assert ax.get_legend().get_title().get_text() == "Q = ∞"  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"q: expected one of 1, 4, ∞, received 2"):
        draw("losses", run, q=2)


def test_captions_say_what_a_reader_needs(run: Run) -> None:
    expected = [
        "fashion_mnist",
        "n = 400 instances in 2 views, 4 classes",
        "τ = 0.5",
        "Q = 1",
        "10}",
        "views of the anchor's instance",
    ]
    for name in FIGURES:
        text = bc.plot.caption(name, run)
        assert [said for said in expected if said not in text] == [], name
    assert "Bands: 95 % confidence intervals." in bc.plot.caption("losses", run)
    tex = bc.plot.caption("losses", run, "latex")
    assert tex.isascii() and r"fashion\_mnist" in tex and r"$\tau$~=~0.5" in tex and r"95 \%" in tex
    bare = Run(run.losses, run.claims, run.assumption, run.anchors, run.hardest, {})
    assert bc.plot.caption("losses", bare).endswith("settled.")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda run: bc.plot.losses(3),
            "v: expected a Verification, a Run or the folder of .*, received a int",
        ),
        (lambda run: bc.plot.losses(pd.DataFrame({"loss": []})), "without 'hardening'"),
        (lambda run: bc.plot.losses("/nowhere"), "expected a directory with run.json"),
        (lambda run: bc.plot.gap(run, claim="hscl_le_hcl"), "did you mean 'hscl_le_hucl'"),
        (lambda run: bc.plot.claims(run, claims=["nothing"]), "claims: expected one of"),
        (lambda run: bc.plot.margin(run, beta=3), r"beta: expected one of .*exp:0.5.*, received 3"),
        (lambda run: bc.plot.finite_k(make_run(ks=())), "verify with negatives="),
        (lambda run: bc.plot.finite_k(run, pool="none"), "pool: expected one of all, other"),
        (lambda run: bc.plot.bounds(run), "positives='class'"),
        (lambda run: bc.plot.hardest_anchors(make_run(pictures=False)), "with pictures"),
        (lambda run: bc.plot.downstream(run), "what downstream"),
        (lambda run: bc.plot.caption("loss", run), "figure: expected one of losses"),
        (lambda run: bc.plot.caption("losses", run, "html"), "form: expected one of text, latex"),
        (lambda run: bc.plot.style("nips").__enter__(), "style: expected one of neurips"),
        (lambda run: bc.plot.style("icml", width=0).__enter__(), "width: expected a share"),
    ],
)
def test_mistakes_are_told(run: Run, call: Callable[[Run], Any], message: str) -> None:
    with pytest.raises(bc.BoundcheckError, match=message):
        call(run)
    assert not plt.get_fignums(), "a figure was left open"


def test_examples_run() -> None:
    for module in (figures, styles):
        result = doctest.testmod(module)
        assert result.attempted > 0 == result.failed
