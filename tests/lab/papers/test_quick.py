"""`boundcheck reproduce jiang2022 --preset quick` from nothing, its trainings cut down to seconds."""

from __future__ import annotations

import os
from dataclasses import replace

import pandas as pd
import pytest

import boundcheck.lab.papers as package
from boundcheck.cli import main
from boundcheck.data import DATASETS, load_from
from boundcheck.errors import DataMissingError
from boundcheck.lab.papers import RECIPES


@pytest.mark.slow
def test_the_quick_preset_works_from_nothing(tmp_path, monkeypatch, capsys):
    try:
        load_from(DATASETS["fashion_mnist"], "test", download=False)
    except DataMissingError as error:
        if os.environ.get("BOUNDCHECK_REQUIRE_FASHION_MNIST") == "1":
            raise
        pytest.skip(str(error))
    quick = RECIPES["jiang2022"].presets["quick"]
    short = replace(
        quick,
        trainings=tuple(
            replace(
                training,
                images=150,
                epochs=2,
                batch_size=50,
                held_out=50,
                track_every=1,
                tracked_betas=(1.0,),
                objectives=("ucl", "scl", "hucl", "hscl"),
            )
            for training in quick.trainings
        ),
        seeds=1,
        betas=(1.0,),
    )
    recipe = replace(RECIPES["jiang2022"], presets={"quick": short})
    monkeypatch.setattr(package, "RECIPES", {"jiang2022": recipe})
    monkeypatch.chdir(tmp_path)

    assert main(["reproduce", "jiang2022", "--device", "cpu", "--quiet"]) == 0
    out = tmp_path / "results" / "jiang2022-quick"
    assert capsys.readouterr().out.strip() == "results/jiang2022-quick"
    assert set(pd.read_csv(out / "accuracy.csv")["dataset"]) == {"fashion_mnist", "digits"}
    assert {path.stem for path in (out / "figures").glob("*.png")} == set(recipe.figures)
    assert {path.stem for path in (out / "tables").glob("*.md")} == set(recipe.tables)
    page = (out / "summary.md").read_text()
    assert "8 of 8 encoders" in page and "Fashion-MNIST, H-SCL against SCL" in page and "digits, H-SCL" in page
    assert not list(out.rglob("*.part*"))
