from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import boundcheck as bc
import boundcheck.sweeps.grid
from boundcheck.checkpoints import load_encoder
from boundcheck.embeddings import save_embeddings
from boundcheck.encoders import save_checkpoint, shipped_checkpoint
from boundcheck.errors import BoundcheckError, FileError
from boundcheck.sweeps.subjects import names_of
from tests.sweeps.conftest import clusters

FAST: dict[str, Any] = {"claims": ["scl_le_ucl"], "betas": [1.0], "anchors": 50}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/ucl/encoder.pt", "runs/scl/encoder.pt"], ["ucl", "scl"]),
        (["a/ucl/encoder.pt", "b/ucl/encoder.pt"], ["a/ucl", "b/ucl"]),
        (["x/emb.npz", "x/other.npz"], ["emb", "other"]),
        (["x/emb.npz", "x/./emb.npz", "x/other.npz"], ["emb", "other"]),
        (["x/emb.npz", "emb/encoder.pt"], ["x/emb", None]),
    ],
)
def test_names_tell_paths_apart(paths, names):
    found = list(names_of([Path(path) for path in paths]))
    assert len(found) == len(names) == len(set(found))
    assert all(name is None or name == given for name, given in zip(names, found, strict=True))


def test_a_file_and_its_namesake_of_another_kind():
    assert len(names_of([Path("x/emb.npz"), Path("x/emb.pt")])) == 2


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The shipped encoder, as if it had been trained at another temperature and beta."""
    from dataclasses import replace

    shipped = load_encoder(shipped_checkpoint())
    path = tmp_path / "mine" / "encoder.pt"
    save_checkpoint(path, shipped.encoder, replace(shipped.config, temperature=0.25, beta=3.0))
    return path


@pytest.mark.slow
def test_checkpoints_bring_their_temperature_and_beta(trained):
    sweep = bc.sweep([trained, shipped_checkpoint()], claims=["scl_le_ucl"], anchors=50)
    config, stored = sweep.record.manifest["config"], load_encoder(shipped_checkpoint()).config
    assert config["temperatures"] == tuple(sorted({0.25, stored.temperature}))
    assert set(config["betas"]) == {0.5, 1, 2, 3, 5, 10, stored.beta}
    assert set(sweep.to_frame()["encoder"]) == {"mine", "digits"}
    assert "temperatures include 0.25" in sweep.record.manifest["notes"][0]


@pytest.mark.slow
def test_a_checkpoint_and_its_embeddings_agree(trained, tmp_path, monkeypatch):
    path = tmp_path / "emb.npz"
    save_embeddings(bc.extract(load_encoder(trained), bc.load_dataset("digits")), path)
    torch.save({"z": torch.from_numpy(clusters(1.0).z), "y": torch.arange(60) % 3}, tmp_path / "tensors.pt")
    table = bc.sweep([trained, path, tmp_path / "tensors.pt"], temperatures=[0.5], **FAST).to_frame()
    mine, emb, tensors = (table[table["encoder"] == name].reset_index() for name in ("mine", "emb", "tensors"))
    assert mine["gap"].tolist() == emb["gap"].tolist() != tensors["gap"].tolist()


def test_finished_cells_need_no_embeddings(trained, tmp_path, monkeypatch):
    bc.sweep([trained], temperatures=[0.5], cells=tmp_path / "cells", **FAST)
    monkeypatch.setattr("boundcheck.sweeps.subjects.cached_extract", lambda *_, **__: pytest.fail("encoded again"))
    again = bc.sweep([trained], temperatures=[0.5], cells=tmp_path / "cells", **FAST)
    assert again.record.manifest["cost"]["cells_reused"] == 1
    # the same file name with other weights is another encoder
    checkpoint = load_encoder(trained)
    with torch.no_grad():
        next(checkpoint.encoder.head.parameters()).mul_(1.01)
    save_checkpoint(trained, checkpoint.encoder, checkpoint.config)
    with pytest.raises(pytest.fail.Exception, match="encoded again"):
        bc.sweep([trained], temperatures=[0.5], cells=tmp_path / "cells", **FAST)


def bad(kind: str, folder: Path) -> tuple[Path, str]:
    """A file that cannot be swept, and what the error must say."""
    path = folder / "bad.pt"
    if kind == "damaged":
        path.write_bytes(Path(shipped_checkpoint()).read_bytes()[:1000])
        return path, "bad.pt: cannot be read as a complete torch file"
    if kind == "another size":
        shipped = load_encoder(shipped_checkpoint())
        from dataclasses import replace

        from boundcheck.encoders import build_encoder

        encoder = build_encoder("convnet", in_channels=1, image_size=28, mean=[0.5], std=[0.5])
        config = replace(shipped.config, image_size=28, mean=(0.5,), std=(0.5,), hidden_dim=128, embedding_dim=64)
        save_checkpoint(path, encoder, config)
        return path, "bad.pt: samples: images must be 1 x 28 x 28"
    if kind == "NaN":
        path = folder / "bad.npz"
        np.savez(path, z=np.full((4, 2), np.nan, np.float32), y=np.arange(4))
        return path, "rows must be finite"
    return folder / "absent.pt", "must be an existing file"


@pytest.mark.parametrize("kind", ["damaged", "another size", "NaN", "absent"])
def test_a_bad_file_is_found_before_anything_is_computed(kind, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(boundcheck.sweeps.grid, "verify", lambda *_, **__: pytest.fail("computed"))
    path, message = bad(kind, tmp_path)
    with pytest.raises(BoundcheckError, match=message):
        bc.sweep([trained, path], dataset="digits", temperatures=[0.5], cells=tmp_path / "cells")
    assert not (tmp_path / "cells").exists()


def test_a_checkpoint_written_to_during_the_sweep_ends_it(trained, tmp_path, monkeypatch):
    real = boundcheck.sweeps.grid.subjects_of

    def then_written(*arguments: Any) -> Any:
        subjects = real(*arguments)
        checkpoint = load_encoder(trained)
        with torch.no_grad():
            next(checkpoint.encoder.head.parameters()).mul_(1.01)
        save_checkpoint(trained, checkpoint.encoder, checkpoint.config)
        return subjects

    monkeypatch.setattr(boundcheck.sweeps.grid, "subjects_of", then_written)
    with pytest.raises(FileError, match="changed during the sweep"):
        bc.sweep([trained], temperatures=[0.5], **FAST)
