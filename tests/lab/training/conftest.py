import pytest
import torch

from boundcheck.data import ImageSet, load_dataset


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    return load_dataset("digits", "train")


@pytest.fixture(scope="session")
def few(digits: ImageSet) -> ImageSet:
    return digits.subset(slice(0, 96))


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
