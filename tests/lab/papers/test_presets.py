from dataclasses import fields, replace

import pytest

from boundcheck.data import DATASETS
from boundcheck.encoders import ENCODERS
from boundcheck.lab.papers import RECIPES
from boundcheck.lab.papers.presets import Preset, Training

PRESETS = [(recipe.id, name) for recipe in RECIPES.values() for name in recipe.presets]
CHANGES = {
    "dataset": "digits", "arch": "resnet18", "epochs": 3, "images": 10, "batch_size": 8, "temperature": 0.1,
    "learning_rate": 0.1, "weight_decay": 0.1, "held_out": 5, "track_every": 2, "tracked_betas": (3.0,),
}  # fmt: skip


@pytest.mark.parametrize(("recipe", "name"), PRESETS)
def test_every_preset_can_be_trained_and_says_where_it_departs(recipe, name):
    preset = RECIPES[recipe].presets[name]
    assert {training.dataset for training in preset.trainings} <= set(DATASETS)
    assert {training.arch for training in preset.trainings} <= set(ENCODERS)
    assert preset.deviations
    # losses are measured at every hardness that encoders are trained with, or there would be no curve to draw
    assert all(set(preset.betas) <= set(training.tracked_betas) for training in preset.trainings)
    keys = [trial.key for trial in preset.trials()]
    assert len(set(keys)) == len(keys) == len(preset.trainings) * preset.seeds * (2 + 2 * len(preset.betas))


def test_trials_go_seed_by_seed():
    preset = Preset((Training("digits", "convnet", 1),), betas=(1.0, 5.0), seeds=2, deviations=())
    trials = [(trial.seed, trial.objective, trial.beta) for trial in preset.trials()]
    one_seed = [("ucl", None), ("scl", None), ("hucl", 1.0), ("hucl", 5.0), ("hscl", 1.0), ("hscl", 5.0)]
    assert trials == [(seed, *rest) for seed in (0, 1) for rest in one_seed]


def test_the_folder_of_a_trial_follows_every_setting():
    training = Training("fashion_mnist", "convnet", 1)
    assert set(CHANGES) == {field.name for field in fields(Training)}
    keys = {replace(training, **{name: value}).key for name, value in CHANGES.items()}
    assert len(keys | {training.key}) == len(CHANGES) + 1
    assert training.key == Training("fashion_mnist", "convnet", 1).key


def test_small_sizes_of_both_papers_share_their_encoders():
    for name in ("quick", "cpu"):
        keys = [{trial.key for trial in recipe.presets[name].trials()} for recipe in RECIPES.values()]
        assert keys[0] == keys[1]
