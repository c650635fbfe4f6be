"""Finding, downloading, checking and unpacking, against a real web server on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layouts import CIFAR10_NAMES, cifar10_binary, idx_gz, md5, pixels, tar_gz, tiny_imagenet, zipped

import boundcheck.data.fetch
from boundcheck.data import DATASETS, Remote, Source, describe_datasets, load_dataset, load_from
from boundcheck.errors import DataMissingError, FileError, InputError

CIFAR10 = DATASETS["cifar10"]


def files_below(path: Path) -> list[str]:
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()) if path.exists() else []


def served(web, tmp_path: Path, filename: str = "cifar-10-binary.tar.gz") -> Source:
    """CIFAR-10 with a small archive on the loopback server as its only address."""
    archive = tar_gz(cifar10_binary(tmp_path / "made"), web.root / filename)
    return replace(CIFAR10, remotes=(Remote(web.url + filename, "cifar-10-binary.tar.gz", md5(archive)),))


def test_download_unpack_and_use_again(web, tmp_path: Path, cache: Path) -> None:
    source = served(web, tmp_path)
    told: list[tuple[int, int, str]] = []
    first = load_from(source, "test", progress=lambda *call: told.append(call))
    assert first.images.shape == (7, 3, 32, 32) and first.classes == tuple(CIFAR10_NAMES)
    size = (web.root / "cifar-10-binary.tar.gz").stat().st_size
    assert told[-1] == (size, size, "bytes")
    (web.root / "cifar-10-binary.tar.gz").unlink()
    assert load_from(source, "test", download=False).digest == first.digest
    assert not [name for name in files_below(cache) if "part" in name or "unpack" in name]


def test_data_dir_comes_before_the_cache(web, tmp_path: Path, cache: Path) -> None:
    load_from(served(web, tmp_path), "train", data_dir=tmp_path / "mine")
    assert (tmp_path / "mine" / "cifar10" / "cifar-10-batches-bin" / "test_batch.bin").is_file()
    assert not cache.exists()


def test_download_with_a_wrong_hash(web, tmp_path: Path, cache: Path) -> None:
    source = served(web, tmp_path)
    archive = web.root / "cifar-10-binary.tar.gz"
    content = bytearray(archive.read_bytes())
    content[100] ^= 1
    archive.write_bytes(content)
    with pytest.raises(FileError, match=r"arrived corrupt, wanted md5:.*try again"):
        load_from(source, "test")
    assert files_below(cache) == []


def test_connection_lost_half_way(web, tmp_path: Path, cache: Path) -> None:
    source = served(web, tmp_path, "cut-cifar.tar.gz")
    with pytest.raises((DataMissingError, FileError), match=r"connection lost|arrived corrupt") as caught:
        load_from(source, "test")
    assert "\n" not in str(caught.value)
    assert files_below(cache) == []


def test_not_found_says_what_to_do(web, tmp_path: Path, cache: Path) -> None:
    source = replace(CIFAR10, remotes=(Remote(web.url + "none.tar.gz", "none.tar.gz", "md5:0"),))
    where = f"HTTP 404.*download {web.url}none.tar.gz and put it in {cache / 'cifar10'}"
    with pytest.raises(DataMissingError, match=where) as caught:
        load_from(source, "test")
    assert "\n" not in str(caught.value)
    assert files_below(cache) == []


def test_no_network_says_what_to_do(cache: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: a port that refuses
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.tar.gz"
        source = replace(CIFAR10, remotes=(Remote(url, "a.tar.gz", "md5:0"),))
        with pytest.raises(DataMissingError, match=f"no connection.*download {url} and put it in") as caught:
            load_from(source, "test")
    assert "\n" not in str(caught.value)
    assert files_below(cache) == []


def test_download_forbidden(cache: Path) -> None:
    for name in ("cifar10", "cifar100", "stl10"):
        remedy = rf"{name}: \S+ is not here; download http\S+ and put it in {cache / name}"
        with pytest.raises(DataMissingError, match=remedy):
            load_dataset(name, "test", download=False)


def test_nowhere_to_write(web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        load_from(served(web, tmp_path), "test", data_dir=tmp_path / "file")


def test_archive_on_disk(tmp_path: Path) -> None:
    archive = tar_gz(cifar10_binary(tmp_path / "made"), tmp_path / "disk" / "cifar-10-binary.tar.gz")
    source = replace(CIFAR10, remotes=(Remote("http://unused/", archive.name, md5(archive)),))
    assert len(load_from(source, "test", data_dir=tmp_path / "disk", download=False)) == 7


def test_archive_on_disk_truncated(tmp_path: Path) -> None:
    archive = tar_gz(cifar10_binary(tmp_path / "made"), tmp_path / "disk" / "cifar-10-binary.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(FileError, match="truncated or corrupt, wanted sha256:c4a38c50"):
        load_dataset("cifar10", "test", data_dir=tmp_path / "disk", download=False)
    # and where the hash agrees with what is truncated, the archive itself tells
    source = replace(CIFAR10, remotes=(Remote("http://unused/", archive.name, md5(archive)),))
    with pytest.raises(FileError, match="truncated or unsafe archive"):
        load_from(source, "test", data_dir=tmp_path / "disk", download=False)
    assert files_below(tmp_path / "disk") == ["cifar-10-binary.tar.gz"]


def test_two_processes_unpack_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second takes what the first has unpacked; what a killed process left is collected."""
    disk = tmp_path / "disk"
    archive = tar_gz(cifar10_binary(tmp_path / "made"), disk / "cifar-10-binary.tar.gz")
    source = replace(CIFAR10, remotes=(Remote("http://unused/", archive.name, md5(archive)),))
    left = disk / "cifar10" / ".unpacked-0123abcd.part"
    left.mkdir(parents=True)
    (left / "half.bin").write_bytes(b"half")

    def first(archive: Path, staging: Path, wanted: Callable[[str], bool]) -> None:
        monkeypatch.undo()
        load_from(source, "test", data_dir=disk, download=False)
        unpack(archive, staging, wanted)

    unpack = boundcheck.data.fetch._unpack_tar
    monkeypatch.setattr(boundcheck.data.fetch, "_unpack_tar", first)
    assert len(load_from(source, "test", data_dir=disk, download=False)) == 7
    assert [path.name for path in (disk / "cifar10").iterdir()] == ["cifar-10-batches-bin"]


@pytest.mark.parametrize("name", ["../escaped", "/tmp/boundcheck-escaped", "cifar-10-batches-bin/../../escaped"])
def test_tar_that_leaves_its_folder(name: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    archive = tar_gz(cifar10_binary(tmp_path / "made"), disk / "cifar-10-binary.tar.gz", {name: b"x"})
    source = replace(CIFAR10, remotes=(Remote("http://unused/", archive.name, md5(archive)),))
    with pytest.raises(FileError, match="leaves the folder"):
        load_from(source, "test", data_dir=disk, download=False)
    assert files_below(disk) == ["cifar-10-binary.tar.gz"]
    assert not list(tmp_path.rglob("escaped")) and not Path("/tmp/boundcheck-escaped").exists()


@pytest.mark.parametrize("name", ["../escaped", "/tmp/boundcheck-escaped"])
def test_zip_that_leaves_its_folder(name: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    archive = zipped(tiny_imagenet(tmp_path / "made"), disk / "tiny-imagenet-200.zip", {name: b"x"})
    tiny = DATASETS["tiny_imagenet"]
    source = replace(tiny, remotes=(Remote("http://unused/", archive.name, md5(archive)),))
    with pytest.raises(FileError, match="leaves the folder"):
        load_from(source, "val", data_dir=disk, download=False)
    assert files_below(disk) == ["tiny-imagenet-200.zip"]
    assert not list(tmp_path.rglob("escaped")) and not Path("/tmp/boundcheck-escaped").exists()


def test_archive_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    archive = tar_gz(tmp_path / "other", tmp_path / "disk" / "cifar-10-binary.tar.gz")
    source = replace(CIFAR10, remotes=(Remote("http://unused/", archive.name, md5(archive)),))
    with pytest.raises(FileError, match="has no folder cifar-10-batches-bin or cifar-10-batches-py"):
        load_from(source, "test", data_dir=tmp_path / "disk", download=False)


def test_files_fetched_one_by_one(web, tmp_path: Path, cache: Path) -> None:
    images = idx_gz(web.root / "t10k-images-idx3-ubyte.gz", pixels(3, 784).reshape(3, 28, 28))
    labels = idx_gz(web.root / "t10k-labels-idx1-ubyte.gz", np.arange(3, dtype=np.uint8))
    remotes = tuple(Remote(web.url + path.name, path.name, md5(path)) for path in (images, labels))
    source = replace(DATASETS["fashion_mnist"], remotes=remotes, system_dirs=())
    assert load_from(source, "test").labels.tolist() == [0, 1, 2]
    assert files_below(cache) == [f"fashion_mnist/{path.name}" for path in (images, labels)]


def test_unknown_names() -> None:
    with pytest.raises(InputError, match=r"dataset: expected one of digits, .*did you mean 'cifar10'"):
        load_dataset("cifar-10")
    with pytest.raises(InputError, match="split: expected one of train, test, received 'tests'; did you mean 'test'"):
        load_dataset("digits", "tests")
    with pytest.raises(InputError, match=r"'unlabeled' of stl10 cannot be used, its images have no labels.*use train"):
        load_dataset("stl10", "unlabeled")
    with pytest.raises(InputError, match=r"'test' of tiny_imagenet cannot be used.*use val"):
        load_dataset("tiny_imagenet", "test")
    with pytest.raises(DataMissingError, match="no folder photos/none"):
        load_dataset("photos/none")


def test_describe(tmp_path: Path, cache: Path) -> None:
    cifar10_binary(tmp_path / "mine" / "cifar10")
    by_name = {info.name: info for info in describe_datasets(tmp_path / "mine")}
    assert list(by_name) == list(DATASETS)
    assert by_name["digits"].present and by_name["digits"].searched == ()
    assert by_name["cifar10"].found == tmp_path / "mine" / "cifar10" / "cifar-10-batches-bin"
    absent = by_name["cifar100"]
    assert not absent.present and absent.found is None and str(tmp_path / "mine" / "cifar100") in absent.remedy
    assert absent.searched[0] == tmp_path / "mine" / "cifar100" and cache in absent.searched
