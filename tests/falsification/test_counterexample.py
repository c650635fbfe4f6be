"""A counterexample as a record: its text, its page, its files."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.errors import FileError
from boundcheck.falsification import Counterexample, Effort, Search
from boundcheck.falsification.picture import draw
from boundcheck.report import render
from boundcheck.report.search.drawing import gaps_svg
from tests.chromium import ask_chromium, load_in_chromium


@pytest.fixture(scope="module")
def counterexample() -> Counterexample:
    result = bc.falsify("hscl_le_hucl", classes=2, points=6, dim=3, seconds=300, seed=3)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def nothing(counterexample: Counterexample) -> Search:
    return Search(counterexample.problem, Effort(3, 1200, 4.0, 0.25), None, counterexample.config)


def test_text(counterexample: Counterexample) -> None:
    text = repr(counterexample)
    sizes = ", ".join(map(str, counterexample.embeddings.class_counts))
    assert text.startswith("Counterexample to hscl_le_hucl (H-SCL is at most H-UCL) at β = 1, Q = 1, temperature 0.5")
    for said in (
        f"3 in 2 classes of {sizes}, shrunk from 6; dimension 3",
        f"{counterexample.gap:.6f} nats at 50 digits",
        "Assumption 1 (ρ_same ≥ ρ_diff): at 0 % of anchors",
        "pools without the anchor's own instance, class positives, empirical class prior",
        f"{counterexample.effort.steps:,} steps",
    ):
        assert said in text


def test_text_of_nothing_found(nothing: Search) -> None:
    text = repr(nothing)
    assert "No counterexample to hscl_le_hucl" in text
    assert "3 restarts, 1,200 steps, 4.0 s; the least gap reached is 0.25 nats" in text
    assert text.endswith("This is the effort spent, not a proof.")
    nowhere = dataclasses.replace(nothing, effort=Effort(1, 1, 1.0, math.nan))
    assert "applied to none of the configurations tried" in repr(nowhere) and "nan" not in repr(nowhere)


def test_html(counterexample: Counterexample) -> None:
    page = counterexample._repr_html_()
    assert page.count("<img") == 1 and "data:image/png;base64," in page
    shown = [float(cell) for cell in re.findall(r"<td>(-?\d\.\d{3})</td>", page)]
    np.testing.assert_allclose(shown, counterexample.cosines.flatten(), atol=5.1e-4)


def test_saved_bit_for_bit(counterexample: Counterexample, tmp_path: Path) -> None:
    place = counterexample.save(tmp_path / "found", command=["boundcheck", "falsify"])
    assert sorted(path.name for path in place.iterdir()) == ["counterexample.npz", "report.html", "run.json"]
    loaded = bc.load_embeddings(place / "counterexample.npz")
    assert loaded.digest == counterexample.embeddings.digest
    run = json.loads((place / "run.json").read_text())
    assert run["found"] is True and run["claim"] == "hscl_le_hucl" and run["seed"] == 3
    assert run["command"] == ["boundcheck", "falsify"] and run["platform"]["cores"] >= 1
    assert run["data"]["sha256"] == loaded.digest and run["data"]["points_before_shrinking"] == 6
    assert run["result"]["gap"] == counterexample.gap < 0
    assert run["result"]["verdict"] == "violated" and run["certificate"]["confirmed"] is True
    with pytest.raises(FileError, match="already holds a run"):
        counterexample.save(place)
    counterexample.save(place, overwrite=True)


def test_a_saved_counterexample_can_be_verified(counterexample: Counterexample, tmp_path: Path) -> None:
    emb = bc.load_embeddings(counterexample.save(tmp_path / "found") / "counterexample.npz")
    losses = bc.estimate(emb, temperature=0.5, betas=[1.0], intervals=False, precision="float64").to_frame()
    plugin = losses.set_index("loss").plugin
    assert plugin.hucl - plugin.hscl == pytest.approx(counterexample.gap, abs=1e-12)


def test_the_effort_is_saved_without_a_find(nothing: Search, tmp_path: Path) -> None:
    place = nothing.save(tmp_path / "none")
    assert sorted(path.name for path in place.iterdir()) == ["report.html", "run.json"]
    run = json.loads((place / "run.json").read_text())
    assert run["found"] is False
    assert run["effort"] == {"restarts": 3, "steps": 1200, "seconds": 4.0, "least_gap": 0.25, "least_gaps": []}


@pytest.mark.parametrize("d", [2, 5])
def test_picture(d: int) -> None:
    """Every point inside the circle, coinciding ones written out; the plane is named where it is not all there is."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((6, 1, d))
    z[1] = z[4] = z[0]
    emb = bc.EmbeddingSet(z, [0, 0, 1, 1, 2, 2])
    (ax,) = draw(emb).axes
    drawn = np.concatenate([line.get_xydata() for line in ax.lines[1:]])
    assert len(drawn) == 6 and (np.linalg.norm(drawn, axis=1) <= 1.01).all()
    assert [text.get_text() for text in ax.texts] == ["0×2, 2"]
    assert ("squared length" in ax.get_xlabel()) == (d > 2)
    if d == 2:
        np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1)


@pytest.mark.parametrize("found", [True, False])
def test_the_page_shows_what_was_saved_and_is_rendered_again(
    found: bool, counterexample: Counterexample, nothing: Search, tmp_path: Path
) -> None:
    place = (counterexample if found else nothing).save(tmp_path / "run", command=["boundcheck", "falsify"])
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page and "<script" not in page
    assert ("A counterexample to" in page) is found and ("No counterexample to" in page) is not found
    if found:
        n = len(counterexample.embeddings.y)
        assert len(re.findall(r"<title>point \d+, class", page)) == n
        assert f"{counterexample.gap:.6f}".replace("-", "−") in page and counterexample.meaning in page
    (place / "report.html").write_text("edited")
    assert render(place).read_text(encoding="utf-8") == page
    _, console, requests = load_in_chromium(place / "report.html", tmp_path)
    assert console == [] and requests == []


def test_axe_finds_nothing_on_the_page_and_its_marks_can_be_pointed_at(
    counterexample: Counterexample, tmp_path: Path
) -> None:
    page = counterexample.save(tmp_path / "run") / "report.html"
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    script = """
        const marks = [...document.querySelectorAll(".points path.point")];
        const met = marks.filter(mark => {
            mark.scrollIntoView({block: "center"});
            const box = mark.getBoundingClientRect();
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return top && top.querySelector(":scope > title"); });
        axe.run().then(found => { document.body.dataset.said = JSON.stringify({
            marks: marks.length, met: met.length, violations: found.violations.map(v => v.id) }); });"""
    said = json.loads(ask_chromium(page, tmp_path, axe + script, 390))
    assert said["violations"] == [] and said["met"] == said["marks"] > counterexample.embeddings.n


def test_every_restart_is_drawn_with_its_gap() -> None:
    drawn = gaps_svg([0.5, math.nan, -0.25], found=True)
    assert drawn.count("<circle") == 2 and 'class="violated"' in drawn
    assert "restart 1: 0.5000 nats" in drawn and "restart 3: -0.2500 nats" in drawn
    high, low = (float(at) for at in re.findall(r'cy="([\d.]+)"', drawn))
    (zero,) = re.findall(r'class="zero"[^>]* y1="([\d.]+)"', drawn)
    assert high < float(zero) < low and gaps_svg([math.nan], found=False) == ""
