from __future__ import annotations

import json
import re
import shutil
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

from boundcheck.claims import CLAIMS, Claim
from boundcheck.errors import FileError
from boundcheck.report import render, summary_html, write_report
from boundcheck.report.gap_drawing import Gap, gap_svg
from boundcheck.report.mathsvg import draw, math_svg
from boundcheck.report.page import write_page
from boundcheck.runs import Run, load_run, save_run
from tests.chromium import ask_chromium, load_in_chromium

Factory = Callable[..., Run]
VOID = {"meta", "link", "img", "br", "path", "line", "rect", "circle", "use", "image"}


class Elements(HTMLParser):
    """Every element with its attributes; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def page(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "run")) / "report.html"


def test_page_opens_in_chromium_without_errors_or_requests(page: Path, tmp_path: Path) -> None:
    dom, console, requests = load_in_chromium(page, tmp_path)
    assert '<h2 id="computation">How it was computed</h2>' in dom
    assert console == []
    assert requests == []


def test_the_chromium_check_sees_errors_and_requests(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text('<!DOCTYPE html><script>missing()</script><img src="https://example.org/x.png">')
    _, console, requests = load_in_chromium(bad, tmp_path)
    assert any("missing is not defined" in line for line in console)
    assert "https://example.org/x.png" in requests


def test_page_is_self_contained_and_accessible(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    elements = Elements(html)
    links = [value for _, at in elements.found for key, value in at.items() if key in ("src", "href", "srcset")]
    papers = [at["href"] for at in elements.all("a") if (at.get("href") or "").startswith("https://arxiv.org/abs/")]
    assert papers  # to follow, not to load
    assert all(link in papers or (link is not None and link.startswith(("data:", "#"))) for link in links)
    assert not re.search(r"@import|url\((?!#)", html)
    assert elements.all("script") == []
    assert elements.all("html") == [{"lang": "en"}]
    assert all(image.get("alt") for image in elements.all("img"))
    assert all(header.get("scope") for header in elements.all("th"))
    ids = [at["id"] for _, at in elements.found if "id" in at]
    assert len(ids) == len(set(ids))
    within = {link[1:] for link in links if link and link.startswith("#")}
    assert within <= set(ids) and {"claims", "checks", "download"} <= within


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(page: Path, tmp_path: Path, width: int) -> None:
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    script = """
        for (const folded of document.querySelectorAll("details")) folded.open = true;
        const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
        axe.run().then(found => { document.body.dataset.said = JSON.stringify({
            wide, tested: found.passes.length,
            violations: found.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 120)).slice(0, 3)]) }); });"""
    said = json.loads(ask_chromium(page, tmp_path, axe + script, width))
    assert said["violations"] == [] and said["tested"] > 20
    assert said["wide"] <= 0


def test_the_axe_check_sees_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text('<!DOCTYPE html><html><body><img src="data:,"><div style="width:3000px">wide</div></body></html>')
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    script = """axe.run().then(found => { document.body.dataset.said = JSON.stringify({
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        violations: found.violations.map(v => v.id) }); });"""
    said = json.loads(ask_chromium(bad, tmp_path, axe + script, 390))
    assert "image-alt" in said["violations"] and said["wide"] > 0


def test_tables_within_the_page_are_those_beside_it(page: Path) -> None:
    for link in Elements(page.read_text(encoding="utf-8")).all("a"):
        if (name := link.get("download")) is not None:
            kind, _, data = (link["href"] or "").partition(";base64,")
            assert kind == "data:text/csv" and b64decode(data) == (page.parent / name).read_bytes()


def test_each_tested_claim_has_its_gaps_drawn(run: Run, tmp_path: Path) -> None:
    html = write_page(run, tmp_path, figures=[]).read_text(encoding="utf-8")
    of_gaps = [at for at in Elements(html).all("svg") if at.get("class") == "gaps"]
    assert len(of_gaps) == run.claims["claim"].nunique()
    assert all("β = 5, Q = 1: " in (at["aria-label"] or "") for at in of_gaps)
    one = Gap("a", 1.0, 0.5, 1.5, True, "holds", "one")
    drawn = gap_svg([one, Gap("b", -1.0, -2.0, 0.0, False, "undecided", "<b>")], "nats")
    assert drawn.count("<circle") == 2 and 'fill="var(--paper)"' in drawn and "&lt;b&gt;" in drawn
    (zero,) = re.findall(r'class="zero" x1="([\d.]+)"', drawn)
    first, second = (float(at) for at in re.findall(r'cx="([\d.]+)"', drawn))
    assert second < float(zero) < first and first - float(zero) == pytest.approx(float(zero) - second, abs=0.2)
    assert gap_svg([one], "nats") == ""


@pytest.mark.slow
def test_every_shape_renders_without_nan(any_run: Run, tmp_path: Path) -> None:
    html = write_page(any_run, tmp_path, figures=[]).read_text(encoding="utf-8")
    Elements(html)
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.S)
    assert not re.search(r"\b(nan|None|inf)\b", text)
    assert all(verdict in text for verdict in set(any_run.claims["verdict"]))


@pytest.mark.slow
def test_page_of_many_anchors_stays_small(factory: Factory, tmp_path: Path) -> None:
    page = save_run(factory(n=20_000), tmp_path / "run", also=[write_report]) / "report.html"
    assert page.stat().st_size < 3_000_000


def test_what_users_named_is_escaped(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert "runs/&lt;hscl&gt;/encoder.pt" in html
    assert "Pull_over &amp; co" in html


def test_reason_stands_once_below_the_rows_it_explains(factory: Factory, tmp_path: Path) -> None:
    html = write_page(factory(inapplicable=True), tmp_path, figures=[]).read_text(encoding="utf-8")
    assert html.count("needs balanced classes: the class counts differ") == 1


@pytest.mark.slow
def test_render_again_gives_the_same_report(page: Path) -> None:
    before = {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
    shutil.rmtree(page.parent / "figures")
    page.write_text("edited")
    assert render(page.parent) == page
    assert {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_render_reads_the_saved_numbers(page: Path) -> None:
    run = load_run(page.parent)
    losses = run.losses.copy()
    losses.loc[0, ["estimate", "ci_low", "ci_high"]] = [7.654, 7.634, 7.674]
    save_run(replace(run, losses=losses), page.parent, overwrite=True)
    assert "7.654 [7.634, 7.674]" in render(page.parent).read_text(encoding="utf-8")


@pytest.mark.slow
def test_failing_render_keeps_the_old_report(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = page.read_bytes()
    monkeypatch.setattr("boundcheck.report.write_tables", fail)
    with pytest.raises(FileError, match="No space left on device"):
        render(page.parent)
    assert page.read_bytes() == before
    assert not list(page.parent.glob(".report-*"))


@pytest.mark.slow
def test_what_a_killed_render_left_goes(page: Path) -> None:
    left = page.with_name(".report-0123abcd.part") / "old"
    left.mkdir(parents=True)
    page.rename(left / page.name)
    assert render(page.parent) == page and page.is_file()
    assert not list(page.parent.glob(".report-*"))


def test_render_of_what_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"run\.json"):
        render(tmp_path)


def test_notebook_summary_is_a_fragment(any_run: Run) -> None:
    html = summary_html(any_run)
    elements = Elements(html)
    assert elements.all("html") == [] and elements.all("style") == [] and elements.all("script") == []
    assert "H-SCL never exceeds H-UCL" in html
    assert "It rests on 4.2 effective instances at an anchor." in html


@pytest.mark.parametrize(
    "latex",
    [
        r"L_{\mathrm{HSCL}} \le L_{\mathrm{HUCL}}",
        r"0 \le \log\sum_{b \ne a} e^{t_{ab}} \le \log\left(1 + \tfrac{n_{\max} e^{2/\tau}}{N - n_{\max}}\right)",
        r"\bigl\|z\bigr\| = 1 \iff \lVert z\rVert = 1",
        r"holds for $\beta \ge 0$",
    ],
)
def test_statements_become_drawings(latex: str) -> None:
    svg = draw(latex)
    (drawing,) = Elements(svg).all("svg")
    assert drawing["aria-label"] == latex
    assert 'fill="currentColor"' in svg


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_the_drawing_of_every_claim_is_kept(claim: Claim) -> None:
    """Else `python -m boundcheck.cli.catalogue` draws it again."""
    kept = math_svg(claim.statement)
    assert kept.startswith("<svg") and kept == draw(claim.statement)


def test_a_statement_that_cannot_be_drawn_stays_text() -> None:
    assert math_svg(r"\begin{cases} a < b \end{cases}") == r"<code>\begin{cases} a &lt; b \end{cases}</code>"
