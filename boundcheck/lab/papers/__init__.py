"""Published experiments again, from training to figures: one recipe per paper, in sizes from minutes to GPU days."""

from __future__ import annotations

from pathlib import Path

from boundcheck.data import Progress
from boundcheck.options import one_of

from . import jiang2022, jiang2024
from .driver import run_recipe
from .queue import Said
from .recipe import Recipe
from .results import Results, load_results

RECIPES: dict[str, Recipe] = {recipe.id: recipe for recipe in (jiang2022.RECIPE, jiang2024.RECIPE)}


def reproduce(
    name: str,
    *,
    preset: str = "quick",
    out: Path | None = None,
    trials: Path = Path("runs/trials"),
    train: bool = True,
    data_dir: Path | None = None,
    device: str = "auto",
    command: str | None = None,
    say: Said | None = None,
    progress: Progress | None = None,
) -> Path:
    """Trains what a paper trains, at some size, and writes its tables and figures.

    Work that is finished is not done again: trials keep their files in `trials`, where other recipes with the
    same settings find them too, and a trial that was interrupted goes on from its last epoch. Several processes may
    work on the same trials at once. A trial whose training diverges is recorded, and named under every table.

    Args:
        name: a name in `RECIPES`.
        preset: a size: `quick` (minutes, 2 CPU cores), `cpu` (hours) or `paper` (the authors' settings, a GPU).
        out: folder of the results; None for results/NAME-PRESET.
        trials: folder of encoders and their measurements.
        train: whether missing trials are trained; otherwise the finished ones are put together as they are.
        data_dir: folder of data sets to look in first and to download to.
        device: one of `auto`, `cpu`, `cuda`, `mps`.
        command: the command line to record.
        say: told in words what is being done.
        progress: called with (done, total, unit).

    Returns:
        The folder of the results.

    Raises:
        InputError: a name is unknown.
        DataMissingError: a data set is not here.
        FileError: a folder cannot be written.
    """
    one_of("name", name, RECIPES)
    recipe = RECIPES[name]
    one_of("preset", preset, recipe.presets)
    place = out or Path("results") / f"{name}-{preset}"
    return run_recipe(recipe, preset, place, trials, train, data_dir, device, command, say, progress)


__all__ = ["RECIPES", "Recipe", "Results", "load_results", "reproduce"]
