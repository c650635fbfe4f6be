"""Claims about finitely many negatives are out of reach at huge logits; the others are judged all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.cli import main
from boundcheck.errors import InputError
from boundcheck.estimators.quadrature import LARGEST_LOGIT

FINITE_K = {"finite_k_below_limit", "finite_k_rate"}


def points(norm: float) -> bc.EmbeddingSet:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((24, 2, 4))
    return bc.EmbeddingSet(norm * z / np.linalg.norm(z, axis=2, keepdims=True), np.arange(24) % 3, normalize=False)


@pytest.mark.slow
@pytest.mark.parametrize("norm, temperature", [(100.0, 0.5), (1.0, 1 / 20_000)])
def test_only_claims_of_finite_k_are_out_of_reach(norm: float, temperature: float) -> None:
    found = bc.verify(points(norm), temperature=temperature, betas=[1], null=False, configurations="all").to_frame()
    verdicts = dict(zip(found.claim, found.verdict, strict=True))
    reasons = found[found.claim == "finite_k_below_limit"].reason.iloc[0]
    assert "logits up to 1390, received 2e+04" in reasons and "raise the temperature" in reasons
    assert all(verdicts[claim] == "inapplicable" for claim in FINITE_K)
    assert verdicts["scl_le_ucl"] != "inapplicable"
    with pytest.raises(InputError, match="negatives"):
        bc.verify(points(norm), temperature=temperature, betas=[1], null=False, claims="scl_le_ucl", negatives=[10])


def test_just_below_the_largest_logit_there_is_a_grid_for_every_k_and_q() -> None:
    emb = points((0.999 * LARGEST_LOGIT) ** 0.5)
    found = bc.verify(
        emb, temperature=1.0, betas=[100], q=[1e-9, 1e9], null=False, claims="finite_k_below_limit"
    ).to_frame()  # fmt: skip
    assert set(found.verdict) == {"passes"}


def test_the_command_takes_rows_of_any_norm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emb = points(100.0)
    np.savez(tmp_path / "e.npz", z=emb.z, y=emb.y)
    common = ["verify", "--embeddings", str(tmp_path / "e.npz"), "--no-normalize", "--claims", "scl_le_ucl"]
    assert main([*common, "--out", str(tmp_path / "run"), "--no-null", "--betas", "1", "--quiet"]) in (0, 1)


@pytest.mark.parametrize("command", ["verify", "sweep", "compare"])
@pytest.mark.parametrize("option", ["--betas", "--q"])
def test_an_empty_list_is_refused(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, option, ""]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{option}: expected a finite number" in said.replace(
        "a number > 0", "a finite number"
    )
