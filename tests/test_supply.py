"""What comes from elsewhere: declared packages, downloads by https and SHA-256, nothing fetched unasked."""

from __future__ import annotations

import ast
import re
import socket
import sys
import tomllib
from pathlib import Path

import pytest

import boundcheck
from boundcheck.cli import main
from boundcheck.data import DATASETS, load_dataset

ROOT = Path(boundcheck.__file__).parents[1]
# Modules whose package has another name.
PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn", "markupsafe": "markupsafe", "jinja2": "jinja2"}
OPTIONAL = {"timm", "datasets", "triton", "pykeops"}


def imported() -> set[str]:
    """Top-level modules that the package imports, its own and Python's left out."""
    found: set[str] = set()
    for path in sorted((ROOT / "boundcheck").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"boundcheck"}


def test_whatever_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=;\[ ]", line, maxsplit=1)[0].lower() for line in project["dependencies"]}
    assert {PACKAGES.get(name, name).lower() for name in imported() - OPTIONAL} <= declared


def test_every_download_is_by_https_and_has_a_sha256() -> None:
    remotes = [remote for source in DATASETS.values() for remote in source.remotes]
    assert len(remotes) > 8
    for remote in remotes:
        assert remote.url.startswith("https://"), remote.url
        for known in filter(None, (remote.hash, remote.content_hash)):
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", known), remote.url


def test_licences_are_listed() -> None:
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[<>=;\[ ]", line, maxsplit=1)[0] for line in project["dependencies"]]
    assert [name for name in [*names, *DATASETS] if f"| {name} |" not in text] == []


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.slow
@pytest.mark.usefixtures("no_sockets")
def test_nothing_is_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    arguments = [
        "verify",
        "--betas",
        "1",
        "--anchors",
        "50",
        "--claims",
        "hscl_le_hucl",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*arguments, "--quiet"]) == 0
    assert len(load_dataset("digits", "train")) == 1200
    for command in (["datasets"], ["claims"], ["report", str(tmp_path / "out")]):
        assert main(command) == 0
