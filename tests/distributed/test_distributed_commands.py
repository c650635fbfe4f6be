import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import boundcheck.sharded_extraction
from boundcheck.cache import extraction_key
from boundcheck.checkpoints import load_encoder
from boundcheck.cli import main
from boundcheck.data import load_dataset
from boundcheck.embeddings import load_embeddings
from boundcheck.encoders import shipped_checkpoint
from boundcheck.errors import InputError
from boundcheck.extraction import extract
from boundcheck.ranks import Ranks
from boundcheck.sharded_extraction import extract_sharded
from tests.distributed.commands import PIECE
from tests.distributed.launch import each_by_itself, torchrun

pytestmark = pytest.mark.slow

QUICK = ["--claims", "hscl_le_hucl,ucl_minus_nscl", "--betas", "1", "--quiet"]
NUMBERS = ["lhs", "rhs", "gap", "se", "p_value", "share_holding"]


def commands(out: Path, embeddings: Path) -> list[list[str]]:
    """An encoder's embeddings, its verification, and a sweep of three cells, into a folder."""
    return [
        ["embed", "--out", str(out / "emb.npz"), "--quiet"],
        ["verify", "--no-cache", "--format", "json", "--out", str(out / "run"), *QUICK],
        ["sweep", str(embeddings), "--temperatures", "0.4,0.6,0.8", "--out", str(out / "sweep"), *QUICK],
    ]


def test_commands_on_two_ranks_equal_those_on_one(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "small.npz", z=rng.standard_normal((30, 2, 4)), y=np.arange(30) % 3)
    alone, together = tmp_path / "alone", tmp_path / "together"
    lines = json.dumps(commands(together, tmp_path / "small.npz"))
    done = torchrun(2, "tests.distributed.commands", lines, "-", BOUNDCHECK_DATA=str(together / "data"))
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("BOUNDCHECK_DATA", str(alone / "data"))
    assert [main(command) for command in commands(alone, tmp_path / "small.npz")] == [0, 0, 0]

    one, two = (load_embeddings(folder / "emb.npz") for folder in (alone, together))
    np.testing.assert_allclose(two.z, one.z, atol=1e-6)
    assert dict(two.meta) == dict(one.meta) and two.ids.tolist() == one.ids.tolist()
    for table in ("run/claims.csv", "sweep/sweep.csv"):
        one_claims, two_claims = (pd.read_csv(folder / table) for folder in (alone, together))
        assert two_claims.verdict.tolist() == one_claims.verdict.tolist()
        np.testing.assert_allclose(two_claims[NUMBERS], one_claims[NUMBERS], atol=1e-6)
    cost = json.loads((together / "sweep" / "run.json").read_text())["cost"]
    assert cost["cells_computed"] == 3 and cost["cells_reused"] == 0
    assert len(list((together / "data" / "embeddings").glob("*.npz"))) == 1, "finished pieces are removed"

    document = done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1]
    assert json.loads(document)["manifest"]["processes"] == 2, "the first rank alone prints"
    assert "boundcheck: error" not in done.stderr


@pytest.mark.parametrize(
    ("how", "said"), [("die", "another process is gone"), ("hang", "did not answer within 5 s (BOUNDCHECK_TIMEOUT)")]
)
def test_a_lost_rank_ends_the_run_with_one_line(how, said, tmp_path, monkeypatch):
    """The second rank is lost when it has encoded its share."""
    data = tmp_path / "data"
    command = ["verify", "--out", str(tmp_path / "run"), "--quiet"]
    ranks = each_by_itself(
        "tests.distributed.commands", json.dumps([command]), how, BOUNDCHECK_DATA=str(data), BOUNDCHECK_TIMEOUT="5"
    )
    out, err = ranks[0].communicate()
    ranks[1].kill()
    ranks[1].communicate()
    lines = [line for line in err.splitlines() if line.startswith("boundcheck:")]
    assert ranks[0].returncode == 3 and out == ""
    assert len(lines) == 1 and said in lines[0] and "Traceback" not in err, err
    assert not (tmp_path / "run").exists()

    # Both shares were kept: the same run again, on one rank, encodes nothing.
    monkeypatch.setenv("BOUNDCHECK_DATA", str(data))
    monkeypatch.setattr(boundcheck.sharded_extraction, "PIECE", PIECE)
    checkpoint, images = load_encoder(shipped_checkpoint()), load_dataset("digits", "test")
    assert len(list((data / "embeddings").glob("*.npz"))) == -(-len(images) // PIECE) >= 2

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(boundcheck.sharded_extraction, "encode_span", refuse)
    options = {"views": 2, "seed": 0, "device": "auto", "output": "embedding"}
    key = extraction_key(checkpoint, images, **options)
    alone = Ranks(0, 1, torch.device("cpu"))
    again = extract_sharded(alone, checkpoint, images, key=key, keep=True, batch_size=None, progress=None, **options)
    np.testing.assert_allclose(again.z, extract(checkpoint, images).z, atol=1e-6)
    assert not list((data / "embeddings").glob("*.npz"))


def test_other_images_on_another_machine_are_refused(tmp_path, monkeypatch):
    checkpoint, images = load_encoder(shipped_checkpoint()), load_dataset("digits", "test")
    options = {"views": 2, "seed": 0, "device": "cpu", "output": "embedding"}
    with pytest.raises(InputError, match="received others on rank 1"):
        extract_sharded(
            Ranks(1, 2, torch.device("cpu")), checkpoint, images, key="the first one's", keep=False,
            batch_size=None, progress=None, **options,
        )  # fmt: skip
