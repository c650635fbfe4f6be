"""Where a preset departs from the authors' code, read from settings and from what the runs recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from boundcheck.augment import IDENTITY, ViewRecipe

from .presets import Preset, Training
from .wording import dataset_name, objective_name

_NAMES = {
    "arch": "encoder", "epochs": "epochs", "images": "training images", "batch_size": "images in a batch",
    "temperature": "temperature", "learning_rate": "learning rate", "weight_decay": "weight decay",
    "n_views": "views of an image", "augment": "views augmented", "views_apart": "views passed apart",
    "embedding_dim": "width of the embedding", "unit_ball": "embeddings in the unit ball", "positives": "positives",
    "q": "Q", "average": "average over", "keep_anchor": "anchor among its positives", "drawn": "negatives drawn",
}  # fmt: skip
_NOTHING = {"images": "all", "embedding_dim": "the encoder's own", "q": "the negatives of the batch"}
_OURS = {"dataset", "held_out", "track_every", "tracked_betas", "objectives"}  # what is measured, not how it is trained


def departures(preset: Preset, paper: Preset, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for everything in which a preset is not the authors' recipe.

    Args:
        preset: what is trained.
        paper: the recipe's preset with the authors' settings.
        runs: `run.json` of the finished encoders.

    Returns:
        The sentences; one that says so where nothing departs.
    """
    known = {training.dataset for training in paper.trainings}
    found = []
    for dataset in dict.fromkeys(training.dataset for training in preset.trainings):
        if dataset not in known:
            ours = " or ".join(map(dataset_name, sorted(known)))
            found.append(f"Images: {dataset_name(dataset)}; the authors have {ours}.")
        found += _of_dataset([training for training in preset.trainings if training.dataset == dataset], paper)
        found += _views([run for run in runs if run["data"]["dataset"] == dataset], dataset)
    missing = [beta for beta in paper.betas if beta not in preset.betas]
    if missing:
        found.append(f"Hardnesses left out: {', '.join(f'{beta:g}' for beta in missing)}.")
    return list(dict.fromkeys(found)) or ["None of the settings departs from the authors' code."]


def _counterpart(training: Training, paper: Preset) -> Training:
    """The authors' settings for the same objectives; those of the same data set where there are some."""
    same = [other for other in paper.trainings if set(training.objectives) & set(other.objectives)]
    return next((other for other in same if other.dataset == training.dataset), same[0])


def _of_dataset(trainings: Sequence[Training], paper: Preset) -> Iterator[str]:
    """The settings that differ, with the objectives that they differ for, where that is not all of them."""
    differ = {training: list(_settings(training, _counterpart(training, paper))) for training in trainings}
    for sentence in dict.fromkeys(sentence for own in differ.values() for sentence in own):
        whose = [training for training, own in differ.items() if sentence in own]
        place = dataset_name(trainings[0].dataset)
        if len(whose) < len(trainings):
            names = [objective_name(name) for training in whose for name in training.objectives]
            place = f"{place} ({', '.join(names)})"
        yield f"{place}, {sentence}"


def _settings(training: Training, authors: Training) -> Iterator[str]:
    own, theirs = asdict(training), asdict(authors)
    assert set(own) - _OURS == set(_NAMES), "every setting has a name, or is ours"
    # C - 1 dimensions are C - 1 dimensions, whatever C is
    follows = {"embedding_dim"} if training.dataset != authors.dataset and authors.embedding_dim else set()
    for name, words in _NAMES.items():
        if name not in follows and own[name] != theirs[name]:
            yield f"{words}: {_value(own[name], name)}; the authors have {_value(theirs[name], name)}."


def _views(runs: Sequence[Mapping[str, Any]], dataset: str) -> Iterator[str]:
    """Augmentations that are weaker than the authors', of the runs that augment."""
    recipes = [run["recipe"] for run in runs]
    plain = _listed(asdict(IDENTITY))
    recipe = next((recipe for recipe in recipes if _listed(recipe) != plain), None)
    if recipe is None:
        return
    theirs = _listed(asdict(ViewRecipe()))
    changes = [
        f"{name.replace('_', ' ')} {_value(value)} ({_value(theirs[name])})"
        for name, value in _listed(recipe).items()
        if value != theirs[name]
    ]
    if changes:
        yield f"{dataset_name(dataset)}, augmentation, with the authors' in brackets: {', '.join(changes)}."


def _listed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Without the difference of tuples and JSON's lists."""
    return {name: list(value) if isinstance(value, tuple | list) else value for name, value in recipe.items()}


def _value(value: object, name: str = "") -> str:
    if value is None:
        return _NOTHING[name]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(f"{part:g}" for part in value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
