"""Command lines for several processes: a program that runs them one after another, with few images in a piece."""

from __future__ import annotations

import json
import os
import signal
import sys

import torch

import boundcheck.sharded_extraction
from boundcheck.cli import main
from boundcheck.ranks import Ranks

PIECE = 128


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang(*_: object) -> None:
    signal.pause()


if __name__ == "__main__":
    commands, how = json.loads(sys.argv[1]), {"die": die, "hang": hang}.get(sys.argv[2])
    torch.set_num_threads(1)
    boundcheck.sharded_extraction.PIECE = PIECE
    if how is not None and os.environ["RANK"] == "1":
        Ranks.gather_on_first = how  # type: ignore[assignment]
    code = max(main(command) for command in commands)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
