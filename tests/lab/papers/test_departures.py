"""Departures are read from settings and runs, none is written by hand."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from boundcheck.augment import IDENTITY, ViewRecipe, recipe_for
from boundcheck.lab.papers import RECIPES
from boundcheck.lab.papers.departures import departures
from boundcheck.lab.papers.presets import Preset


def run(dataset: str, recipe: ViewRecipe) -> dict[str, object]:
    return {"data": {"dataset": dataset}, "recipe": asdict(recipe)}


@pytest.mark.parametrize("name", RECIPES)
def test_the_paper_presets_depart_in_nothing(name):
    paper = RECIPES[name].presets["paper"]
    runs = [run(training.dataset, ViewRecipe()) for training in paper.trainings]
    assert departures(paper, paper, runs) == ["None of the settings departs from the authors' code."]


@pytest.mark.parametrize("name", RECIPES)
def test_small_presets_depart_in_size_and_images(name):
    presets = RECIPES[name].presets
    found = departures(presets["cpu"], presets["paper"], [run("fashion_mnist", recipe_for(1, 28, "fashion_mnist"))])
    text = " ".join(found)
    assert found[0].startswith("Images: Fashion-MNIST; the authors have CIFAR-10 or CIFAR-100")
    assert "encoder: convnet; the authors have resnet50." in text
    assert "training images: 2,000; the authors have all." in text
    assert "crop scale 0.3 to 1 (0.08 to 1)" in text and "grey 0 (0.2)" in text
    for setting in ("temperature", "Q", "views", "negatives", "ball", "anchor among", "average", "positives", "width"):
        assert f", {setting}" not in text, "the recipe is the same"


CHANGES = {
    "temperature": (0.1, "temperature: 0.1; the authors have 0.5."),
    "n_views": (1, "views of an image: 1; the authors have 2."),
    "views_apart": (False, "views passed apart: no; the authors have yes."),
    "unit_ball": (True, "embeddings in the unit ball: yes; the authors have no."),
    "average": ("anchors", "average over: anchors; the authors have pairs."),
    "q": (1.0, "Q: 1; the authors have the negatives of the batch."),
    "drawn": (64, "negatives drawn: 64; the authors have 0."),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_that_differs_is_named(name):
    value, sentence = CHANGES[name]
    paper = RECIPES["jiang2022"].presets["paper"]
    one = Preset((replace(paper.trainings[0], **{name: value}),), paper.betas, 1)
    assert departures(one, paper, []) == [f"CIFAR-10, {sentence}"]


def test_hardnesses_left_out_are_named():
    paper = RECIPES["jiang2022"].presets["paper"]
    assert departures(replace(paper, betas=(1.0, 5.0)), paper, [])[-1] == "Hardnesses left out: 0.1, 0.25, 0.5, 2."


def test_runs_without_augmentation_do_not_depart_in_it():
    paper = RECIPES["jiang2024"].presets["paper"]
    assert len(departures(paper, paper, [run("cifar10", IDENTITY)])) == 1
