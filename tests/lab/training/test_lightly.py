"""The tracker in lightly's loops, plain and Lightning's, with lightly's own losses, heads and transforms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import boundcheck as bc

pytestmark = pytest.mark.skipif(find_spec("lightly") is None, reason="needs lightly: pip install '.[lightly]'")
SCRIPTS = Path(bc.__file__).parents[1] / "results" / "callbacks"


@pytest.fixture
def lightly(monkeypatch):
    """lightly, importable beside any build of torch."""
    monkeypatch.syspath_prepend(SCRIPTS)
    import operators

    operators.declare()
    import lightly.loss
    import lightly.models.modules

    return lightly


def pairs(n: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Two views of n instances of three classes."""
    labels = torch.arange(n) % 3
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(3, 8, generator=generator)[labels]
    return centres[:, None] + 0.5 * torch.randn(n, 2, 8, generator=generator), labels


def embedded(backbone: nn.Module, head: nn.Module, views: torch.Tensor) -> torch.Tensor:
    """In evaluation mode."""
    with torch.no_grad():
        return head.eval()(backbone.eval()(views.flatten(0, 1))).view(len(views), 2, -1)


def test_a_plain_loop(lightly):
    views, labels = pairs()
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU())
    head = lightly.models.modules.SimCLRProjectionHead(16, 16, 8)
    model, criterion = nn.Sequential(backbone, head), lightly.loss.NTXentLoss(temperature=0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    tracker = bc.Tracker(views, labels, betas=[1])
    for epoch in range(1, 4):
        for _ in range(4):
            optimizer.zero_grad()
            criterion(model(views[:, 0]), model(views[:, 1])).backward()
            optimizer.step()
        tracker(model, epoch)
        assert all(module.training for module in model.modules())
    frame = tracker.to_frame()
    assert frame["epoch"].unique().tolist() == [1, 2, 3]
    expected = bc.estimate(bc.EmbeddingSet(embedded(backbone, head, views), labels), betas=[1]).to_frame()
    np.testing.assert_allclose(frame.query("epoch == 3")["estimate"], expected["estimate"], rtol=1e-5)


def test_its_lightning_modules(lightly):
    """Forward is the backbone's there; `embed` names the head. lightly builds on pytorch_lightning."""
    import pytorch_lightning

    views, labels = pairs()

    class SimCLR(pytorch_lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU())
            self.projection_head = lightly.models.modules.SimCLRProjectionHead(16, 16, 8)
            self.criterion = lightly.loss.NTXentLoss()

        def forward(self, x):
            return self.backbone(x)

        def training_step(self, batch, index):
            return self.criterion(*(self.projection_head(self(batch[0][:, view])) for view in (0, 1)))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05)

    torch.manual_seed(0)
    tracker = bc.Tracker(views, labels, betas=[1], embed=lambda module, x: module.projection_head(module(x)))
    trainer = pytorch_lightning.Trainer(
        max_epochs=2, callbacks=[bc.lightning_callback(tracker)], accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    module = SimCLR()
    trainer.fit(module, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(views), batch_size=20))
    frame = tracker.to_frame()
    assert frame["epoch"].unique().tolist() == [0, 1, 2]
    z = embedded(module.backbone, module.projection_head, views)
    expected = bc.estimate(bc.EmbeddingSet(z, labels), betas=[1]).to_frame()
    np.testing.assert_allclose(frame.query("epoch == 2")["estimate"], expected["estimate"], rtol=1e-5)


def test_the_run_of_the_results_can_be_made(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, str(SCRIPTS / "with_lightly.py"), "--images", "256", "--held-out", "60", "--epochs", "1"]
    path = os.pathsep.join(filter(None, (str(SCRIPTS.parents[1]), os.environ.get("PYTHONPATH"))))
    subprocess.run([*command, "--out", str(out)], check=True, env=os.environ | {"PYTHONPATH": path})
    assert pd.read_csv(out / "tracking.csv").groupby("epoch").size().to_dict() == {0: 6, 1: 6}
    assert len(json.loads((out / "run.json").read_text())["batch_losses"]) == 1
