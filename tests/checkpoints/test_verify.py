"""Every layout goes through `boundcheck verify` in a shell; the losses are those of a network written for the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import boundcheck as bc
from tests.checkpoints import layouts
from tests.checkpoints.test_formats import LAYOUTS

CLASSES, EACH, SIDE = ("a", "b", "c"), 8, 32


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """A folder of pictures, each class around a colour of its own, and their pixels in the order of the reader."""
    root, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    pixels = []
    for name in CLASSES:
        (root / name).mkdir()
        colour = draw.integers(40, 216, 3)
        for i in range(EACH):
            image = np.clip(colour + draw.normal(0, 40, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(image).save(root / name / f"{i}.png")
            pixels.append(image.transpose(2, 0, 1))
    return root, np.stack(pixels)


def arguments(written: layouts.Written, root: Path, out: Path) -> list[str]:
    """The command, one view: the pictures themselves."""
    return [
        "verify", "--checkpoint", str(written.path), "--dataset", str(root), "--views", "1", "--betas", "1",
        "--claims", "hscl_le_hucl,scl_le_ucl", "--no-null", "--no-cache", "--fail-on", "never", "--quiet",
        "--out", str(out),
    ]  # fmt: skip


def agrees(out: Path, written: layouts.Written, pixels: np.ndarray) -> None:
    """The saved losses are those of the reference's embeddings, at the temperature of the code base."""
    losses, manifest = pd.read_csv(out / "losses.csv"), json.loads((out / "run.json").read_text())
    temperature = written.temperature or 0.5
    assert set(losses["temperature"]) == {temperature}
    assert manifest["checkpoint"]["path"] == written.path.name
    with torch.no_grad():
        z = written.reference(torch.from_numpy(pixels) / 255)[1]
    expected = bc.estimate(
        bc.EmbeddingSet(z, np.repeat(np.arange(len(CLASSES)), EACH)), temperature=temperature, betas=[1]
    ).to_frame()
    found = losses[losses["loss"].isin(["ucl", "scl"]) | (losses["beta"] == 1)]
    assert list(found["loss"]) == list(expected["loss"])
    np.testing.assert_allclose(found["estimate"], expected["estimate"], atol=2e-5)


@pytest.mark.study
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_goes_through_the_shell(layout, pictures, tmp_path):
    root, pixels = pictures
    written = LAYOUTS[layout](tmp_path)
    command = [sys.executable, "-m", "boundcheck", *arguments(written, root, tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"BOUNDCHECK_DATA": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    agrees(tmp_path / "run", written, pixels)
