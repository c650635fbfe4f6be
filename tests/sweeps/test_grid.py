from __future__ import annotations

import shutil
import subprocess
import sys
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import boundcheck as bc
import boundcheck.sweeps.grid
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import BoundcheckError, FileError, InputError
from boundcheck.plugins import _import_file
from boundcheck.runs import CLAIM_COLUMNS
from boundcheck.spec import Execution, Variant
from boundcheck.sweep_record import SWEEP_COLUMNS, load_sweep
from boundcheck.sweeps import cells
from boundcheck.sweeps.cells import cell_key
from boundcheck.verification import verify
from tests.claims.designs import hub_and_rim
from tests.sweeps.conftest import clusters

pytestmark = pytest.mark.slow

GRID: dict[str, Any] = {"temperatures": [0.2, 1.0], "betas": [1.0, 5.0], "claims": ["hscl_le_hucl", "scl_le_ucl"]}


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The temperatures of the cells that are computed, in order."""
    seen: list[float] = []

    @wraps(verify)
    def counted(emb: EmbeddingSet, variant: Variant, execution: Execution, **options: Any) -> Any:
        seen.append(variant.temperature)
        return verify(emb, variant, execution, **options)

    monkeypatch.setattr(boundcheck.sweeps.grid, "verify", counted)
    return seen


def holm_by_hand(p: list[float]) -> list[float]:
    """Holm's step-down adjustment, literally."""
    adjusted = [np.nan] * len(p)
    tests = sorted((value, i) for i, value in enumerate(p) if not np.isnan(value))
    so_far = 0.0
    for rank, (value, i) in enumerate(tests):
        so_far = max(so_far, (len(tests) - rank) * value)
        adjusted[i] = min(1.0, so_far)
    return adjusted


def test_every_cell_is_what_verify_says_of_it(encoders):
    sweep = bc.sweep(encoders, hardening=["exp", "threshold:0.3"], **GRID)
    table = sweep.to_frame()
    assert sweep.record.manifest["config"]["hardening"] == ["exp", "threshold:0.3"]
    assert list(table.columns) == ["encoder", "temperature", *CLAIM_COLUMNS]
    for name, emb in encoders.items():
        for tau in GRID["temperatures"]:
            alone = verify(
                emb, temperature=tau, betas=GRID["betas"], claims=GRID["claims"], hardening=["exp", "threshold:0.3"]
            ).run
            here = (table["encoder"] == name) & (table["temperature"] == tau)
            pd.testing.assert_frame_equal(
                table[here].drop(columns=["encoder", "temperature", "p_holm"]).reset_index(drop=True),
                alone.claims.drop(columns="p_holm"),
            )
            for part in ("losses", "assumption"):
                whole = getattr(sweep.record, part)
                rows = whole[(whole["encoder"] == name) & (whole["temperature"] == tau)].reset_index(drop=True)
                columns = [column for column in SWEEP_COLUMNS[part] if column not in ("encoder", "temperature")]
                pd.testing.assert_frame_equal(rows[columns], getattr(alone, part)[columns])
    assert not table["encoder"].eq("").any() and len(table) == 2 * 2 * 4


def test_holm_counts_every_test_of_the_sweep(encoders):
    """Of gaps on either side of zero, so two-sided."""
    table = bc.sweep(encoders, **GRID).to_frame()
    either = 2 * np.minimum(table["p_value"], 1 - table["p_value"])
    np.testing.assert_allclose(table["p_holm"], holm_by_hand(either.tolist()))
    assert len(table) == 12
    # adjusted within one cell of three tests, the least p-value would be multiplied by 3 or less
    tests = int(either.notna().sum())
    assert tests > 3
    assert table["p_holm"][either.idxmin()] == pytest.approx(min(1.0, tests * either.min()))


def test_printed_it_is_one_line(encoders):
    sweep = bc.sweep(encoders, **GRID)
    said = f"at temperature 0.2, 1; to_frame() has its {len(sweep.to_frame())} rows of verdicts"
    assert repr(sweep).startswith("Sweep of ") and repr(sweep).endswith(said)


def test_finished_cells_are_not_computed_again(encoders, computed, tmp_path):
    first = bc.sweep(encoders, cells=tmp_path, **GRID)
    assert computed == [0.2, 1.0] * 2
    again = bc.sweep(encoders, cells=tmp_path, **GRID)
    assert computed == [0.2, 1.0] * 2
    assert [cell["reused"] for cell in again.record.manifest["cells"]] == [True] * 4
    assert (again.record.manifest["cost"]["pairs"], again.record.manifest["cost"]["cells_reused"]) == (0, 4)
    for part in SWEEP_COLUMNS:
        pd.testing.assert_frame_equal(getattr(again.record, part), getattr(first.record, part))
    # another temperature and another encoder: only what is new; and a new name is the same encoder
    wider = {"renamed": encoders["tight"], "noise": encoders["noise"], "third": clusters(2.0)}
    bc.sweep(wider, cells=tmp_path, **(GRID | {"temperatures": [0.2, 0.7, 1.0]}))
    assert computed == [0.2, 1.0] * 2 + [0.7, 0.7] + [0.2, 0.7, 1.0]


@pytest.mark.parametrize(
    "change",
    [
        {"betas": [1.0, 6.0]},
        {"seed": 1},
        {"confidence": 0.9},
        {"q": (2.0,)},
        {"claims": ["hscl_le_hucl"]},
        {"class_prior": "balanced"},
        {"anchors": 50},
    ],
)
def test_another_option_is_another_cell(encoders, computed, tmp_path, change):
    one = {"tight": encoders["tight"]}
    bc.sweep(one, cells=tmp_path, **GRID)
    bc.sweep(one, cells=tmp_path, **(GRID | change))
    assert computed == [0.2, 1.0] * 2


def test_a_changed_input_is_computed_again(encoders, computed, tmp_path):
    bc.sweep({"a": encoders["tight"]}, cells=tmp_path, **GRID)
    z = encoders["tight"].z.copy()
    z[0, 0, 0] += 1e-3
    bc.sweep({"a": EmbeddingSet(z, encoders["tight"].y)}, cells=tmp_path, **GRID)
    bc.sweep({"a": EmbeddingSet(encoders["tight"].z, np.roll(encoders["tight"].y, 1))}, cells=tmp_path, **GRID)
    assert computed == [0.2, 1.0] * 3


def test_an_interrupted_sweep_goes_on_where_it_was(encoders, tmp_path, monkeypatch):
    done: list[float] = []

    @wraps(verify)
    def interrupted(emb: EmbeddingSet, variant: Variant, execution: Execution, **options: Any) -> Any:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(variant.temperature)
        return verify(emb, variant, execution, **options)

    monkeypatch.setattr(boundcheck.sweeps.grid, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bc.sweep(encoders, cells=tmp_path, **GRID)
    done.clear()
    whole = bc.sweep(encoders, cells=tmp_path, **GRID)
    assert done == [1.0]
    monkeypatch.undo()
    pd.testing.assert_frame_equal(whole.to_frame(), bc.sweep(encoders, **GRID).to_frame())


@pytest.mark.parametrize("damage", ["missing", "truncated", "another cell's"])
def test_a_damaged_cell_is_computed_again(encoders, computed, tmp_path, damage):
    one = {"tight": encoders["tight"]}
    first = bc.sweep(one, cells=tmp_path, **GRID)
    soft, warm = sorted(tmp_path.iterdir())
    if damage == "missing":
        (soft / "claims.csv").unlink()
    elif damage == "truncated":
        (soft / "losses.csv").write_text((soft / "losses.csv").read_text()[:40])
    else:
        shutil.rmtree(soft)
        shutil.copytree(warm, soft)
    again = bc.sweep(one, cells=tmp_path, **GRID)
    assert computed == [0.2, 1.0, 0.2]
    pd.testing.assert_frame_equal(again.to_frame(), first.to_frame())
    bc.sweep(one, cells=tmp_path, **GRID)
    assert computed == [0.2, 1.0, 0.2]


@bc.claim(id="mine", title="H-SCL is at most SCL plus one nat", source="a guess")
def mine(evidence):
    for h in evidence.tilts:
        yield evidence.compare(h, 1.0, evidence.key("hscl", h, 1.0), evidence.key("scl", bc.CONSTANT, 1.0), plus=1.0)


def bound(plus: float) -> Any:
    """A claim that depends on a value outside its own source."""

    @bc.claim(id="closed", source="a guess")
    def closed(evidence):
        for h in evidence.tilts:
            yield evidence.compare(
                h, 1.0, evidence.key("hscl", h, 1.0), evidence.key("scl", bc.CONSTANT, 1.0), plus=plus
            )

    return closed


def test_a_claim_of_ones_own(encoders, computed, tmp_path):
    for _ in range(2):
        table = bc.sweep(encoders, cells=tmp_path, **(GRID | {"claims": [mine, "scl_le_ucl"]})).to_frame()
    assert computed == [0.2, 1.0] * 2
    assert set(table["claim"]) == {"mine", "scl_le_ucl"} and "holds" in set(table.verdict[table.claim == "mine"])


def test_a_claim_that_can_change_unseen_is_always_computed(encoders, computed, tmp_path):
    one, grid = {"tight": encoders["tight"]}, GRID | {"temperatures": [1.0], "betas": [0.5]}
    verdicts = [
        bc.sweep(one, cells=tmp_path, **(grid | {"claims": [bound(plus)]})).to_frame()["verdict"].unique().tolist()
        for plus in (5.0, -5.0)
    ]
    assert verdicts == [["holds"], ["violated"]] and computed == [1.0, 1.0]


def test_a_hardening_of_ones_own_counts_by_its_file(tmp_path, monkeypatch):
    path = tmp_path / "step.py"

    def key(height: str) -> str | None:
        monkeypatch.delitem(sys.modules, "step_of_mine", raising=False)
        path.write_text(
            "from dataclasses import dataclass\nfrom boundcheck.hardening import Hardening\n"
            "@dataclass(frozen=True)\nclass Step(Hardening):\n"
            "    family = 'step'\n"
            f"    def log_eta(self, t, temperature):\n        return {height} * (t > 0)\n"
        )
        _import_file("step_of_mine", path)
        return cell_key("some", Variant(hardening=["exp", sys.modules["step_of_mine"].Step()]), {}, [])

    first = key("1")
    assert first is not None and first != cell_key("some", Variant(), {}, [])
    assert key("2") != first == key("1")


def test_the_gravest_cell_decides_whether_it_failed(encoders):
    sweep = bc.sweep({"tight": encoders["tight"]}, **(GRID | {"claims": ["scl_le_ucl"]}))
    assert not sweep.failed("undecided") and not sweep.failed("never")
    both = bc.sweep({"tight": encoders["tight"], "backwards": hub_and_rim()}, **(GRID | {"claims": ["scl_le_ucl"]}))
    assert both.failed() and not both.failed("never")
    with pytest.raises(InputError, match="fail_on"):
        both.failed("maybe")


def test_what_is_saved_is_what_is_read(encoders, tmp_path):
    sweep = bc.sweep(encoders, **GRID)
    place = sweep.save(tmp_path / "out", command=["boundcheck", "sweep"])
    again = load_sweep(place)
    for part in SWEEP_COLUMNS:
        pd.testing.assert_frame_equal(getattr(again, part), getattr(sweep.record, part))
    assert (
        again.manifest["command"] == ["boundcheck", "sweep"]
        and again.manifest["family"] == again.claims["p_value"].notna().sum() > 4
    )
    with pytest.raises(FileError, match="already holds a run"):
        sweep.save(place)
    sweep.save(place, overwrite=True)
    (place / "sweep.csv").write_text("encoder,temperature\n")
    with pytest.raises(FileError, match=r"sweep\.csv: damaged"):
        load_sweep(place)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperatures": [0.5, 0.0]}, "temperatures: must be a finite number > 0, received 0"),
        ({"temperatures": []}, "temperatures: expected at least one"),
        ({"temperature": 0.5}, "did you mean 'temperatures'"),
        ({"estimater": "exact"}, "did you mean 'estimator'"),
        ({"claims": "scl_le_ucI"}, "did you mean 'scl_le_ucl'"),
        ({"hardening": "treshold:1"}, "did you mean 'threshold:T'"),
    ],
)
def test_a_mistake_is_found_before_anything_is_computed(encoders, computed, tmp_path, options, message):
    with pytest.raises(BoundcheckError, match=message):
        bc.sweep(encoders, cells=tmp_path / "cells", **options)
    assert computed == [] and not (tmp_path / "cells").exists()


def test_no_encoder_at_all():
    with pytest.raises(InputError, match="encoders: expected at least one"):
        bc.sweep([])


def test_warnings_name_the_cells_they_are_about(encoders):
    manifest = bc.sweep(encoders, **GRID).record.manifest
    few = next(item for item in manifest["warnings"] if item["warning"].startswith("60 instances"))
    assert few["all"] and len(few["cells"]) == 4
    some = [item for item in manifest["warnings"] if not item["all"]]
    assert some and all(" at τ = " in where for item in some for where in item["cells"])
    assert [encoder["name"] for encoder in manifest["encoders"]] == ["tight", "noise"]


def test_a_kept_cell_counts_by_the_source_of_all_that_a_verification_reads():
    """What `verify` imports decides its numbers; bounds were left out once, and a kept cell outlived a mended bound."""
    said = "import sys, boundcheck.verification; print(*(n.split('.')[1] for n in sys.modules if 'boundcheck.' in n))"
    read = set(subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split())
    assert {"bounds", "claims", "embeddings", "estimators", "inference", "pairwise", "verification"} <= read
    left_out = {name.removesuffix(".py") for name in cells._NOT_MADE_BY}
    assert not read & left_out
    package = Path(cells.__file__).parents[1]
    assert all((package / name).exists() for name in cells._NOT_MADE_BY)
    assert cells.source_digest(but=cells._NOT_MADE_BY) != cells.source_digest(but=(*cells._NOT_MADE_BY, "bounds"))
