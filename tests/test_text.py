"""Text of others, where people see it."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boundcheck._text import quoted_cell, shown, unquoted_cell
from boundcheck.cli import main
from boundcheck.runs import CSV_COLUMNS, TEXT_COLUMNS, read_table, write_table


def test_controls_of_a_terminal_are_shown_and_not_obeyed() -> None:
    assert shown("a\x1b[2J\x9b1m\x07é\u202e\ud800\tb\n") == "a\\x1b[2J\\x9b1m\\x07é\\u202e\\ud800\tb\n"


def test_error_lines_hold_no_escapes(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["verify", "--embeddings", str(tmp_path / "\x1b]0;title\x07.npz"), "--out", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert said.startswith("boundcheck: error:") and "\x1b" not in said and "\\x1b]0;title\\x07" in said


@given(st.text(st.sampled_from("'=+-@\t\r1.a"), max_size=6))
def test_cells_are_read_as_they_were(text: str) -> None:
    cell = quoted_cell(text)
    assert unquoted_cell(cell) == text
    assert not cell.startswith(("=", "@", "\t", "\r"))
    if cell.startswith(("+", "-")):
        float(cell)  # a number computes nothing


def test_a_table_holds_no_formulas(tmp_path: Path) -> None:
    row = {name: "=1+1" if name in TEXT_COLUMNS else -0.5 for name in CSV_COLUMNS["hardest"]}
    write_table(pd.DataFrame([row]), tmp_path / "hardest.csv")
    line = (tmp_path / "hardest.csv").read_text().splitlines()[1]
    assert not any(cell.startswith("=") for cell in line.split(","))
    read = read_table(tmp_path / "hardest.csv", CSV_COLUMNS["hardest"], {})
    assert read.loc[0, "label"] == "=1+1" and read.loc[0, "margin"] == -0.5


@pytest.mark.parametrize(
    "option", ["--temperature=٠.٥", "--betas=1,２", "--q=1_0", "--anchors=１００", "--negatives=1_000"]
)
def test_digits_that_are_not_ascii_are_refused(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", option]) == 2
    assert option.partition("=")[0] in capfd.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--betas", "1e308"], ["--temperature", "1e-30"], ["--temperature", "1e-6"], ["--q", "1e-320"],
        ["--q", "1e308"],
        ["--hardening", "poly:1e308"], ["--negatives", "9223372036854775808"], ["--negatives", "9223372036854775807"],
        ["--population", "vmf:kappa=1e20"], ["--population", "vmf:classes=99999999999"],
    ],
)  # fmt: skip
def test_options_beyond_all_reason_are_refused(options: list[str], tmp_path: Path, capfd) -> None:
    out = ["--out", str(tmp_path / "out"), "--quiet"]
    assert main(["verify", *options, *out]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "memory" not in said and not (tmp_path / "out").exists()


class _Full:
    """A standard output on a full disk."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        pass

    def fileno(self) -> int:
        raise OSError("none")


def test_a_full_standard_output_is_no_fault_of_the_program(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdout", _Full())
    assert main(["claims"]) == 3
    said = capsys.readouterr().err
    assert "standard output cannot be written (No space left on device); what was saved is kept" in said


def test_without_a_standard_output_a_command_ends_as_ever(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["claims"]) == 0


def test_json_keeps_text_as_it_is(capsys) -> None:
    assert main(["claims", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 5
