import os

import pytest
import torch

from boundcheck.cli import main, ranks
from boundcheck.errors import InputError, LostRankError
from boundcheck.ranks import Ranks, cores, join_ranks, meeting


@pytest.fixture
def second_of_two(monkeypatch):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)


def test_a_mistake_is_told_once(second_of_two, monkeypatch, capsys):
    wrong = ["verify", "--betas", "-1"]
    assert main(wrong) == 2 and capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    assert main(wrong) == 2 and len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("given", ["soon", "0", "-3", ""])
def test_a_wrong_time_out_is_refused(given, second_of_two, monkeypatch):
    monkeypatch.setenv("BOUNDCHECK_TIMEOUT", given)
    with pytest.raises(InputError, match=f"BOUNDCHECK_TIMEOUT: expected whole seconds > 0, received '{given}'"):
        join_ranks(torch.device("cpu"))


def test_a_device_that_processes_cannot_share_is_refused(second_of_two):
    with pytest.raises(InputError, match="several processes need cpu or cuda"):
        join_ranks(torch.device("mps"))


def test_processes_of_a_machine_share_its_cores(second_of_two, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == 4
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "20")
    assert cores() == 1
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    assert cores() == 8


def break_off(ranks: Ranks) -> None:
    raise KeyboardInterrupt


def test_after_a_call_that_broke_off_nothing_more_is_said(monkeypatch):
    """The others wait for each other in the middle of it, not for the first."""
    said: list[object] = []
    monkeypatch.setattr(Ranks, "_tell", lambda self, message: said.append(message))
    two = Ranks(0, 2, torch.device("cpu"))
    with pytest.raises(KeyboardInterrupt), ranks.leading(two):
        two.call(break_off)
    assert len(said) == 1
    with pytest.raises(InputError), ranks.leading(Ranks(0, 2, torch.device("cpu"))):
        raise InputError("a mistake of the user's")
    assert said[1:] == [None], "the others are let go"


@pytest.mark.parametrize(
    ("error", "said"), [("Connection closed by peer", "is gone"), ("Timed out waiting 5000ms", "did not answer within")]
)
def test_failed_communication_is_a_lost_process(error, said):
    with pytest.raises(LostRankError, match=said), meeting():
        raise RuntimeError(error)
