"""The measured methods compute the same numbers; the command runs at its smallest size."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.cases import STUDIES, Case, cases
from benchmarks.methods import METHODS, brute_force


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"gemm", "keops"}))
@pytest.mark.parametrize(("classes", "betas"), [(2, (5.0,)), (10, (0.5, 1.0, 2.0, 5.0)), (40, (1.0,))])
def test_every_method_agrees_with_float64(method, classes, betas):
    z, y = Case("test", n=400, d=32, classes=classes).data()
    found = METHODS[method][0](z, y, 0.5, betas)
    np.testing.assert_allclose(found, brute_force(z, y, 0.5, betas), atol=2e-5)


def test_cases_cover_every_method_and_study():
    assert {case.method for case in cases("full")} == set(METHODS)
    assert {case.study for case in cases("full")} == set(STUDIES)
    torch.testing.assert_close(Case("x", n=50).data()[0].norm(dim=1), torch.ones(50))


@pytest.mark.study
def test_the_command_writes_its_tables_and_pictures(tmp_path):
    run = [sys.executable, "-m", "benchmarks", "all", "--out", str(tmp_path), "--size", "smoke", "--repeats", "1"]
    subprocess.run(run, check=True, cwd=Path(__file__).parents[1])
    table = pd.read_csv(tmp_path / "pairs.csv")
    assert "failed" not in table or table.failed.isna().all()
    assert (table.ratio_to_floor > 0).all()
    assert {"cpu", "torch", "seed", "n"} <= set(table.columns)
    assert pd.read_csv(tmp_path / "verify.csv").what.str.contains("verify").any()
    assert (pd.read_csv(tmp_path / "commands.csv").cpu_seconds > 0).all()
    assert (tmp_path / "time_by_n.png").stat().st_size > 5_000


@pytest.mark.study
def test_turns_run_both_packages(tmp_path):
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "benchmarks", "turns", "--before", str(root), "--command", "digits"]
    subprocess.run([*command, "--out", str(tmp_path), "--repeats", "1"], check=True, cwd=root)
    table = pd.read_csv(tmp_path / "turns.csv")
    assert table.version.tolist() == ["before", "now"] and (table.cpu_seconds > 0).all()
    without = [sys.executable, "-m", "benchmarks", "turns", "--out", str(tmp_path)]
    refused = subprocess.run(without, capture_output=True, text=True, cwd=root)
    assert refused.returncode == 2 and "--before is missing" in refused.stderr


@pytest.mark.slow
def test_the_gpu_command_runs_without_one_at_its_smallest_size(tmp_path):
    pytest.importorskip("triton")
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path), "--repeats", "1"]
    subprocess.run([*command, "--size", "smoke"], check=True, cwd=Path(__file__).parents[1])
    table = pd.read_csv(tmp_path / "gpu.csv")
    assert "failed" not in table or table.failed.isna().all()
    assert set(table.precision) == {"float32", "float64"}
    fused = table[table.method.str.startswith("fused")]
    assert len(fused) >= 4
    assert (fused.error_nats < 1e-5).all()


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_gpu_command_refuses_in_one_line_without_one(tmp_path):
    pytest.importorskip("triton")
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path)]
    run = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr == "benchmarks.gpu: needs a CUDA GPU and found none; try --size smoke\n"
    assert not list(tmp_path.iterdir())
