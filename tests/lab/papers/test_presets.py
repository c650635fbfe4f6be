from dataclasses import asdict, fields, replace

import pytest

from boundcheck.data import DATASETS
from boundcheck.encoders import ENCODERS
from boundcheck.lab.papers import RECIPES
from boundcheck.lab.papers.presets import Preset, Training

PRESETS = [(recipe.id, name) for recipe in RECIPES.values() for name in recipe.presets]
CHANGES = {
    "dataset": "digits", "arch": "resnet18", "epochs": 3, "images": 10, "batch_size": 8, "temperature": 0.1,
    "learning_rate": 0.1, "weight_decay": 0.1, "n_views": 1, "augment": False, "views_apart": False,
    "embedding_dim": 9, "unit_ball": True, "positives": "class", "q": 1.0, "average": "anchors", "keep_anchor": True,
    "drawn": 256, "held_out": 5, "track_every": 2, "tracked_betas": (3.0,),
}  # fmt: skip


@pytest.mark.parametrize(("recipe", "name"), PRESETS)
def test_every_preset_can_be_trained(recipe, name):
    preset = RECIPES[recipe].presets[name]
    assert {training.dataset for training in preset.trainings} <= set(DATASETS)
    assert {training.arch for training in preset.trainings} <= set(ENCODERS)
    # losses are measured at every hardness that encoders are trained with, or there would be no curve to draw
    assert all(set(preset.betas) <= set(training.tracked_betas) for training in preset.trainings)
    keys = [trial.key for trial in preset.trials()]
    encoders = [1 if name in ("ucl", "scl") else len(preset.betas) for t in preset.trainings for name in t.objectives]
    assert len(set(keys)) == len(keys) == preset.seeds * sum(encoders)
    assert {"ucl", "hucl", "scl", "hscl"} <= {trial.objective for trial in preset.trials()}


def test_trials_go_seed_by_seed():
    objectives = ("ucl", "scl", "hucl", "hscl")
    preset = Preset((Training("digits", "convnet", 1, objectives=objectives),), betas=(1.0, 5.0), seeds=2)
    trials = [(trial.seed, trial.objective, trial.beta) for trial in preset.trials()]
    one_seed = [("ucl", None), ("scl", None), ("hucl", 1.0), ("hucl", 5.0), ("hscl", 1.0), ("hscl", 5.0)]
    assert trials == [(seed, *rest) for seed in (0, 1) for rest in one_seed]


def test_the_folder_of_a_trial_follows_every_setting():
    training = Training("fashion_mnist", "convnet", 1)
    assert set(CHANGES) == {field.name for field in fields(Training)} - {"objectives"}
    keys = {replace(training, **{name: value}).key for name, value in CHANGES.items()}
    assert len(keys | {training.key}) == len(CHANGES) + 1
    assert training.key == Training("fashion_mnist", "convnet", 1).key


def test_the_folder_does_not_follow_what_else_is_trained():
    training = Training("fashion_mnist", "convnet", 1)
    assert replace(training, objectives=("scl",)).key == training.key


SIZE = {"dataset", "arch", "epochs", "images", "batch_size", "held_out", "track_every", "tracked_betas"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_small_presets_are_the_same_recipe(recipe):
    presets = RECIPES[recipe].presets
    paper = {training.objectives: training for training in presets["paper"].trainings}
    for name in ("quick", "cpu"):
        for training in presets[name].trainings:
            authors = asdict(paper[training.objectives])
            own = {key: value for key, value in asdict(training).items() if key not in SIZE}
            follows = {"embedding_dim"} if training.unit_ball else set()
            assert {key for key, value in own.items() if value != authors[key]} <= follows, name


@pytest.mark.parametrize("name", ["quick", "cpu", "paper"])
def test_the_ball_has_one_dimension_fewer_than_classes(name):
    classes = {"fashion_mnist": 10, "digits": 10, "cifar10": 10, "cifar100": 100, "tiny_imagenet": 200}
    for training in RECIPES["jiang2024"].presets[name].trainings:
        assert training.embedding_dim == classes[training.dataset] - 1


def test_the_authors_settings():
    """As their code has them: H-SCL main.py; HCL main/SCL and main/UCL, train_mean_classifier.py."""
    first = RECIPES["jiang2022"].presets["paper"].trainings[0]
    assert (first.arch, first.batch_size, first.temperature, first.epochs) == ("resnet50", 256, 0.5, 200)
    assert (first.n_views, first.augment, first.views_apart, first.average) == (2, True, True, "pairs")
    assert (first.learning_rate, first.weight_decay, first.measured_q) == (1e-3, 1e-6, 510)
    supervised, unsupervised = RECIPES["jiang2024"].presets["paper"].trainings[2:4]
    for training, augment, decay in ((supervised, False, 0.0), (unsupervised, True, 1e-6)):
        assert (training.dataset, training.embedding_dim, training.unit_ball) == ("cifar100", 99, True)
        assert (training.temperature, training.q, training.drawn, training.keep_anchor) == (1.0, 1.0, 256, True)
        assert (training.n_views, training.positives, training.batch_size, training.epochs) == (1, "class", 512, 400)
        assert (training.augment, training.weight_decay) == (augment, decay)


def test_gradients_go_through_the_weights_unless_detached_or_drawn():
    through = {}
    for recipe in RECIPES.values():
        for trial in recipe.presets["cpu"].trials():
            through[recipe.id, trial.objective] = trial.loss, trial.weight_gradient
    assert through["jiang2022", "hscl"] == ("hscl", True)
    assert through["jiang2022", "hscl_detached"] == ("hscl", False)
    assert through["jiang2022", "hucl"] == ("hucl", True)
    assert through["jiang2024", "hscl"] == ("hscl", False)
