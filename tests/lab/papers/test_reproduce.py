import json
from dataclasses import replace

import pandas as pd
import pytest

import boundcheck.lab.papers as package
from boundcheck.cli import main
from boundcheck.errors import FileError, InputError
from boundcheck.lab.papers import RECIPES, load_results, queue, reproduce
from boundcheck.lab.papers.presets import Preset, Training
from boundcheck.lab.papers.results import save_results
from boundcheck.lab.papers.trial import run_trial
from boundcheck.lab.papers.writing import write_figures, write_tables

pytestmark = pytest.mark.slow

ACCURACY = ["dataset", "objective", "beta", "seed", "epochs", "probe", "features", "top1", "top5"]
TRACKING = [
    "dataset", "objective", "beta", "seed", "epoch", "loss", "loss_beta", "estimate", "ci_low", "ci_high",
    "share_holding",
]  # fmt: skip
TINY = Preset(
    (
        Training(
            "digits", "convnet", epochs=2, images=200, batch_size=50, held_out=60, tracked_betas=(1.0, 5.0),
            objectives=("ucl", "scl", "hucl", "hscl"),
        ),
    ),
    betas=(5.0,),
    seeds=1,
)  # fmt: skip


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module", autouse=True)
def tiny():
    """Both recipes at a size of seconds."""
    with pytest.MonkeyPatch.context() as patch:
        small = {
            name: replace(recipe, presets={"tiny": TINY, "paper": recipe.presets["paper"]})
            for name, recipe in RECIPES.items()
        }
        patch.setattr(package, "RECIPES", small)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results of jiang2022, made by two calls of which the first is killed in the third trial's second epoch."""
    folder = tmp_path_factory.mktemp("made")
    said: list[str] = []

    def kill_in_the_third(done: int, total: int, unit: str) -> None:
        if said[-1].startswith("trial 3") and unit == "images" and done > total / 2:
            raise Killed

    place = {"preset": "tiny", "out": folder / "out", "trials": folder / "trials", "device": "cpu"}
    with pytest.raises(Killed):
        reproduce("jiang2022", say=said.append, progress=kill_in_the_third, **place)
    partial = pd.read_csv(folder / "out" / "accuracy.csv")
    said.clear()
    reproduce("jiang2022", say=said.append, **place)
    return folder, partial, said


def test_a_killed_run_leaves_what_was_finished(made):
    _, partial, _ = made
    assert partial["objective"].unique().tolist() == ["ucl", "scl"]


def test_finished_trials_are_not_trained_again(made):
    _, _, said = made
    assert said[0].endswith("2 of 4 trials are finished")
    assert [line.partition(":")[0] for line in said[1:]] == ["trial 3 of 4", "trial 4 of 4"]


def test_a_resumed_trial_is_an_unbroken_one(made, tmp_path):
    third = list(TINY.trials())[2]
    run_trial(third, tmp_path, device="cpu")
    for name in ("accuracy", "tracking", "gaps", "batch_losses", "geometry", "spectrum", "epochs"):
        unbroken, resumed = (
            pd.read_csv(folder / f"{name}.csv") for folder in (tmp_path, made[0] / "trials" / third.key)
        )
        pd.testing.assert_frame_equal(unbroken, resumed)


def test_the_tables_have_the_columns_scripts_rely_on(made):
    out = made[0] / "out"
    accuracy, tracking = (pd.read_csv(out / name) for name in ("accuracy.csv", "tracking.csv"))
    assert list(accuracy.columns[: len(ACCURACY)]) == ACCURACY
    assert list(tracking.columns[: len(TRACKING)]) == TRACKING
    # four encoders, three probes on features and on embeddings
    assert len(accuracy) == 4 * 3 * 2
    assert accuracy["top1"].between(0, accuracy["top5"]).all()
    # four encoders, two epochs, UCL and SCL, H-UCL and H-SCL at two hardnesses
    assert len(tracking) == 4 * 2 * (2 + 2 * 2)
    assert accuracy[accuracy["objective"].isin(["ucl", "scl"])]["beta"].isna().all()
    assert set(accuracy["beta"].dropna()) == {5.0}


def test_the_last_epoch_tracked_is_the_encoder_that_was_verified(made):
    results = load_results(made[0] / "out")
    keys = ["objective", "loss", "loss_beta"]
    last = results.tracking[results.tracking["epoch"] == 2].set_index(keys)["estimate"].sort_index()
    final = results.losses.set_index(keys)["estimate"].sort_index()
    pd.testing.assert_series_equal(last, final, rtol=1e-5)


def test_the_manifest_says_what_was_run_and_how_it_departs(made):
    manifest = json.loads((made[0] / "out" / "run.json").read_text())
    assert (manifest["preset"], manifest["trials"], manifest["trials_finished"]) == ("tiny", 4, 4)
    assert "digits, epochs: 2; the authors have 200." in manifest["deviations"]
    assert "digits, encoder: convnet; the authors have resnet50." in manifest["deviations"]
    assert any(line.startswith("digits, augmentation, with the authors'") for line in manifest["deviations"])
    assert manifest["trials_failed"] == 0
    assert manifest["training"]["seconds"] > 0 and manifest["training"]["devices"] == ["cpu"]
    assert manifest["platform"]["cpu"]


def test_every_figure_and_table_is_written_with_its_data(made):
    out = made[0] / "out"
    recipe = RECIPES["jiang2022"]
    for name in recipe.figures:
        assert all((out / "figures" / f"{name}.{suffix}").stat().st_size > 0 for suffix in ("png", "pdf", "svg"))
        assert not pd.read_csv(out / "figures" / f"{name}.csv").empty
    for name in recipe.tables:
        assert "H-SCL, β = 5" in (out / "tables" / f"{name}.md").read_text()
        assert r"\toprule" in (out / "tables" / f"{name}.tex").read_text()


def test_the_page_shows_every_table_and_figure_and_says_what_made_them(made):
    out = made[0] / "out"
    page = (out / "summary.md").read_text()
    assert "4 of 4 encoders; " in page and "- digits, epochs: 2; the authors have 200." in page
    for name in RECIPES["jiang2022"].tables:
        assert (out / "tables" / f"{name}.md").read_text().strip() in page
    for name in RECIPES["jiang2022"].figures:
        assert f"(figures/{name}.png)" in page


def test_the_other_paper_reuses_the_encoders(made, monkeypatch):
    folder = made[0]
    monkeypatch.setattr(queue, "run_trial", None)  # nothing is left to train
    out = reproduce("jiang2024", preset="tiny", out=folder / "sequel", trials=folder / "trials")
    assert {path.stem for path in (out / "figures").glob("*.png")} == {
        "collapse", "spectrum", "mean_over_epochs", "losses_over_epochs",
    }  # fmt: skip
    spectrum = pd.read_csv(out / "figures" / "spectrum.csv")
    assert (spectrum[spectrum["index"] == 1]["mean"] == 1).all() and spectrum["index"].max() == 9
    assert spectrum["mean"].between(0, 1).all()


def test_the_same_results_give_the_same_files(made, tmp_path):
    results = load_results(made[0] / "out")
    save_results(results, tmp_path)
    write_tables(RECIPES["jiang2022"], results, tmp_path)
    write_figures(RECIPES["jiang2022"], results, tmp_path)
    for path in sorted(tmp_path.rglob("*.*")):
        assert path.read_bytes() == (made[0] / "out" / path.relative_to(tmp_path)).read_bytes(), path.name


def test_several_data_sets_and_seeds_are_drawn_side_by_side(made, tmp_path):
    results = load_results(made[0] / "out")

    def doubled(frame: pd.DataFrame) -> pd.DataFrame:
        more = pd.concat([frame, frame.assign(seed=1)])
        return pd.concat([more, more.assign(dataset="stl10")], ignore_index=True)

    many = type(results)(**{name: doubled(frame) for name, frame in vars(results).items()})
    for recipe in RECIPES.values():
        for build in recipe.tables.values():
            table = build(many)
            assert set(table["Data set"]) == {"digits", "STL-10"} and set(table["Seeds"]) == {"2"}
            ours = list(dict.fromkeys(table["Loss"]))
            assert ours in (["UCL", "H-UCL, β = 5", "SCL", "H-SCL, β = 5"], ["H-UCL, β = 5", "H-SCL, β = 5", "SCL"])
    for recipe in RECIPES.values():
        for draw in recipe.figures.values():
            figure, data = draw(many)
            titles = " ".join(ax.get_title() + ax.get_ylabel() for ax in figure.axes)
            assert "STL-10" in titles and "digits" in titles
            assert set(data["dataset"]) == {"digits", "stl10"}


def test_results_without_a_table_are_refused(made, tmp_path):
    results = load_results(made[0] / "out")
    save_results(results, tmp_path)
    (tmp_path / "gaps.csv").unlink()
    with pytest.raises(FileError, match=r"gaps\.csv"):
        load_results(tmp_path)


def test_nothing_finished_and_nothing_to_train_is_an_error(tmp_path):
    with pytest.raises(InputError, match="none of preset tiny is finished"):
        reproduce("jiang2022", preset="tiny", out=tmp_path / "out", trials=tmp_path / "trials", train=False)
    assert not (tmp_path / "out").exists()


def test_the_command_shows_what_is_finished(made, capsys):
    folder = made[0]
    arguments = ["--preset", "tiny", "--out", str(folder / "again"), "--trials", str(folder / "trials"), "--no-train"]
    assert main(["reproduce", "jiang2022", *arguments]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "again")
    assert json.loads((folder / "again" / "run.json").read_text())["command"].startswith("boundcheck reproduce")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["jiang2023"], "jiang2022"), (["jiang2022", "--preset", "tine"], "did you mean 'tiny'")],
)
def test_the_command_suggests_names(arguments, said, capsys):
    assert main(["reproduce", *arguments]) == 2
    assert said in capsys.readouterr().err
