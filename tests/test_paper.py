from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from boundcheck import plot
from boundcheck.cli import main
from boundcheck.cli.report import _STYLES
from boundcheck.runs import save_run
from tests.report.conftest import make_run


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(make_run(), tmp_path_factory.mktemp("saved") / "run")


@pytest.mark.slow
def test_a_paper_of_what_was_written(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file it names is there, and a document that includes them all compiles without an overfull box."""
    assert main(["report", str(saved), "--format", "tex", "--style", "icml"]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert all(path.is_file() for path in files) and {path.parent for path in files} == {saved / "paper"}
    names = {path.name for path in files}
    assert {"claims.tex", "losses.tex", "methods.tex", "references.bib", "figure-losses.pdf"} <= names
    assert {name.replace(".pdf", ".tex") for name in names if name.endswith(".pdf")} <= names
    if not shutil.which("pdflatex"):
        return
    inputs = "\n".join(rf"\input{{{name}}}" for name in sorted(names) if name.endswith(".tex"))
    text = (
        r"\documentclass[10pt]{article}\usepackage[T1]{fontenc}\usepackage{times}\usepackage{graphicx,booktabs,tabularx}"
        r"\usepackage[textwidth=3.25in,textheight=9in]{geometry}\begin{document}\sloppy" + inputs + r"\end{document}"
    )
    (saved / "paper" / "main.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "main"],
        cwd=saved / "paper",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "Overfull \\hbox" not in done.stdout


def test_markdown_pictures_and_references(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(saved), "--format", "md", "--out", str(tmp_path / "md")]) == 0
    assert sorted(path.name for path in (tmp_path / "md").iterdir()) == ["claims.md", "losses.md", "methods.md"]
    assert main(["report", str(saved), "--format", "png", "--style", "beamer", "--out", str(tmp_path / "png")]) == 0
    for path in (tmp_path / "png").iterdir():
        assert Image.open(path).width == pytest.approx(300 * plot.STYLES["beamer"].width, abs=1)
    capsys.readouterr()
    assert main(["report", str(saved), "--cite"]) == 0
    assert "@misc{jiang2022supervised," in capsys.readouterr().out
    assert main(["claims", "hscl_le_hucl", "--cite"]) == 0
    assert capsys.readouterr().out.count("@misc{") == 2


@pytest.mark.slow
def test_the_same_numbers_give_the_same_files(saved: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        assert main(["report", str(saved), "--format", "tex", "--out", str(folder)]) == 0
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--style", "icml"], "--style: is for --format tex, md or png, received with html"),
        (["--out", "x"], "--out: is for --format tex, md or png"),
        (["--format", "tex", "--style", "nips"], "--style: expected one of neurips, icml, beamer, notebook"),
        (["--format", "pdf"], "--format: expected one of html, tex, md, png"),
        (["--format", "tex", "--out", "run.json"], "cannot write into"),
    ],
)
def test_mistakes(
    options: list[str], message: str, saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved)
    assert main(["report", ".", *options]) == 2
    assert message in capsys.readouterr().err


def test_the_command_knows_the_styles() -> None:
    assert set(_STYLES) == set(plot.STYLES)


def test_other_files_are_left(saved: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.tex"
    own.write_text("mine")
    (tmp_path / ".paper-0123abcd.part").mkdir()  # of a process that was killed
    assert main(["report", str(saved), "--format", "md", "--out", str(tmp_path)]) == 0
    assert own.read_text() == "mine" and not list(tmp_path.glob(".paper-*"))
