from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from boundcheck._places import occupied
from boundcheck.checkpoints import load_encoder
from boundcheck.errors import FileError, InputError
from boundcheck.lab.training import train

pytestmark = pytest.mark.slow

# Draws random numbers, changes its rate with every step, and averages two batches: 3 steps an epoch.
RUN = {
    "objective": "sscl", "epochs": 3, "batch_size": 16, "accumulate": 2, "schedule": "cosine", "warmup_epochs": 1,
    "device": "cpu",
}  # fmt: skip

VICTIM = """
import json, os, signal, sys
from pathlib import Path
import torch
from boundcheck.data import load_dataset
from boundcheck.lab.training import train

def die(done, total, unit):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

replace, left = Path.replace, {sys.argv[4]: int(sys.argv[5]) + 1}

def replace_and_die(self, target):
    replace(self, target)
    if Path(target).name in left:
        left[Path(target).name] -= 1
        if left[Path(target).name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

Path.replace = replace_and_die
torch.set_num_threads(1)
few = load_dataset("digits", "train").subset(slice(0, 96))
train(few, out=sys.argv[1], progress=die, **json.loads(sys.argv[2]))
"""


def kill_midway(out: Path, images: int, written: str = "", writing: int = 0, **options) -> None:
    """Starts a training in a process of its own, killed (-9) after that many images, or once a file is written again.

    Args:
        out: its folder.
        images: seen, counting every epoch; -1 for no such kill.
        written: name of the file.
        writing: how many times it was written before.
    """
    command = [sys.executable, "-c", VICTIM, str(out), json.dumps({**RUN, **options}), str(images), written]
    command.append(str(writing))
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(scope="module")
def unbroken(few, tmp_path_factory) -> Path:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    path = train(few, out=tmp_path_factory.mktemp("unbroken"), **RUN)
    torch.set_num_threads(before)
    return path


def test_a_run_killed_within_an_epoch_ends_as_an_unbroken_one(few, unbroken, tmp_path, one_thread):
    kill_midway(tmp_path, 96 + 64, save_every=1)  # in the second step of the second epoch, not yet saved
    assert load_encoder(tmp_path / "encoder.pt").config.epochs == 1
    position = torch.load(tmp_path / "state.pt", weights_only=True)["position"]
    assert (position["epoch"], position["step"], len(position["losses"])) == (1, 1, 1)

    done: list[int] = []
    resumed = train(few, out=tmp_path, resume=True, progress=lambda now, total, unit: done.append(now), **RUN)
    assert done == [160, 192, 224, 256, 288]  # the saved step is not taken again
    assert resumed.read_bytes() == unbroken.read_bytes()
    columns = ["epoch", "batch_loss"]
    again, whole = (pd.read_csv(path.parent / "history.csv")[columns] for path in (resumed, unbroken))
    pd.testing.assert_frame_equal(again, whole, check_exact=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["encoder.pt", "history.csv", "run.json"]


def test_a_run_killed_in_its_first_epoch_starts_again(few, unbroken, tmp_path, one_thread):
    kill_midway(tmp_path, 64)
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]
    assert train(few, out=tmp_path, resume=True, **RUN).read_bytes() == unbroken.read_bytes()


def test_a_kill_while_a_file_is_written_leaves_nothing_behind(few, unbroken, tmp_path, one_thread):
    kill_midway(tmp_path, 96 + 32)
    (tmp_path / ".encoder.pt-0a1b2c3d.part").mkdir()
    (tmp_path / ".encoder.pt-0a1b2c3d.part" / "encoder.pt").write_bytes(b"half")
    assert train(few, out=tmp_path, resume=True, **RUN).read_bytes() == unbroken.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["encoder.pt", "history.csv", "run.json"]


@pytest.mark.parametrize("written", ["state.pt", "encoder.pt", "history.csv", "run.json"])
@pytest.mark.parametrize("writing", [0, 1, 2])
def test_a_run_killed_after_any_file_goes_on(written, writing, few, unbroken, tmp_path, one_thread):
    """Between the checkpoint and the first state a run once could not go on."""
    kill_midway(tmp_path, -1, written=written, writing=writing)
    assert train(few, out=tmp_path, resume=True, **RUN).read_bytes() == unbroken.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["encoder.pt", "history.csv", "run.json"]


def test_two_processes_do_not_train_in_one_folder(few, tmp_path):
    with occupied(tmp_path), pytest.raises(FileError, match="is being written by another process"):
        train(few, out=tmp_path, resume=True, **RUN)


def interrupt(few, out: Path, **options) -> None:
    """A training that stops in its second epoch, and leaves a state."""

    def stop(done: int, total: int, unit: str) -> None:
        if done > total / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(few, out=out, progress=stop, **{**RUN, **options})


def test_a_callback_is_told_of_an_epoch_before_its_state_is_kept(few, tmp_path):
    told = []

    def tell(end) -> None:
        told.append(end.epoch)
        if len(told) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(few, out=tmp_path, save_every=2, callbacks=[tell], **RUN)
    train(few, out=tmp_path, resume=True, callbacks=[tell], **RUN)
    assert told == [1, 1, 2, 3]


def test_a_finished_run_is_left_alone(few, tmp_path):
    path = train(few, out=tmp_path, **RUN)
    before = path.stat().st_mtime_ns
    assert train(few, out=tmp_path, resume=True, callbacks=[lambda end: pytest.fail("trained again")], **RUN) == path
    assert path.stat().st_mtime_ns == before
    with pytest.raises(InputError, match=r"resume: seed must|resume: config.seed must be .* 0, received 1"):
        train(few, out=tmp_path, resume=True, **{**RUN, "seed": 1})


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"learning_rate": 0.01}, "optimizer.learning_rate"),
        ({"epochs": 4}, "epochs"),
        ({"schedule": "constant"}, "schedule.name"),
        ({"beta": 3.0}, "config.beta"),
        ({"options": {"tau_plus": 0.2}}, "options.tau_plus"),
        ({"objective": "hcl"}, "config.objective"),
    ],
)
def test_another_setting_is_refused_by_name(change, name, few, tmp_path):
    interrupt(few, tmp_path)
    state = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(InputError, match=f"resume: {name} must be that of the run"):
        train(few, out=tmp_path, resume=True, **{**RUN, **change})
    assert (tmp_path / "state.pt").read_bytes() == state


def test_other_images_are_refused(few, tmp_path):
    interrupt(few, tmp_path)
    with pytest.raises(InputError, match=r"resume: (config.mean|data.digest) must be that of the run"):
        train(few.subset(slice(None, None, -1)), out=tmp_path, resume=True, **RUN)


def test_a_folder_of_something_else_is_not_resumed(few, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileError, match=r"resume: needs 'state.pt' or an empty folder"):
        train(few, out=tmp_path, resume=True, **RUN)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("content", [b"", b"half a file", None])
def test_a_damaged_state_is_refused(content, few, tmp_path):
    interrupt(few, tmp_path)
    whole = (tmp_path / "state.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(FileError, match=r"resume: needs a complete state.pt"):
        train(few, out=tmp_path, resume=True, **RUN)


def test_overwriting_forgets_the_state_of_the_old_run(few, tmp_path):
    interrupt(few, tmp_path)
    train(few, out=tmp_path, overwrite=True, **{**RUN, "epochs": 2})
    assert not (tmp_path / "state.pt").exists()
