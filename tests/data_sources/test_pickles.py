"""Pickled batches: what real ones hold is read, and nothing in any file is imported, called or taken for a pointer."""

from __future__ import annotations

import os
import pickle
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boundcheck.data.pickles import read_batch
from boundcheck.errors import FileError
from boundcheck.ingest import pickled

ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
U1 = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def stored(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def batch(dtype: bytes = U1, shape: bytes = b"(K\x01K\x08t", buffer: bytes = b"U\x0801234567") -> bytes:
    """{'data': array} as Python 2 writes it, with parts to replace."""
    state = b"(K\x01" + shape + dtype + b"\x89" + buffer + b"tb"
    return b"\x80\x02}U\x04data" + ARRAY + state + b"s."


def test_a_batch_as_python_2_wrote_it(tmp_path):
    read = read_batch(stored(tmp_path / "batch", batch()))
    assert read["data"].tolist() == [list(b"01234567")] and read["data"].dtype == np.uint8
    assert pickle.loads(batch(), encoding="bytes")[b"data"].tolist() == read["data"].tolist()


keys = st.one_of(st.text(max_size=8), st.binary(max_size=8).filter(lambda b: all(c < 128 for c in b)))
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=9), st.binary(max_size=9)
)


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.dictionaries(keys, st.one_of(plain, st.lists(plain, max_size=5)), max_size=5),
    rows=st.integers(0, 4),
    protocol=st.integers(0, 5),
)
def test_what_pickle_writes_is_read_as_pickle_reads_it(content, rows, protocol, tmp_path):
    content = {(key.decode() if isinstance(key, bytes) else key): value for key, value in content.items()}
    pixels = np.arange(rows * 3, dtype=np.uint8).reshape(rows, 3)
    path = stored(tmp_path / "batch", pickle.dumps({**content, "pixels": pixels}, protocol=protocol))
    read = read_batch(path)
    np.testing.assert_array_equal(read.pop("pixels"), pixels)
    content.pop("pixels", None)
    assert read == content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        # A dtype whose forged state says that raw bytes are object pointers to be counted.
        (batch(dtype=U1.replace(b"K\x00tb", b"K\x04tb")), "array of another type"),
        (batch(dtype=U1.replace(b"U\x02u1", b"U\x02V8").replace(b"K\x00tb", b"K\x04tb")), "array of another type"),
        (batch(dtype=U1.replace(b"U\x02u1", b"U\x01O")), "array of another type"),
        (batch(dtype=U1.replace(b"U\x01|", b"U\x01>")), "array of another type"),
        (batch(shape=b"(K\x01K\x09t"), "8 bytes that says it has the shape"),
        (batch(shape=b"(J\xff\xff\xff\xffJ\xf8\xff\xff\xfft"), "8 bytes that says it has the shape"),
        (batch(buffer=b"]U\x0801234567a"), "an array without its bytes"),
        (batch().replace(b"\x89", b"\x88"), "8 bytes that says it has the shape"),  # Fortran order
        (b"\x80\x02}U\x04dataK\x01r\xff\xff\xff\xff" + b"j\xff\xff\xff\x7fs.", "damaged"),
        (b"\x80\x02T\xff\xff\xff\x7f.", "truncated"),
        (b"\x80\x04\x8e" + b"\xff" * 8 + b".", "truncated"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "opcode"),  # LONG4
        (b"\x80\x02}U\x01a\x8a\xff" + b"\x01" * 255 + b"s.", "more than 16 bytes"),
        (b"}S'a'\nI" + b"9" * 5000 + b"\ns.", "more than 20 digits"),
        (b"}S'a'\n(lp0\ng0\nas.", "a list where"),  # a list in itself
        (b"cos\nsystem\n(S'true'\ntR.", "asks for os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "asks for os.system"),
        (b"(S'true'\nios\nsystem\n.", "opcode"),  # INST
        (b"\x80\x02cnumpy\ndtype\n)\x81.", "not a dict"),  # NEWOBJ
        (b"\x80\x02P0\n.", "beside the stream"),  # PERSID
        (b"\x80\x02\x82\x01.", "opcode"),  # EXT1
        (b"\x80\x02}U\x01acnumpy\nndarray\ns.", "asks for numpy.ndarray"),
        (b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.", "encoding"),
        (b"", "truncated"),
        (b".", "damaged"),
        (b"e.", "no mark"),
    ],
)
def test_hostile_streams(content, reason, tmp_path):
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match=reason) as refusal:
            read_batch(stored(tmp_path / "batch", content))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2e8
    assert "\n" not in str(refusal.value)


def test_keys_that_are_neither_text_nor_numbers_are_left_out(tmp_path):
    assert read_batch(stored(tmp_path / "batch", b"\x80\x02}cnumpy\nndarray\nK\x01s.")) == {}
    assert read_batch(stored(tmp_path / "batch", b"\x80\x02}(NK\x01U\x01aK\x02u.")) == {"a": 2}


def test_a_stream_of_too_many_steps_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(pickled, "STEPS", 1000)
    assert read_batch(stored(tmp_path / "enough", b"\x80\x02" + b"]" * 990 + b"}.")) == {}
    with pytest.raises(FileError, match="too many steps"):
        read_batch(stored(tmp_path / "too many", b"\x80\x02" + b"]" * 2000 + b"}."))


def test_no_pickle_machine_is_involved(tmp_path, monkeypatch):
    path = stored(tmp_path / "batch", batch())
    monkeypatch.setitem(sys.modules, "pickle", None)
    monkeypatch.setattr(np, "dtype", None)
    assert read_batch(path)["data"].shape == (1, 8)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, len(batch()) - 1), byte=st.integers(0, 255), cut=st.integers(1, len(batch())))
def test_damaged_batches_are_read_or_refused(place, byte, cut, tmp_path):
    damaged = bytearray(batch()[:cut])
    damaged[place % cut] = byte
    try:
        read = read_batch(stored(tmp_path / "batch", bytes(damaged)))
    except FileError:
        return
    assert isinstance(read, dict)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "batch")
    with pytest.raises(FileError, match="regular file"):
        read_batch(tmp_path / "batch")


def test_a_file_beyond_the_budget_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("boundcheck.data.pickles.LARGEST_FILE", 10)
    with pytest.raises(FileError, match="at most 10 bytes"):
        read_batch(stored(tmp_path / "batch", batch()))
