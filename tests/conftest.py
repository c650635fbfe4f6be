"""Shape and type checks on every call into the package, and one Hypothesis profile for all tests."""

import os

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings
from jaxtyping import install_import_hook

import tests.typechecker

# Test processes share the cores; waiting for each other's threads makes small tensors a hundred times slower.
torch.set_num_threads(1)

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # kernels run on the CPU; Triton looks when it is imported

# Before anything imports the package: only modules loaded from here on are checked.
install_import_hook(["boundcheck"], f"{tests.typechecker.__name__}.check")

JUDGES = "MISTAKES" in os.environ  # see tests.trust.judging: every test runs many times

settings.register_profile(
    "boundcheck",
    derandomize=True,
    deadline=None,
    max_examples=10 if JUDGES else 40,
    print_blob=True,
    # A mistake put in on purpose needs no smallest example.
    phases=[Phase.explicit, Phase.generate] if JUDGES else tuple(Phase),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("boundcheck")


def pytest_configure(config: pytest.Config) -> None:
    # beartype picks the list items it checks at random, also while Hypothesis builds an embedding set.
    config.addinivalue_line("filterwarnings", "ignore:Do not use the `random` module inside strategies")
