"""The documentation: equations that are cited exist, links resolve, columns are described, code runs as written."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import pytest

from boundcheck.claims import CLAIMS
from boundcheck.comparison.table import COLUMNS as COMPARISON_COLUMNS
from boundcheck.data import DATASETS
from boundcheck.hardening import HARDENINGS
from boundcheck.lab.objectives import OBJECTIVES
from boundcheck.losses import LOSSES
from boundcheck.report.captions import CAPTIONS
from boundcheck.report.figures import FIGURES
from boundcheck.runs import ANCHOR_COLUMNS, CSV_COLUMNS, OPTIONAL_COLUMNS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# Made when the site is built, from the package itself; `mkdocs build --strict` checks what points into them.
GENERATED = {DOCS / "catalogue.md", DOCS / "cli.md", DOCS / "glossary.md"}
CITED = re.compile(r"\beq\.\s+\((\d+)\)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A block of code, and what it prints where that is shown right below; `py` marks what needs files of the reader's own.
PYTHON = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)


def equations() -> list[int]:
    """Numbers of the equations of the theory, in order."""
    return [int(number) for number in re.findall(r"\\tag\{(\d+)\}", (DOCS / "theory.md").read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """What a link may name within a page: headings as the site makes them, and names given to them."""
    headings = re.findall(r"^#+ (.+?)(?:\s*\{ ?#([\w-]+) ?\})?$", prose(page), re.MULTILINE)
    slugs = {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title, _ in headings}
    return slugs | {name for _, name in headings}


def test_equations_are_numbered_in_order() -> None:
    assert equations() == list(range(1, len(equations()) + 1))


def test_every_equation_cited_exists() -> None:
    sources = [*(ROOT / "boundcheck").rglob("*.py"), *PAGES]
    cited = {int(number) for path in sources for number in CITED.findall(path.read_text(encoding="utf-8"))}
    assert len(cited) > 20
    assert cited <= set(equations())


def test_no_source_cites_a_section() -> None:
    sources = [path for folder in ("boundcheck", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in sources if re.search(r"theory(\.md)?,? section", path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_resolves(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists() or path in GENERATED, link
        if anchor and path not in GENERATED and path != DOCS / "api.md":
            assert anchor in anchors_of(path), link


def test_every_column_is_documented() -> None:
    described = set(re.findall(r"`(\w+)`", (DOCS / "data-dictionary.md").read_text(encoding="utf-8")))
    columns = {name for names in (CSV_COLUMNS | OPTIONAL_COLUMNS).values() for name in names} | set(ANCHOR_COLUMNS)
    assert columns | set(COMPARISON_COLUMNS) <= described


@pytest.fixture
def _registries() -> Iterator[None]:
    """Puts back what a page registers."""
    registries = (CAPTIONS, CLAIMS, DATASETS, FIGURES, HARDENINGS, LOSSES, OBJECTIVES)
    before = [dict(registry) for registry in registries]
    yield
    for registry, entries in zip(registries, before, strict=True):
        registry.clear()
        registry.update(entries)
    plt.close("all")


@pytest.mark.slow
@pytest.mark.usefixtures("_registries")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if PYTHON.search(page.read_text(encoding="utf-8"))], ids=lambda page: page.stem
)
def test_code_runs_and_prints_as_written(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("as_written")
    monkeypatch.setitem(sys.modules, "as_written", module)  # where dataclasses look up their annotations
    for code, shown in PYTHON.findall(page.read_text(encoding="utf-8")):
        capsys.readouterr()
        exec(code, vars(module))
        assert shown in ("", capsys.readouterr().out)
