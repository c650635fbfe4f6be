"""Seeds and methods beside each other: errors against a literal jackknife, pairing by id, refusals, files."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import boundcheck as bc
from boundcheck.comparison.figure import draw_classes, draw_comparison
from boundcheck.embeddings import EmbeddingSet, save_embeddings
from boundcheck.errors import FileError, InputError
from boundcheck.runs import load_run, save_run

BETAS = {"betas": [1.0], "null": False}
N = 60


def encoder(spread: float, seed: int, n: int = N, ids: Any = None) -> EmbeddingSet:
    """The same instances by another encoder: most of the noise is the instance's own."""
    shared, own = np.random.default_rng(0).normal(size=(n, 2, 6)), np.random.default_rng(seed).normal(size=(n, 2, 6))
    y = np.arange(n) % 3
    z = np.eye(6)[y][:, None] + spread * (shared + 0.4 * own) / np.sqrt(6)
    return EmbeddingSet(z, np.array(["cat", "dog", "owl"])[y], [f"x{i}" for i in range(n)] if ids is None else ids)


@pytest.fixture(scope="module")
def found() -> bc.Comparison:
    methods = {"tight": [encoder(0.6, s) for s in (1, 2, 3)], "loose": [encoder(0.9, s) for s in (4, 5)]}
    return bc.compare(methods, **BETAS)


@pytest.fixture(scope="module")
def verified() -> tuple[bc.Verification, bc.Verification]:
    claims = ["scl_le_ucl", "hscl_le_hucl"]
    one, two = (bc.verify(encoder(*how), claims=claims, **BETAS) for how in ((0.6, 1), (0.9, 4)))
    return one, two


def cell(frame: pd.DataFrame, **at: Any) -> Any:
    """The one row there."""
    for name, value in at.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def plugin(emb: EmbeddingSet) -> dict[tuple[str, str], float]:
    """Losses and the gap at beta = 1 from per-anchor losses, over all anchors and those of one class."""
    losses = bc.estimate(emb, betas=[1.0], intervals=False)
    labels = np.array(emb.classes)[emb.y].repeat(emb.v)
    out = {}
    for of in ("", "dog"):
        kept = (labels == of) | (of == "")
        value = {key.loss.id: float(losses.per_anchor(key).numpy()[kept].mean()) for key in losses.keys}
        out |= {("hucl", of): value["hucl"], ("hucl - hscl", of): value["hucl"] - value["hscl"]}
    return out


@pytest.mark.slow
def test_the_error_of_a_paired_difference_is_a_literal_jackknifes() -> None:
    n = 48
    one, two = encoder(0.6, 1, n), encoder(0.9, 4, n)
    # Classes drawn with the instances, as the jackknife deals with them.
    frame = bc.compare({"one": one, "two": two}, design="iid", **BETAS).frame
    left = [np.delete(np.arange(n), i) for i in range(n)]
    without = [(plugin(one.subset(kept)), plugin(two.subset(kept))) for kept in left]
    whole = plugin(one), plugin(two)
    for quantity, of in whole[0]:
        at = {"quantity": quantity, "class": of}
        row = cell(frame, method="two", against="one", **at)
        changes = np.array([b[quantity, of] - a[quantity, of] for a, b in without])
        jackknife = float(np.sqrt((n - 1) / n * np.square(changes - changes.mean()).sum()))
        assert row.se_instances == pytest.approx(jackknife, rel=0.05)
        change = whole[1][quantity, of] - whole[0][quantity, of]
        assert row.estimate == pytest.approx(n * change - (n - 1) * changes.mean(), abs=0.15 * row.se)
        apart = [cell(frame, method=name, against="", **at).se for name in ("one", "two")]
        assert row.se_instances < 0.9 * math.hypot(*apart), "pairing must gain where most noise is shared"


def test_seeds_have_a_mean_a_spread_and_both_errors(found: bc.Comparison) -> None:
    row = cell(found.to_frame(), method="tight", against="", quantity="hscl")
    each = found.members
    values = each[(each["method"] == "tight") & (each["quantity"] == "hscl") & (each["class"] == "")]["estimate"]
    assert row.seeds == 3 and row.estimate == pytest.approx(values.mean())
    assert row.spread == pytest.approx(values.std(ddof=1))
    assert row.se_seeds == pytest.approx(row.spread / math.sqrt(3))
    assert row.se == pytest.approx(math.hypot(row.se_seeds, row.se_instances))
    assert row.over == "seeds and instances"
    assert row.ci_high - row.ci_low > row.instances_high - row.instances_low
    difference = cell(found.to_frame(), method="loose", against="tight", quantity="hscl")
    means = [cell(found.to_frame(), method=name, against="", quantity="hscl") for name in ("loose", "tight")]
    assert difference.estimate == pytest.approx(means[0].estimate - means[1].estimate)
    assert difference.se_seeds == pytest.approx(math.hypot(means[0].se_seeds, means[1].se_seeds))
    assert difference.paired and difference.p_value <= difference.p_holm <= 1


def test_classes_average_to_the_whole(found: bc.Comparison) -> None:
    """Classes are of one size, so that plug-in means average exactly and corrected ones up to their corrections."""
    classes = found.to_frame(by_class=True)
    assert set(classes["class"]) == {"cat", "dog", "owl"}
    for quantity in ("ucl", "hscl", "hucl - hscl"):
        whole = cell(found.to_frame(), method="tight", against="", quantity=quantity)
        own = classes[(classes["quantity"] == quantity) & (classes["method"] == "tight") & (classes["against"] == "")]
        assert own["estimate"].mean() == pytest.approx(whole.estimate, abs=0.02 * whole.se)


def test_rows_are_paired_by_id_whatever_their_order(verified: tuple[bc.Verification, bc.Verification]) -> None:
    one, two = (v.run for v in verified)
    shuffled = replace(two, influences=two.influences.sample(frac=1, random_state=3))
    kept, moved = (bc.compare({"one": one, "two": other}).frame for other in (two, shuffled))
    assert moved["paired"].dropna().all()
    np.testing.assert_allclose(moved["se"], kept["se"], rtol=1e-5)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"id": [f"y{i}" for i in range(N)]}, "of 60 and 60 ids 0 are in both"),
        ({"label": ["owl", *(["cat", "dog", "owl"] * 20)[1:]]}, "have other labels: instance 'x0' is 'cat' and 'owl'"),
    ],
)
def test_other_instances_are_not_paired_and_it_says_so(
    other: dict[str, Any], said: str, verified: tuple[bc.Verification, bc.Verification]
) -> None:
    runs = [v.run for v in verified]
    runs[1] = replace(runs[1], influences=runs[1].influences.assign(**other))
    found = bc.compare({"one": runs[0], "two": runs[1]})
    assert not found.frame["paired"].dropna().any()
    row = cell(found.frame, method="two", against="one", quantity="hucl")
    one, two = (cell(found.frame, method=name, against="", quantity="hucl") for name in ("one", "two"))
    assert row.se_instances == pytest.approx(math.hypot(one.se, two.se))
    assert any("not paired with one, samples taken as independent" in note and said in note for note in found.notes)
    assert said in str(found)


def test_another_split_is_not_paired(verified: tuple[bc.Verification, bc.Verification]) -> None:
    runs = {}
    for name, split, v in zip(("one", "two"), ("test", "train"), verified, strict=True):
        data = {**v.run.manifest["data"], "source": {"dataset": "digits", "split": split}}
        runs[name] = replace(v.run, manifest={**v.run.manifest, "data": data})
    found = bc.compare(runs)
    assert any("'one' and 'two' are of different data (digits test, digits train)" in note for note in found.notes)


def of_data(emb: EmbeddingSet, **source: str) -> EmbeddingSet:
    """The same with what `embed` records of the data."""
    return EmbeddingSet(emb.z, np.array(emb.classes)[emb.y], emb.ids, source)


def numbered(run: bc.Run, **source: str) -> bc.Run:
    """The same with row numbers for ids, and what its manifest records of the data."""
    data = {**run.manifest["data"], "source": source}
    ids = [str(i) for i in range(N)]
    return replace(run, influences=run.influences.assign(id=ids), manifest={**run.manifest, "data": data})


@pytest.mark.parametrize(
    ("one", "two", "paired"),
    [
        ({}, {}, False),
        ({"dataset": "digits", "split": "test"}, {"dataset": "digits", "split": "test"}, True),
        ({"data_digest": "abc"}, {"data_digest": "abc"}, True),
        ({"data_digest": "abc"}, {"data_digest": "abd"}, False),
        ({"dataset": "vmf:classes=3"}, {"dataset": "vmf:classes=3"}, False),  # any sample of a known population
    ],
)
def test_row_numbers_alone_make_no_pairs(
    one: dict[str, str], two: dict[str, str], paired: bool, verified: tuple[bc.Verification, bc.Verification]
) -> None:
    """The same labels in the same order, row numbers for ids: nothing says that they are the same instances."""
    found = bc.compare({"one": numbered(verified[0].run, **one), "two": numbered(verified[1].run, **two)})
    assert found.frame["paired"].dropna().eq(paired).all()
    said = "the ids of 'one' and 'two' are row numbers, and nothing says that they count the same data"
    assert (said in str(found)) != paired


def test_methods_on_different_data_are_captioned_apart_and_not_compared_by_class() -> None:
    """Same class names, same ids, same size, even: the data sets that were recorded tell them apart."""
    one = of_data(encoder(0.6, 1), dataset="pets", split="test")
    two = of_data(encoder(0.9, 4, n=48), dataset="birds", split="test")
    found = bc.compare({"one": one, "two": two}, **BETAS)
    lines = str(found).splitlines()
    assert lines[0] == "one (1 encoder): 60 instances in 2 views of 3 classes (pets test)"
    assert lines[1] == "two (1 encoder): 48 instances in 2 views of 3 classes (birds test)"
    assert lines[2] == "temperature 0.5, 95 % intervals, nats"
    assert not found.frame["paired"].dropna().any() and set(found.frame["class"]) == {""}
    assert any(
        "'one' and 'two' are of different data (pets test, birds test): its difference to one is one of populations as "
        "well as of methods" in note
        for note in found.notes
    )
    assert any("left out: losses by class" in note for note in found.notes)
    assert list(found.members.drop_duplicates("encoder")["n"]) == [60, 48]


def test_methods_on_other_classes_say_so() -> None:
    two = EmbeddingSet(encoder(0.9, 4).z, np.array(["cat", "dog", "emu"])[np.arange(N) % 3], encoder(0.9, 4).ids)
    found = bc.compare({"one": encoder(0.6, 1), "two": two}, **BETAS)
    assert "'one' and 'two' have other classes: 'emu' is in one alone (2 such classes)" in str(found)
    assert set(found.frame["class"]) == {""} and not found.frame["paired"].dropna().any()


def test_seeds_on_different_data_have_no_mean() -> None:
    seeds = [of_data(encoder(0.6, s), dataset=name, split="test") for s, name in ((1, "pets"), (2, "birds"))]
    with pytest.raises(InputError, match=r"'a/1' and 'a/2' are of different data .* as seeds of one method"):
        bc.compare({"a": seeds}, by_class=False, **BETAS)


def test_what_is_not_relied_on_is_not_tested(verified: tuple[bc.Verification, bc.Verification]) -> None:
    runs = [v.run for v in verified]
    runs[1] = replace(runs[1], losses=runs[1].losses.assign(reliable=runs[1].losses["loss"] != "hucl"))
    rows = bc.compare({"one": runs[0], "two": runs[1]}).frame
    changes = rows[rows["against"] != ""].set_index("quantity")
    assert math.isnan(changes["p_value"]["hucl"]) and math.isnan(changes["p_holm"]["hucl"])
    assert changes["p_value"]["hscl"] <= changes["p_holm"]["hscl"]


def test_each_of_several_differences_has_its_own_p_value(
    verified: tuple[bc.Verification, bc.Verification],
) -> None:
    """One column for all showed the last difference's beside the first's interval."""
    one, two = (v.run for v in verified)
    same = replace(one, manifest={**one.manifest, "data": {**one.manifest["data"], "sha256": "another"}})
    text = str(bc.compare({"one": one, "two": two, "again": same}))
    (head,) = (line for line in text.splitlines() if line.startswith("Quantity"))
    assert [head.count(f"p ({name} − one)") for name in ("two", "again")] == [1, 1]
    (row,) = (line for line in text.splitlines() if line.startswith("SCL"))
    assert row.rstrip().endswith("–") and not row[: head.index("again − one")].rstrip().endswith("–")


def test_one_view_is_one(verified: tuple[bc.Verification, bc.Verification]) -> None:
    runs = [replace(v.run, manifest={**v.run.manifest, "data": {**v.run.manifest["data"], "v": 1}}) for v in verified]
    assert "60 instances in one view of 3 classes" in str(bc.compare({"one": runs[0], "two": runs[1]}))


def test_seeds_that_are_not_paired_err_as_one(verified: tuple[bc.Verification, bc.Verification]) -> None:
    """Whatever they share, the error of their mean is no larger."""
    old = [replace(v.run, influences=v.run.influences.iloc[:0, :2]) for v in verified]
    found = bc.compare({"seeds": old})
    row = cell(found.frame, method="seeds", quantity="hucl")
    each = [cell(v.run.losses, loss="hucl").se for v in verified]
    assert row.se_instances == pytest.approx(np.mean(each))
    assert any("seeds: its seeds are not paired" in note for note in found.notes)


def test_saved_runs_give_what_the_embeddings_give(
    verified: tuple[bc.Verification, bc.Verification], tmp_path: Path
) -> None:
    folders = [save_run(v.run, tmp_path / name) for v, name in zip(verified, ("one", "two"), strict=True)]
    from_runs = bc.compare(folders)
    memory = bc.compare({"one": encoder(0.6, 1), "two": encoder(0.9, 4)}, by_class=False, **BETAS)
    assert any("losses by class need embeddings" in note for note in from_runs.notes)
    pd.testing.assert_frame_equal(from_runs.to_frame(), memory.to_frame(), rtol=1e-5)
    pd.testing.assert_frame_equal(bc.compare({"one": verified[0], "two": verified[1].run}).frame, from_runs.frame)


def test_influences_of_a_saved_run_are_its_standard_errors(
    verified: tuple[bc.Verification, bc.Verification], tmp_path: Path
) -> None:
    run = load_run(save_run(verified[0].run, tmp_path / "run"))
    for row in run.losses.itertuples():
        name = f"{row.loss}[{'exp:1' if row.hardening == 'exp' else row.hardening},q=1]"
        influence = run.influences[name].to_numpy(float)
        assert row.se == pytest.approx(math.sqrt((influence**2).sum() / N / (N - 1)), rel=1e-5)


def test_runs_without_influences_are_compared_unpaired(verified: tuple[bc.Verification, bc.Verification]) -> None:
    """Runs of older versions: their intervals still give the degrees of freedom."""
    old = [replace(v.run, influences=v.run.influences.iloc[:0, :2]) for v in verified]
    without, found = (bc.compare({"one": a, "two": b}).frame for a, b in (old, verified))
    assert not without["paired"].dropna().any()
    rows = without["against"] == ""
    for name in ("estimate", "se", "ci_low", "ci_high"):
        np.testing.assert_allclose(without[rows][name], found[rows][name], rtol=1e-4)


def test_runs_whose_errors_are_of_another_kind_keep_no_influences() -> None:
    emb = encoder(0.6, 1)
    copied = EmbeddingSet(np.concatenate([emb.z, emb.z[:4] + 1e-4]), np.concatenate([emb.y, emb.y[:4]]))
    assert bc.verify(copied, duplicates="group", claims="hscl_le_hucl", **BETAS).run.influences.empty
    assert bc.verify(emb, until_decided=True, claims="hscl_le_hucl", **BETAS).run.influences.empty


def test_a_population_has_no_error_over_instances() -> None:
    methods = {"one": encoder(0.6, 1), "two": encoder(0.9, 4)}
    frame = bc.compare(methods, self_pairs="include", by_class=False, **BETAS).frame
    assert (frame["se_instances"] == 0).all() and frame["reliable"].all()


@pytest.mark.parametrize(
    ("methods", "options", "said"),
    [
        ({"one": encoder(0.6, 1)}, {}, "at least two encoders, received one"),
        (encoder(0.6, 1), {}, "at least two encoders, received one"),
        ([encoder(0.6, 1), encoder(0.6, 2)], {}, "need names, received none"),
        ({"a": [encoder(0.6, 1), encoder(0.6, 1)]}, {}, "have the same embeddings"),
        ({"a": encoder(0.6, 1), "b": []}, {}, "at least two"),
        ({"a": [encoder(0.6, 1), encoder(0.6, 2)], "b": []}, {}, "received none of 'b'"),
        (
            {"a": encoder(0.6, 1), "b": encoder(0.6, 2)},
            {"confidence": 95},
            "confidence: must be a number between 0 and 1",
        ),
        ({"a": encoder(0.6, 1), "b": encoder(0.6, 2)}, {"temprature": 1.0}, "did you mean 'temperature'"),
    ],
)
def test_what_cannot_be_compared_is_refused(methods: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        bc.compare(methods, **options)


def test_runs_of_two_quantities_are_refused(verified: tuple[bc.Verification, bc.Verification]) -> None:
    one, two = verified
    other = replace(
        two.run, manifest={**two.run.manifest, "config": {**two.run.manifest["config"], "temperature": 0.2}}
    )
    with pytest.raises(InputError, match=r"must be the same for all, received 0\.5 of 'one' and 0\.2 of 'two'"):
        bc.compare({"one": one, "two": other})
    with pytest.raises(InputError, match="betas: has no effect on saved runs"):
        bc.compare({"one": one, "two": two}, betas=[1.0])
    with pytest.raises(InputError, match="received the run 'one' and the encoder 'two'"):
        bc.compare({"one": one, "two": encoder(0.9, 4)})
    bare = replace(two.run, losses=two.run.losses.assign(q=3.0))
    with pytest.raises(InputError, match="no loss in common"):
        bc.compare({"one": one, "two": bare})


@pytest.mark.slow
def test_trained_temperatures_are_taken_where_they_agree(tmp_path: Path) -> None:
    paths = []
    for number, tau in enumerate((0.2, 0.2, 0.7)):
        emb = encoder(0.6, number + 1)
        meta = {"encoder": {"temperature": tau, "beta": 3.0}}
        paths.append(tmp_path / f"{number}.npz")
        save_embeddings(EmbeddingSet(emb.z, emb.y, emb.ids, meta), paths[-1])
    found = bc.compare({"a": paths[0], "b": paths[1]}, by_class=False, null=False)
    assert found.manifest["config"]["temperature"] == 0.2 and 3.0 in set(found.frame["beta"])
    with pytest.raises(InputError, match=r"temperature: the encoders were trained with 0\.2, 0\.7"):
        bc.compare(paths)


def test_saved_whole_with_figures_and_data(found: bc.Comparison, tmp_path: Path) -> None:
    folder = found.save(tmp_path / "out", command=["boundcheck", "compare"])
    assert {path.name for path in folder.iterdir()} == {
        "comparison.csv", "classes.csv", "encoders.csv", "comparison.txt", "run.json", "figures",
    }  # fmt: skip
    read = pd.read_csv(folder / "comparison.csv", keep_default_na=False, na_values={"se_seeds": [""]})
    np.testing.assert_allclose(read["estimate"], found.to_frame()["estimate"])
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".png", ".pdf", ".svg", ".csv"}
    with pytest.raises(FileError):
        found.save(tmp_path / "out")
    text = str(found)
    assert "tight (3 encoders), loose (2 encoders); 60 instances in 2 views of 3 classes" in text
    assert "paired by instance: loose − tight" in text and "By class: H-UCL − H-SCL at β = 1" in text


def test_figures_of_one_method_and_without_classes(found: bc.Comparison) -> None:
    alone = replace(found, frame=found.frame[(found.frame["against"] == "") & (found.frame["class"] == "")])
    drawn = draw_comparison(alone.frame, alone.members)
    assert drawn is not None and len(drawn[0].axes) == 1
    assert draw_classes(alone.frame) is None
    both = draw_comparison(found.frame, found.members)
    assert both is not None and len(both[0].axes) == 2
