"""The smallest file of each kind that once escaped, hung or filled the memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from boundcheck.data.fashion_mnist import read_idx
from boundcheck.embeddings import load_embeddings
from boundcheck.errors import BoundcheckError, FileError
from boundcheck.ingest import SPARE, Unread, load_tensors, read_arrays, read_csv, read_json
from boundcheck.ingest.regular import gunzipped
from tests.fuzz.campaign import peak, reset_peak

Z, Y = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])


def refused(path: Path, words: str) -> None:
    before = reset_peak()
    with pytest.raises(BoundcheckError, match=words) as error:
        load_embeddings(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert peak() - before < 2 * path.stat().st_size + 2e8


def npy(descr: str, shape: str, content: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def npz(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


@pytest.mark.parametrize(
    ("z", "words"),
    [
        (npy("<f4", "(1000000, 1000000)"), "declares the shape"),
        (npy("<f4", "(-4, -1)", b"\0" * 16), "cannot be read"),
        (npy("|O", "(1,)", b"\0" * 8), "pickled objects"),
        (npy("|V8", "(1,)", b"\0" * 8), "not read"),
        (npy("<U0", "(10000000000,)"), "not read"),
        (npy("<M8[s]", "(1,)", b"\0" * 8), "not read"),
        (npy("<f4", "(4,)", b"\0" * 15), "declares the shape"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_arrays_that_are_not_what_they_say(z: bytes, words: str, tmp_path: Path) -> None:
    refused(npz(tmp_path / "e.npz", z=z, y=npy("<i8", "(1,)", b"\0" * 8)), words)


@pytest.mark.parametrize("code", [0x110000, 0xD800, 0xFFFFFFFF])
def test_text_with_invalid_characters(code: int, tmp_path: Path) -> None:
    ids = npy("<U1", "(4,)", struct.pack("<4I", code, 65, 66, 67))
    file = io.BytesIO()
    np.save(file, Z)
    labels = io.BytesIO()
    np.save(labels, Y)
    refused(npz(tmp_path / "e.npz", z=file.getvalue(), y=labels.getvalue(), ids=ids), "invalid characters")


def test_an_archive_that_unpacks_to_a_thousand_times_its_size(tmp_path: Path) -> None:
    size = SPARE + (1 << 24)
    bomb = npz(tmp_path / "e.npz", zipfile.ZIP_DEFLATED, z=npy("|u1", f"({size},)", bytes(size)))
    assert bomb.stat().st_size < 1 << 20
    refused(bomb, "unpacks to")


def test_members_that_overlap(tmp_path: Path) -> None:
    path = npz(tmp_path / "e.npz", z=npy("<f4", "(4,)", b"\0" * 16))
    content = path.read_bytes()
    start = content.index(b"PK\1\2")
    entry, end = content[start : content.index(b"PK\5\6")], content[content.index(b"PK\5\6") :]
    copies = b"".join(entry.replace(b"z.npy", f"{i:05d}".encode()) for i in range(50))
    end = end[:8] + struct.pack("<HHII", 50, 50, len(copies), start) + end[20:]
    path.write_bytes(content[:start] + copies + end)
    refused(path, "larger than the file")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt", ".parquet"])
def test_a_pipe_is_not_waited_for(suffix: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"e{suffix}")
    with pytest.raises(FileError, match="no regular file"):
        load_embeddings(tmp_path / f"e{suffix}")
    with pytest.raises(FileError, match="regular file"):
        read_csv(tmp_path / f"e{suffix}", [])


def strange_tensors() -> dict[str, torch.Tensor]:
    return {
        "sparse": torch.eye(4).to_sparse(),
        "meta": torch.empty(4, 4, device="meta"),
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["sparse", "meta", "nested"])
def test_tensors_without_values_of_their_own(kind: str, tmp_path: Path) -> None:
    torch.save({"z": strange_tensors()[kind], "y": torch.tensor(Y)}, tmp_path / "e.pt")
    refused(tmp_path / "e.pt", "sparse and other tensors")
    assert isinstance(load_tensors(tmp_path / "e.pt")["z"], Unread)


def test_a_tensor_that_expands(tmp_path: Path) -> None:
    torch.save({"z": torch.ones(1).expand(1 << 30, 4), "y": torch.tensor(Y)}, tmp_path / "e.pt")
    refused(tmp_path / "e.pt", "storage of 1 elements")


def test_a_storage_that_declares_more_than_it_has(tmp_path: Path) -> None:
    """torch's own reader takes the number of elements from the pickle, whatever the archive has."""
    torch.save({"z": torch.ones(4, 4), "y": torch.tensor(Y)}, tmp_path / "e.pt")
    with zipfile.ZipFile(tmp_path / "e.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "e.pt", "w") as archive:
        for name, content in members.items():
            if name.endswith("data.pkl"):  # the number of elements, 16, of which one byte makes 127
                content, changed = re.subn(
                    rb"K\x10t(q.)?Q", lambda found: b"K\x7ft" + (found[1] or b"") + b"Q", content, flags=re.DOTALL
                )
                assert changed == 1
            archive.writestr(name, content)
    refused(tmp_path / "e.pt", "declares 127 elements")


def test_calls_of_a_torch_file_are_not_made(tmp_path: Path) -> None:
    class Large:
        def __reduce__(self):
            return bytearray, (1 << 34,)

    torch.save({"z": Large(), "y": torch.tensor(Y)}, tmp_path / "e.pt")
    refused(tmp_path / "e.pt", "bytearray")


@pytest.mark.parametrize("new", [True, False])
def test_what_torch_saves_is_read_as_torch_reads_it(new: bool, tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    shared = torch.arange(6.0)
    saved = {
        "model": model.state_dict(),
        "views": [shared.view(2, 3).T, shared[2:4]],
        "plain": {"a": [1, 2.5, None, True, "é", (1, 2)], 3: torch.Size([1, 2])},
        "empty": torch.zeros(0, 3),
        "half": torch.ones(3, dtype=torch.bfloat16),
    }
    torch.save(saved, tmp_path / "e.pt", _use_new_zipfile_serialization=new)
    read, expected = load_tensors(tmp_path / "e.pt"), torch.load(tmp_path / "e.pt", weights_only=True)
    for name, tensor in expected["model"].items():
        assert torch.equal(read["model"][name], tensor)
    for name in ("empty", "half"):
        assert torch.equal(read[name], expected[name]) and read[name].dtype == expected[name].dtype
    assert all(torch.equal(one, other) for one, other in zip(read["views"], expected["views"], strict=True))
    assert read["plain"] == {"a": [1, 2.5, None, True, "é", (1, 2)], 3: (1, 2)}


def test_float8_is_read_as_float32(tmp_path: Path) -> None:
    z = torch.tensor(Z).to(torch.float8_e4m3fn)
    save_file({"z": z, "y": torch.tensor(Y)}, tmp_path / "e.safetensors")
    torch.save({"z": z, "y": torch.tensor(Y)}, tmp_path / "e.pt")
    for suffix in (".safetensors", ".pt"):
        emb = load_embeddings(tmp_path / f"e{suffix}")
        assert emb.z.dtype == np.float32 and np.array_equal(emb.z[:, 0], Z)


def parquet(path: Path, meta: object | None = None, **columns: object) -> Path:
    metadata = None if meta is None else {"boundcheck": json.dumps(meta)}
    pq.write_table(pa.table(columns, metadata=metadata), path)
    return path


def test_metadata_of_parquet_with_other_keys(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "e.parquet", {"classes": ["0", "1"], "z": 1, "other": 2}, z=Z.tolist(), y=["0", "0", "1", "1"]
    )
    assert load_embeddings(path).classes == ("0", "1")
    for classes in (5, "01", {"0": 1}):
        refused(parquet(path, {"classes": classes}, z=Z.tolist(), y=["0", "0", "1", "1"]), "classes")


@pytest.mark.slow
def test_columns_of_parquet_that_decode_to_a_thousand_times_their_size(tmp_path: Path) -> None:
    n = 1 << 18
    long = pa.array(["x" * 4096]).take(pa.array(np.zeros(n, dtype=np.int64)))
    path = parquet(tmp_path / "e.parquet", z=pa.array([[1.0, 2.0]]).take(pa.array(np.zeros(n, dtype=np.int64))), y=long)
    assert path.stat().st_size < 1 << 21
    refused(path, "allows|characters in a column")
    wide = pa.array([[0.5] * (1 << 14)]).take(pa.array(np.zeros(1 << 12, dtype=np.int64)))
    refused(parquet(path, z=wide, y=pa.array(["a"] * (1 << 12))), "allows|declares")


def test_as_many_classes_as_rows_take_time_in_proportion(tmp_path: Path) -> None:
    n = 40_000
    names = [f"c{i}" for i in range(n)]
    start = time.process_time()
    np.savez(tmp_path / "e.npz", z=np.ones((n, 1), np.float32), y=np.array(names), classes=np.array(names))
    assert load_embeddings(tmp_path / "e.npz").c == n
    assert time.process_time() - start < 10  # the quadratic search took minutes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n3", "cut"),
        (b"a,b\n1,2\n3\n", "row 3"),
        (b"a,a\n1,2\n", "one name"),
        (b"b\n1\n", "no column 'a'"),
        (b"a\n\xff\n", "cannot be read"),
        (b"a\n\0\n", "NUL"),
        (b'a\n"1\n', "cannot be read"),
        (b"", "cut"),
    ],
)
def test_tables_that_are_cut_or_odd(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(FileError, match=words):
        read_csv(tmp_path / "t.csv", ["a"])


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"[]", b"{", b'{"a": "\\ud800"}', b"\xff", b'{"a":[' + b"[]," * 600_000]
)
def test_json_that_is_deep_or_odd(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FileError, match=r"a\.json"):
        read_json(tmp_path / "a.json", "a record")


def test_a_gzip_stream_that_unpacks_to_too_much() -> None:
    packed = gzip.compress(bytes(1 << 20))
    assert gunzipped(packed, 1 << 20) == bytes(1 << 20)
    with pytest.raises(ValueError, match="more than"):
        gunzipped(packed, (1 << 20) - 1)


def test_an_idx_file_that_unpacks_to_too_much(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(SPARE + (1 << 20))))
    with pytest.raises(FileError, match="more than"):
        read_idx(tmp_path / "a.gz", 3)


def test_a_changed_file_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", z=Z)
    with pytest.raises(FileError, match="SHA-256"):
        read_arrays(tmp_path / "a.npz", ["z"], sha256="0" * 64)
