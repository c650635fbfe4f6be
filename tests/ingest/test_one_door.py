"""Checkpoints, tables and shards are opened by `boundcheck.ingest` as every other file is: the smallest cases."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import types
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import boundcheck
from boundcheck.checkpoints import load_encoder
from boundcheck.checkpoints.reading import read_file
from boundcheck.cli import main
from boundcheck.data import load_dataset
from boundcheck.data.shards import read_shards
from boundcheck.embeddings import load_embeddings
from boundcheck.errors import BoundcheckError, FileError
from boundcheck.ingest import Unread
from boundcheck.ingest.footer import declared
from boundcheck.runs import ANCHOR_COLUMNS
from boundcheck.runs.tables import read_rows
from tests.checkpoints import layouts
from tests.fuzz.campaign import peak, reset_peak
from tests.fuzz.readers import READERS

PACKAGE = Path(boundcheck.__file__).parent
DEEP = b'{"label": ' + b"[" * 100_000


def test_no_reader_opens_a_file_by_itself() -> None:
    """In the layers that read what others made; what is read there from text was opened by the door."""
    opens = r"torch\.load\(|\bjson\.loads?\(|np\.load\(|safe_open|load_file|pq\.read_|tarfile\.open\(\w|\.read_text\("
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for folder in ("checkpoints", "data", "embeddings", "encoders")
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(opens, line) and "fileobj=" not in line and "json.loads(json.dumps(" not in line
    ]
    assert found == []


def refused(read: object, words: str) -> None:
    before = reset_peak()
    with pytest.raises(BoundcheckError, match=words) as caught:
        read()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    assert peak() - before < 2e8


# Checkpoints


def test_what_code_bases_save_beside_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsing = types.ModuleType("pytorch_lightning.utilities.parsing")

    class AttributeDict(dict):
        pass

    AttributeDict.__module__, AttributeDict.__qualname__ = parsing.__name__, "AttributeDict"
    parsing.AttributeDict = AttributeDict
    for name in ("pytorch_lightning", "pytorch_lightning.utilities", parsing.__name__):
        monkeypatch.setitem(sys.modules, name, parsing)
    marked = torch.nn.Parameter(torch.arange(3.0))
    marked.tag = "an attribute, for which torch writes _rebuild_from_type_v2 or _with_state"
    optimizer = torch.optim.SGD([marked], lr=0.1, momentum=0.9)
    marked.sum().backward()
    optimizer.step()
    content = {
        "state_dict": {"w": marked.detach().clone(), "marked": marked},
        "opt": argparse.Namespace(temp=0.1, nested=argparse.Namespace(a=[1])),
        "hyper_parameters": AttributeDict({"temperature": 0.2}),
        "counts": defaultdict(dict, {3: {"a": 1}}),
        "optimizer": optimizer,
        "epoch": np.int64(7),
    }
    for new in (True, False):
        path = tmp_path / f"{new}.pth"
        torch.save(content, path, _use_new_zipfile_serialization=new)
        file = read_file(path)
        assert torch.equal(file.state["w"], marked.detach()) and torch.equal(file.state["marked"], marked.detach())
        assert file.extra["opt"] == content["opt"]
        assert file.extra["hyper_parameters"] == {"temperature": 0.2} and file.extra["counts"] == {3: {"a": 1}}
        assert isinstance(file.extra["optimizer"], Unread) and file.epochs() is None


def test_options_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    written = layouts.supcon(tmp_path, gpus=1, head="linear")
    content = torch.load(written.path, weights_only=False)
    for options in (
        3,
        argparse.Namespace(temp="warm"),
        argparse.Namespace(dataset=["a"]),
        argparse.Namespace(method=1),
    ):
        torch.save(content | {"opt": options}, written.path)
        with pytest.raises(FileError, match=re.escape(str(written.path))) as caught:
            load_encoder(written.path)
        assert "\n" not in str(caught.value)


def test_weights_that_declare_more_than_there_is(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.ones(1).expand(1 << 30, 4)}}, tmp_path / "w.pth")
    refused(lambda: read_file(tmp_path / "w.pth"), "storage of 1 elements")


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_pipe_is_no_checkpoint(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    refused(lambda: read_file(tmp_path / name), "which is no regular file")


def test_json_beside_a_checkpoint_that_is_nested_too_deeply(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "w.pth")
    (tmp_path / "args.json").write_bytes(DEEP)
    refused(lambda: read_file(tmp_path / "w.pth"), r"args\.json: cannot be read .*nested too deeply.*correct or remove")


def test_inspect_says_what_a_text_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("# A project\n")
    assert main(["inspect", str(tmp_path / "README.md")]) == 2
    said = capsys.readouterr().err
    assert "README.md: cannot be read as a complete torch file" in said
    assert "it begins with b'# A ', as no file of torch.save does" in said and said.count("\n") == 1


# Tables


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.tar"])
def test_a_pipe_is_no_data_set(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    refused(lambda: load_dataset(str(tmp_path / name)), name)


def test_lines_that_are_nested_too_deeply(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b'{"text": "a", "label": 1}\n' + DEEP)
    refused(lambda: load_dataset(str(tmp_path / "t.jsonl")), r"t\.jsonl: cannot be read as \.jsonl \(nested too deeply")


def test_a_line_ends_where_json_says_so(tmp_path: Path) -> None:
    row = {"text": "one\u2028line\x85still", "label": "a"}
    (tmp_path / "t.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\r\n", encoding="utf-8")
    assert load_dataset(str(tmp_path / "t.jsonl")).texts == (row["text"],)


def test_notes_in_parquet_that_are_nested_too_deeply_are_no_names(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "label": [1, 0]})
    pq.write_table(table.replace_schema_metadata({"huggingface": DEEP}), tmp_path / "t.parquet")
    assert load_dataset(str(tmp_path / "t.parquet")).classes == ("0", "1")


def test_texts_that_unpack_to_a_thousand_times_their_size(tmp_path: Path) -> None:
    n = 1 << 17
    one = np.zeros(n, dtype=np.int64)
    pq.write_table(
        pa.table({"text": pa.array(["x" * 4096]).take(pa.array(one)), "label": pa.array(one)}), tmp_path / "t.parquet"
    )
    assert (tmp_path / "t.parquet").stat().st_size < 1 << 20
    refused(lambda: load_dataset(str(tmp_path / "t.parquet")), "than its size allows|that its size allows")


def test_columns_that_nobody_asks_for_are_not_unpacked(tmp_path: Path) -> None:
    wide = pa.array([[0.5] * (1 << 13)]).take(pa.array(np.zeros(1 << 11, dtype=np.int64)))
    pq.write_table(pa.table({"text": ["a"] * len(wide), "label": ["b"] * len(wide), "v": wide}), tmp_path / "t.parquet")
    assert len(load_dataset(str(tmp_path / "t.parquet"))) == len(wide)


@pytest.mark.parametrize("labels", [("--5", "1"), ("²", "1"), ("9" * 5000, "1")])
def test_labels_that_only_look_like_numbers(labels: tuple[str, ...], tmp_path: Path) -> None:
    pd.DataFrame({"text": ["a", "b"], "label": labels}).to_csv(tmp_path / "t.csv", index=False)
    assert load_dataset(str(tmp_path / "t.csv")).classes == tuple(sorted(labels))


# Shards


def shard(path: Path, *members: tuple[str | tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        for name, content in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_fields_that_are_nested_too_deeply(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", ("0.txt", b"a"), ("0.json", DEEP))
    refused(lambda: load_dataset(str(path)), r"s\.tar: '0\.json': cannot be read as \.json \(nested too deeply")


def test_a_class_in_digits_that_are_not_ascii_is_a_name(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", ("0.txt", b"a"), ("0.cls", "²".encode()))
    assert load_dataset(str(path)).classes == ("²",)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", ("\udcff.txt", b"a"), ("\udcff.cls", b"1"))
    refused(lambda: load_dataset(str(path)), r"s\.tar: cannot be read as \.tar")


def test_a_member_with_holes(tmp_path: Path) -> None:
    """GNU's sparse members say how long they would be; tarfile fills them with zeros."""
    path = shard(tmp_path / "s.tar", ("0.txt", b"a" * 512), ("0.cls", b"1"))
    content = bytearray(path.read_bytes())
    content[156:157] = tarfile.GNUTYPE_SPARSE
    content[386:410] = b"%011o\0%011o\0" % (0, 512)
    content[483:495] = b"%011o\0" % (99 * 10**6)
    content[148:156] = b"%06o\0 " % (sum(content[:148]) + 8 * 32 + sum(content[156:512]))
    path.write_bytes(content)
    with tarfile.open(path) as archive:
        assert archive.next().size == 99 * 10**6
    refused(lambda: load_dataset(str(path)), "more than are there")


def test_names_of_classes_that_are_no_text(tmp_path: Path) -> None:
    shard(tmp_path / "s.tar", ("0.txt", b"a"), ("0.cls", b"0"))
    (tmp_path / "classnames.txt").write_bytes(b"\xff\n")
    refused(lambda: read_shards(tmp_path, "all"), r"classnames\.txt: cannot be read as names of classes")


def test_a_class_that_is_not_among_the_names(tmp_path: Path) -> None:
    shard(tmp_path / "s.tar", ("0.txt", b"a"), ("0.cls", b"i"))
    (tmp_path / "classnames.txt").write_text("zero\none\n")
    refused(lambda: read_shards(tmp_path, "all"), "names 2 classes, received 'i' in row 0")


# Archives


def test_a_member_of_an_archive_without_a_name(tmp_path: Path) -> None:
    """zipfile looks at the last letter of a name to tell a folder."""
    path = tmp_path / "tiny-imagenet-200.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 28 : at + 32] = (0).to_bytes(2, "little") + (1).to_bytes(2, "little")  # what was a name is an extra
    path.write_bytes(content)
    refused(
        lambda: READERS["zip"].read(tmp_path), r"tiny-imagenet-200\.zip: truncated or unsafe archive \(a member has no"
    )


# Parquet


def test_a_label_with_a_line_break_keeps_the_message_on_one_line(tmp_path: Path) -> None:
    table = pa.table({"z": [[1.0, 0.0], [0.0, 1.0]], "y": ["a", "\n"]})
    metadata = {"boundcheck": json.dumps({"classes": ["a", "b"]})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "e.parquet")
    refused(lambda: load_embeddings(tmp_path / "e.parquet"), "labels must be among classes")


def footer(content: bytes) -> bytes:
    return content[-8 - int.from_bytes(content[-8:-4], "little") : -8]


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("rows", [0, 1, 2500])
def test_what_a_footer_declares(rows: int, compression: str) -> None:
    table = pa.table(
        {
            "z": pa.array([[1.0, 2.0]] * rows, pa.list_(pa.float32())),
            "image": pa.array(
                [{"bytes": b"x", "path": None}] * rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            ),
            "y": [f"{i % 7}" for i in range(rows)],
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, compression=compression, row_group_size=1000, write_page_index=True)
    metadata = pq.ParquetFile(file).metadata
    for columns in (("z", "y"), ("image",), table.column_names):
        chunks = [
            chunk
            for i in range(metadata.num_row_groups)
            for chunk in (metadata.row_group(i).column(j) for j in range(metadata.num_columns))
            if chunk.path_in_schema.split(".")[0] in columns
        ]
        said = declared(footer(file.getvalue()), columns)
        assert said.rows == rows and said.bytes == sum(chunk.total_uncompressed_size for chunk in chunks)
        assert said.values == (rows * 2 if "z" in columns else rows)


def test_a_footer_with_a_list_of_another_length_does_not_end_the_process(tmp_path: Path) -> None:
    """pyarrow looks at the histogram of definition levels where its exceptions are not handed on."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"z": pa.array([1, None, 3])}), path, store_schema=False)
    content = path.read_bytes()
    two, one = b"\x19\x26\x02\x04", b"\x19\x16\x82\x00"  # lists of 64-bit numbers: 1 and 2; 1 in two bytes
    assert content.count(two) == 1
    path.write_bytes(content.replace(two, one))
    code = (
        "import sys; from pathlib import Path; from boundcheck.ingest import read_parquet\n"
        "from boundcheck.errors import FileError\n"
        "try: read_parquet(Path(sys.argv[1]))\nexcept FileError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "t.parquet: cannot be read" in done.stdout


def test_notes_of_pandas_that_are_no_text(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"id": ["a"]}).replace_schema_metadata({b"pandas": b'{"a": "\xff"}'}), tmp_path / "a.parquet"
    )
    path, what = tmp_path / "a.parquet", "the anchors of a run"
    refused(lambda: read_rows(path, what, ANCHOR_COLUMNS, {}), r"a\.parquet: cannot be read as the anchors of a run")
