"""What `verify` says of the loss that an encoder was trained with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from boundcheck.cli import main
from boundcheck.data import load_dataset
from boundcheck.lab.training import train


@pytest.mark.slow
def test_verify_names_the_limit_of_the_training_objective_and_estimates_it_when_asked(tmp_path, capsys):
    few = load_dataset("digits", "train").subset(slice(0, 96))
    path = train(few, objective="nscl", out=tmp_path / "run", epochs=1, batch_size=32, device="cpu")
    arguments = ["verify", "--checkpoint", str(path), "--dataset", "digits", "--betas", "1", "--claims", "scl_le_ucl"]
    assert main([*arguments, "--quiet", "--fail-on", "never", "--out", str(tmp_path / "first")]) == 0
    said = capsys.readouterr().out
    assert "trained with nscl, augmentation positives: its limit for many negatives is scl" in said
    assert "not estimated here, ask for it with --q inf" in said

    assert main([*arguments, "--q", "1,inf", "--quiet", "--fail-on", "never", "--out", str(tmp_path / "second")]) == 0
    assert "it is among the losses here" in capsys.readouterr().out
    losses = pd.read_csv(tmp_path / "second" / "losses.csv")
    assert float("inf") in set(losses.loc[losses["loss"] == "scl", "q"])


@pytest.mark.slow
def test_nothing_is_said_where_the_objective_is_not_known(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "emb.npz", z=rng.standard_normal((60, 2, 4)), y=np.arange(60) % 3)
    main(["verify", "--embeddings", str(tmp_path / "emb.npz"), "--quiet", "--out", str(tmp_path / "out")])
    assert "trained with" not in capsys.readouterr().out
