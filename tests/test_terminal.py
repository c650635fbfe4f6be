"""What a person at a terminal meets, through a pseudo-terminal: width, colours, the bar, completion, help."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import click
import pytest

from boundcheck.cli import COMMANDS, _boundcheck, main, terminal
from boundcheck.cli import catalogue as kept
from boundcheck.cli.grouped import GROUPS, Grouped
from boundcheck.cli.terminal import coloured, wrapped

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PROGRAM = "from boundcheck.cli import main; import sys; sys.exit(main(sys.argv[1:]))"


def test_verdicts_are_coloured_in_tables_and_not_in_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setattr(terminal, "has_colour", lambda: True)
    monkeypatch.setattr(terminal, "width", lambda: 40)
    prose = "Assumption 1 of the main theorem here holds at 97 % of the anchors."
    assert "\n  holds at" in terminal.for_people(prose) and "\x1b" not in terminal.for_people(prose)
    assert terminal.for_people("  β = 1  0.2  98 %  holds") == "  β = 1  0.2  98 %  \x1b[32mholds\x1b[0m"
    warning = terminal.for_people("warning: what a reader must know beside the verdicts")
    assert warning.startswith("\x1b[33mwarning:\x1b[0m ") and "\n" in warning


def environment(**more: str) -> dict[str, str]:
    """One in which `boundcheck` is this tree's, and no user's settings play a part."""
    keep = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    root = str(Path(__file__).parents[1])
    return {**keep, "PYTHONPATH": root, "TERM": "xterm", "MPLBACKEND": "Agg", **more}


def opened(command: list[str], columns: int, **more: str) -> tuple[int, subprocess.Popen[bytes]]:
    """Our end of a terminal of this width, and a command at the other."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen(command, env=environment(**more), start_new_session=True, **ends)
    os.close(theirs)
    return ours, process


def seen(command: list[str], columns: int = 80, **more: str) -> str:
    """All that a command writes to a terminal of this width."""
    ours, process = opened(command, columns, **more)
    written = b""
    try:
        while read := os.read(ours, 65536):
            written += read
    except OSError:  # the other side has closed
        pass
    process.wait(timeout=60)
    os.close(ours)
    return written.decode(errors="replace")


def on_terminal(*arguments: str, columns: int = 80, **more: str) -> str:
    return seen([sys.executable, "-c", PROGRAM, *arguments], columns, **more)


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"], ["claims"], ["claims", "bao_upper"]])
def test_lines_fit_eighty_columns(arguments: list[str]) -> None:
    lines = ANSI.sub("", on_terminal(*arguments)).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("-") and line[-2:-1].isalpha() for line in lines if "sentence-" not in line)


def test_prose_is_broken_between_words_and_tables_are_left() -> None:
    line = "Of 8 theorems tested at every hardness: 2 undecided, 6 confirmed; " + "and so on " * 8
    broken = wrapped(line, 40)
    assert max(map(len, broken.splitlines())) <= 40 and broken.split() == line.split()
    row = "hscl_le_hucl  β = 0.5  0.1617 [0.1572, 0.1662]  98.9 %  holds" + " " * 40
    assert wrapped(row, 40) == row and wrapped("-" * 60, 40) == "-" * 60


def test_colours_say_the_verdict() -> None:
    text = coloured("a  0.1  98 %  holds\nb  -0.1  violated (premise fails)\nc  0  undecided\nwarning: d holds no more")
    assert "\x1b[32mholds\x1b[0m\n" in text and "\x1b[31mviolated\x1b[0m (" in text and "\x1b[33mundecided" in text
    assert text.endswith("\x1b[33mwarning:\x1b[0m d holds no more")
    assert coloured("holds where nothing else stands") == "holds where nothing else stands"


VERDICT = "from boundcheck.cli.progress import say; say('claim  0.2  holds')"


@pytest.mark.parametrize(("more", "colour"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_only_where_it_is_wanted(more: dict[str, str], colour: bool) -> None:
    assert ("\x1b[32m" in seen([sys.executable, "-c", VERDICT], **more)) == colour
    done = subprocess.run(
        [sys.executable, "-c", VERDICT], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout == "claim  0.2  holds\n"


BAR = """
import time
from boundcheck.cli.progress import reporting
with reporting(False) as progress:
    for unit, total in (("images", 40), ("anchors", 60), ("anchors", 60)):
        for done in range(total + 1):
            progress(done, total, unit)
            time.sleep(0.004)
"""


@pytest.mark.parametrize("columns", [80, 40])
def test_the_bar_stays_one_line(columns: int) -> None:
    """It is drawn over itself: no line is begun, none is wider than the terminal, and at the end it is gone."""
    text = seen([sys.executable, "-c", BAR], columns)
    assert "\n" not in text.rstrip("\r\n")
    drawn = [part for part in ANSI.sub("", text).split("\r") if part.strip()]
    assert max(map(len, drawn)) <= columns
    assert sum("images: 100%" in part for part in drawn) >= 1 and sum("anchors: 100%" in part for part in drawn) >= 2
    assert len(drawn) < 60, "drawn far more often than ten times a second"
    assert ANSI.sub("", text).rstrip("\r\n").endswith(" ") and not text.rstrip("\r\n ").endswith("|")


# completion


def shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        if os.environ.get("BOUNDCHECK_REQUIRE_SHELLS"):
            raise RuntimeError(f"{name} is required and missing")
        pytest.skip(f"no {name} here")
    return path


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A folder whose `boundcheck` is this tree's, to stand first in PATH."""
    script = tmp_path / "bin" / "boundcheck"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\n{PROGRAM}\n")
    script.chmod(0o755)
    return f"{script.parent}{os.pathsep}{os.environ['PATH']}"


START = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(boundcheck --completion bash)"; echo REA"DY"\n'),
    "zsh": (
        ["-f", "-i"],
        'autoload -U compinit; compinit -u -D; eval "$(boundcheck --completion zsh)"; echo REA"DY"\n',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", START)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("boundcheck veri\t", "verify"),
        ("boundcheck verify --estim\t", "--estimator"),
        ("boundcheck claims scl_l\t", "scl_le_ucl"),
    ],
)
def test_the_tab_key_completes(name: str, typed: str, completed: str, program: str, tmp_path: Path) -> None:
    options, start = START[name]
    command = [shell(name), *options]
    more = {"PATH": program, "HOME": str(tmp_path), "PS1": "> ", "INPUTRC": "/dev/null"}
    ours, process = opened(command, 100, **more)
    try:
        os.write(ours, start.encode())
        shown(ours, "READY")
        os.write(ours, typed.encode())
        assert completed in shown(ours, completed)
    finally:
        process.kill()
        process.wait(timeout=60)
        os.close(ours)


def shown(terminal: int, until: str) -> str:
    """What shows until some text does, or for three quarters of a minute."""
    written, end = b"", time.monotonic() + 45
    while time.monotonic() < end and until not in ANSI.sub("", written.decode(errors="replace")):
        if select.select([terminal], [], [], 0.2)[0]:
            written += os.read(terminal, 65536)
    return ANSI.sub("", written.decode(errors="replace"))


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("boundcheck veri", "verify"),
        ("boundcheck verify --fail-on vio", "violated"),
        ("boundcheck falsify ucl_ge_i", "ucl_ge_instances"),
    ],
)
def test_fish_completes(typed: str, completed: str, program: str, tmp_path: Path) -> None:
    code = f"boundcheck --completion fish | source; complete -C '{typed}'"
    more = {"PATH": program, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = [shell("fish"), "--no-config", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(**more), timeout=60, check=True)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [completed]


@pytest.mark.parametrize(
    "words", ["boundcheck nonsense --", "boundcheck claims nothing_so", "boundcheck train --nothing x"]
)
def test_nothing_to_complete_is_no_error(words: str) -> None:
    more = {"_BOUNDCHECK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment(**more))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_an_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", "tcsh"]) == 2
    assert "--completion: expected one of bash, zsh, fish, received 'tcsh'" in capsys.readouterr().err


# help and errors


def test_long_help_is_grouped_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    context = click.Context(_boundcheck, info_name="boundcheck")
    for name in COMMANDS:
        command = _boundcheck.get_command(context, name)
        assert command is not None
        options = [p for p in command.params if isinstance(p, click.Option)]
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert all(re.search(rf"{option.opts[0]}\b", text) for option in options), name
        if len(options) > 12:
            assert isinstance(command, Grouped), name
            assert sum(f"\n{title}:\n" in text for title in GROUPS) >= 3
            rest = text.partition("Other options:\n")[2]
            assert len(re.findall(r"^  -", rest, re.MULTILINE)) <= 5, f"{name}: options without a group"


def test_groups_name_parameters_that_exist() -> None:
    context = click.Context(_boundcheck, info_name="boundcheck")
    commands = [_boundcheck.get_command(context, name) for name in COMMANDS]
    names = {parameter.name for command in commands if command is not None for parameter in command.params}
    grouped = [name for group in GROUPS.values() for name in group]
    assert set(grouped) <= names and len(grouped) == len(set(grouped))


def test_an_error_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--xyzzy"]) == 2
    said = capsys.readouterr().err
    assert said == "boundcheck: error: No such option '--xyzzy'; see boundcheck verify --help\n"
    assert main(["verify", "--temperatur", "1"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("'--temperature'?) See boundcheck verify --help\n")


# the catalogue without torch


def test_the_catalogue_kept_is_the_catalogue() -> None:
    file = json.loads(kept.FILE.read_text(encoding="utf-8"))
    said = "run python -m boundcheck.cli.catalogue"
    assert file["claims"] == kept._registered() and file["digest"] == kept.digest(), said


@pytest.mark.parametrize(
    "arguments", [["claims"], ["claims", "hscl_le_hucl"], ["claims", "--format", "json"], ["claims", "--cite"]]
)
def test_claims_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        f"import sys; from boundcheck.cli import main; code = main({arguments!r});"
        "print(code, sorted({'torch', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []" and "jiang2022" in done.stdout + "jiang2022"


def test_an_outdated_catalogue_is_not_believed(tmp_path: Path) -> None:
    stale = tmp_path / "catalogue.json"
    stale.write_text(json.dumps({"digest": "of others", "claims": {}}))
    code = (
        "import sys, pathlib; from boundcheck.cli import catalogue, main;"
        f"catalogue.FILE = pathlib.Path({str(stale)!r}); print(main(['claims']), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "hscl_le_hucl" in done.stdout and done.stdout.splitlines()[-1] == "0 True"


@pytest.mark.slow
def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    from boundcheck.runs import save_run
    from tests.report.conftest import make_run

    saved = save_run(make_run(betas=[1.0], pictures=False, ks=()), tmp_path / "run")
    code = (
        f"import sys; from boundcheck.cli import main; print(main(['report', {str(saved)!r}]), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False"
