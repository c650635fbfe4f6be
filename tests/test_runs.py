from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from boundcheck.errors import FileError
from boundcheck.runs import CSV_COLUMNS, TEXT_COLUMNS, Run, hardening_key, load_run, save_run


def table(name: str, **values: object) -> pd.DataFrame:
    """Two rows of a saved table: text "x", number 0.1, but for the values given."""
    row = {column: "x" if column in TEXT_COLUMNS else 0.1 for column in CSV_COLUMNS[name]}
    return pd.DataFrame([row | values, row])


@pytest.fixture
def run() -> Run:
    return Run(
        losses=table("losses", hardening="exp", beta=1 / 3, q=math.inf, k=math.nan, estimate=-0.1 - 0.2),
        claims=table("claims", claim="", reason='a "quoted", reason', p_value=1e-300, gap=math.nan),
        assumption=table("assumption", beta=math.inf),
        hardest=table("hardest", id="007", label="NA", same_label="nan", diff_label="Größe, µ"),
        anchors=pd.DataFrame({"id": ["007", "8"], "view": [0, 1], "label": ["NA", "b"], "beta_star": [math.nan, 2.0]}),
        manifest={
            "boundcheck": "0.1.0",
            "config": {"q": [1.0, math.inf], "betas": np.array([1.0, 5.0]), "seed": np.int64(3), "out": Path("a")},
            "crossing": [{"q": 1.0, "beta": math.nan}],
        },
        pictures=np.arange(2 * 3 * 1 * 2 * 2, dtype=np.uint8).reshape(2, 3, 1, 2, 2),
    )


def test_round_trip_keeps_every_number_and_label(run: Run, tmp_path: Path) -> None:
    loaded = load_run(save_run(run, tmp_path / "run"))
    for name in [*CSV_COLUMNS, "anchors"]:
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(run, name), check_exact=True)
    assert loaded.pictures is not None and run.pictures is not None
    np.testing.assert_array_equal(loaded.pictures, run.pictures)
    assert loaded.hardest.loc[0, "label"] == "NA"
    assert loaded.losses.loc[0, "q"] == math.inf


def test_what_is_true_or_false_survives_beside_what_is_neither(run: Run, tmp_path: Path) -> None:
    for reliable in ([True, False], [True, math.nan]):
        losses = run.losses.assign(reliable=reliable)
        loaded = load_run(save_run(replace(run, losses=losses), tmp_path / str(reliable[1])))
        assert loaded.losses.reliable.isna().tolist() == [False, reliable[1] is math.nan]
        assert loaded.losses.reliable.fillna(True).astype(bool).tolist() == [True, reliable[1] is math.nan]


def test_manifest_is_strict_json(run: Run, tmp_path: Path) -> None:
    def refuse(literal: str) -> None:
        raise AssertionError(f"{literal} is not JSON")

    text = (save_run(run, tmp_path / "run") / "run.json").read_text(encoding="utf-8")
    manifest = json.loads(text, parse_constant=refuse)
    assert manifest["config"] == {"q": [1.0, "inf"], "betas": [1.0, 5.0], "seed": 3, "out": "a"}
    assert manifest["crossing"] == [{"q": 1.0, "beta": None}]


def test_missing_numbers_are_empty_cells(run: Run, tmp_path: Path) -> None:
    header, first, _ = (save_run(run, tmp_path / "run") / "losses.csv").read_text().splitlines()
    assert dict(zip(header.split(","), first.split(","), strict=True))["k"] == ""


def test_printed_it_is_one_line(run: Run) -> None:
    assert repr(run).startswith("Run of ") and f"claims {len(run.claims)}" in repr(run)
    assert len(repr(run)) < 300 and "\n" not in repr(run)


def test_run_without_pictures(run: Run, tmp_path: Path) -> None:
    bare = Run(run.losses, run.claims, run.assumption, run.anchors, run.hardest, run.manifest)
    directory = save_run(bare, tmp_path / "run")
    assert not (directory / "pictures.npz").exists()
    assert load_run(directory).pictures is None


def test_other_writers_write_before_the_directory_takes_its_name(run: Run, tmp_path: Path) -> None:
    def write(saved: Run, directory: Path) -> None:
        assert saved is run
        assert not any((tmp_path / "run").iterdir())
        (directory / "extra.txt").write_text("more")

    assert (save_run(run, tmp_path / "run", also=[write]) / "extra.txt").read_text() == "more"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("bug")])
def test_failing_writer_leaves_nothing(run: Run, tmp_path: Path, failure: BaseException) -> None:
    def fail(saved: Run, directory: Path) -> None:
        raise failure

    expected = FileError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected) as caught:
        save_run(run, tmp_path / "run", also=[fail])
    assert list(tmp_path.iterdir()) == []
    if expected is FileError:
        assert "No space left on device" in str(caught.value) and "\n" not in str(caught.value)


def test_failing_overwrite_keeps_the_old_run(run: Run, tmp_path: Path) -> None:
    def fail(saved: Run, directory: Path) -> None:
        raise OSError(28, "No space left on device")

    directory = save_run(run, tmp_path / "run")
    with pytest.raises(FileError):
        save_run(run, directory, overwrite=True, also=[fail])
    assert list(tmp_path.iterdir()) == [directory]
    assert load_run(directory).manifest["boundcheck"] == "0.1.0"


def test_a_run_is_replaced_only_when_asked(run: Run, tmp_path: Path) -> None:
    directory = save_run(run, tmp_path / "run")
    (directory / "stale.txt").write_text("of the old run")
    with pytest.raises(FileError, match="--overwrite"):
        save_run(run, directory)
    assert (directory / "stale.txt").exists()
    save_run(run, directory, overwrite=True)
    assert not (directory / "stale.txt").exists()
    assert list(tmp_path.iterdir()) == [directory]


def test_what_is_not_a_run_is_never_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(FileError, match="not a saved run"):
        save_run(run, tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_empty_directory_may_be_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert load_run(save_run(run, tmp_path / "empty")).manifest["boundcheck"] == "0.1.0"


def test_out_below_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError) as caught:
        save_run(run, tmp_path / "file" / "run")
    assert "\n" not in str(caught.value)


def test_loading_what_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"run\.json"):
        load_run(tmp_path)


@pytest.mark.parametrize("name", ["losses.csv", "claims.csv", "assumption.csv", "hardest.csv", "anchors.parquet"])
def test_missing_file_is_named(run: Run, tmp_path: Path, name: str) -> None:
    directory = save_run(run, tmp_path / "run")
    (directory / name).unlink()
    with pytest.raises(FileError, match=f"{name}.*missing"):
        load_run(directory)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b"{"),
        ("run.json", b"[]"),
        ("run.json", b"\xff\xfe"),
        ("losses.csv", b""),
        ("losses.csv", b"loss,hardening\nucl,exp\n"),
        ("claims.csv", b"\x00\xff"),
        ("anchors.parquet", b"PAR1 but no more"),
        ("pictures.npz", b"PK\x03\x04 truncated"),
        ("pictures.npz", b""),
    ],
)
def test_damaged_file_is_named_in_one_line(run: Run, tmp_path: Path, name: str, content: bytes) -> None:
    directory = save_run(run, tmp_path / "run")
    (directory / name).write_bytes(content)
    with pytest.raises(FileError, match="damaged") as caught:
        load_run(directory)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_text_in_a_number_column_is_damage(run: Run, tmp_path: Path) -> None:
    path = save_run(run, tmp_path / "run") / "assumption.csv"
    path.write_text(path.read_text().replace("0.1", "many", 1))
    with pytest.raises(FileError, match=r"assumption\.csv"):
        load_run(path.parent)


@pytest.mark.parametrize(
    ("hardening", "beta", "key"),
    [
        ("exp", 5.0, "exp:5"),
        ("exp", 0.5, "exp:0.5"),
        ("constant", math.nan, "constant"),
        ("poly:2", math.nan, "poly:2"),
    ],
)
def test_hardening_key(hardening: str, beta: float, key: str) -> None:
    assert hardening_key(hardening, beta) == key
