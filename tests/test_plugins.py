"""Plugins: what a file or a package registers is used by name, or nothing of it is registered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import boundcheck as bc
from boundcheck import plugins
from boundcheck.cli import main
from boundcheck.cli.parameters import plugins_in
from boundcheck.errors import InputError
from boundcheck.hardening import HARDENINGS
from boundcheck.losses import LOSSES

DOCS = Path(__file__).parents[1] / "docs" / "plugins.md"
NAMED = 'import boundcheck as bc\nbc.CLAIMS["{0}"] = bc.claim(id="{1}", source="here")(lambda evidence: [])\n'


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A folder of its own, and the registries as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugins, "_done", set())
    before = [(registry, dict(registry)) for registry, _ in plugins._registries().values()]
    yield
    for registry, content in before:
        registry.clear()
        registry.update(content)


@pytest.fixture
def documented() -> Path:
    """The plugin of the documentation: a claim, a loss and a hardening."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    Path("mine.py").write_text(code)
    return Path("mine.py")


def embeddings() -> bc.EmbeddingSet:
    y = np.arange(60) % 4
    z = np.eye(6)[y][:, None] + 0.6 * np.random.default_rng(0).standard_normal((60, 2, 6))
    return bc.EmbeddingSet(z, y, groups=y // 2)


def by_hand(emb: bc.EmbeddingSet, floor: float, temperature: float) -> float:
    """The averaged loss over siblings under the documented hardening, from its definition."""
    z, y, n, v = emb.z.astype(float), emb.y, emb.n, emb.v
    t = np.einsum("ivd,jud->ivju", z, z) / temperature
    values = []
    for i in range(n):
        siblings = (y != y[i]) & (y // 2 == y[i] // 2)
        for view in range(v):
            logits = t[i, view][siblings].ravel()
            eta = np.maximum(temperature * logits, floor)
            rho = np.log((eta * np.exp(logits)).sum() / eta.sum())
            values.append(np.logaddexp(0, rho - t[i, view, i, 1 - view]))
    return float(np.mean(values))


@pytest.mark.slow
def test_a_claim_a_loss_and_a_hardening_from_a_file_to_the_report(
    documented: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emb = embeddings()
    bc.save_embeddings(emb, "emb.npz")
    options = ["--embeddings", "emb.npz", "--hardening", "exp,clip:0.1", "--betas", "1", "--losses", "ucl,scl,hscl,sib"]
    arguments = ["verify", "--plugin", "mine.py", *options, "--claims", "sib_le_ucl", "--out", "run"]
    assert main([*arguments, "--fail-on", "never"]) == 0, capsys.readouterr().err
    losses, claims = (pd.read_csv(Path("run") / f"{name}.csv") for name in ("losses", "claims"))
    row = losses[(losses.loss == "sib") & (losses.hardening == "clip:0.1")].iloc[0]
    assert row.plugin == pytest.approx(by_hand(emb, 0.1, 0.5), abs=1e-5)
    assert set(claims.claim) == {"sib_le_ucl"} and set(claims.hardening) == {"exp", "clip:0.1"}
    assert claims.gap.notna().all() and claims.verdict.isin(["holds", "violated", "undecided"]).all()
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "The hardened loss over siblings is at most UCL." in page and "clip:0.1" in page
    assert "--plugin" in json.loads(Path("run/run.json").read_text())["command"]


def test_help_and_lists_name_them(documented: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--plugin=mine.py", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "poly:P, clip:F." in shown and "hscl, sib." in shown and "--plugin FILE" in shown
    assert main(["claims", "--plugin", "mine.py"]) == 0
    assert "sib_le_ucl" in capsys.readouterr().out


def test_a_command_line_is_read_as_click_reads_it() -> None:
    assert plugins_in(["verify", "--plugin", "a.py", "--plugin=b.py", "--quiet"]) == ["a.py", "b.py"]
    assert plugins_in(["falsify", "--", "--plugin", "a.py"]) == plugins_in(["verify", "--plugin"]) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "--plugin: 'bad.py' failed with ZeroDivisionError: division by zero"),
        ("def (", "failed with SyntaxError"),
        ("import no_such_module_anywhere", "failed with ModuleNotFoundError"),
        ("raise SystemExit(0)", "failed with SystemExit: 0"),
        (NAMED.format("scl_le_ucl", "scl_le_ucl"), "registers the claim 'scl_le_ucl', which is taken"),
        (NAMED.format("mine", "yours"), "registers the claim 'yours' as 'mine'"),
        ("import boundcheck as bc\nbc.CLAIMS['mine'] = 1", "registers a int as the claim 'mine'"),
        (NAMED.format("mine", "mine") + "1 / 0", "failed with ZeroDivisionError"),
    ],
)
def test_a_plugin_that_is_wrong_ends_in_one_line_and_registers_nothing(
    source: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(bc.CLAIMS)
    Path("bad.py").write_text(source)
    assert main(["claims", "--plugin", "bad.py"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "Traceback" not in error
    assert before == bc.CLAIMS


def test_an_absent_file_and_a_taken_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "--plugin", "absent.py"]) == 2
    assert "--plugin: expected a Python file, received 'absent.py', which is no file" in capsys.readouterr().err
    right = LOSSES["ucl"]
    Path("taken.py").write_text("from boundcheck.losses import LOSSES\nLOSSES['ucl'] = LOSSES['scl']\n")
    with pytest.raises(InputError, match="registers the loss 'ucl', which is taken"):
        plugins.load_plugins(["taken.py"])
    assert LOSSES["ucl"] is right


def test_a_plugin_is_imported_once(documented: Path) -> None:
    plugins.load_plugins([documented, documented.resolve()])
    first = HARDENINGS["clip"]
    plugins.load_plugins([documented])
    assert HARDENINGS["clip"] is first


def test_entry_points_of_packages_are_plugins(documented: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(documented.resolve().parent)
    documented.rename("a_package_of_mine.py")
    entry = EntryPoint("mine", "a_package_of_mine", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == plugins.GROUP else [])
    plugins.load_plugins()
    assert bc.CLAIMS["sib_le_ucl"].title == "The hardened loss over siblings is at most UCL."
    broken = EntryPoint("broken", "no_such_module_anywhere", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry, broken])
    with pytest.raises(
        InputError, match=r"plugin 'broken' \(no_such_module_anywhere\) failed with ModuleNotFoundError"
    ):
        plugins.load_plugins()
