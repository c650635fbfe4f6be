"""Tables, shards and the hub's folders as data sets: texts and images, classes named by the data, super-classes."""

from __future__ import annotations

import importlib.util
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from boundcheck.data import ImageSet, TextSet, load_dataset
from boundcheck.errors import FileError, InputError

TEXTS = ("a cat, 'sat'", "the dog\nran", "None", "a bird")


def png(seed: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)).save(content, "PNG")
    return content.getvalue()


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8).transpose(2, 0, 1)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_texts_with_labels_and_super_classes(suffix: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"text": TEXTS, "label": ["NA", "dog", "None", "dog"], "group": ["x", "y", "x", "y"], "n": 1.5}
    )
    path = tmp_path / f"animals{suffix}"
    if suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")) + "\n\n")
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    texts = load_dataset(str(path))
    assert isinstance(texts, TextSet) and texts.texts == TEXTS and texts.name == "animals" and texts.split == "all"
    assert texts.classes == ("NA", "None", "dog") and texts.labels.tolist() == [0, 2, 1, 2]
    assert texts.groups.tolist() == ["x", "y", "x", "y"]
    with pytest.raises(InputError, match=r"is one part, received 'train'; leave --split out"):
        load_dataset(str(path), "train")


def test_numbers_are_classes_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sentence,label\na,10\nb,9\nc,10\n")
    texts = load_dataset(str(tmp_path / "t.csv"))
    assert texts.classes == ("9", "10") and texts.labels.tolist() == [1, 0, 1]


def hub_table(path: Path, seeds: range, *, multi: bool = False) -> None:
    """Images as Hugging Face's `datasets` writes them, class names in the schema's metadata."""
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["zebra", "ant"]}}
    labels = [[seed % 2, 0] for seed in seeds] if multi else [seed % 2 for seed in seeds]
    columns = {
        "image": [{"bytes": png(seed), "path": None} for seed in seeds],
        "label": labels,
        "coarse_label": ["animal"] * len(seeds),
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


def test_a_folder_as_on_the_hub(tmp_path: Path) -> None:
    for shard in range(2):
        hub_table(tmp_path / "set" / "data" / f"test-0000{shard}-of-00002.parquet", range(3 * shard, 3 * shard + 3))
    hub_table(tmp_path / "set" / "data" / "train-00000-of-00001.parquet", range(9))
    images = load_dataset(str(tmp_path / "set"), "test")
    assert isinstance(images, ImageSet) and len(images) == 6 and images.name == "set"
    assert images.classes == ("zebra", "ant") and images.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert set(images.groups) == {"animal"}
    np.testing.assert_array_equal(images.images[4], pixels(4))
    assert len(load_dataset(str(tmp_path / "set"), "train")) == 9
    with pytest.raises(InputError, match=r"expected one of test, train.*received 'dev'"):
        load_dataset(str(tmp_path / "set"), "dev")


def test_several_labels_of_a_row_are_refused_with_a_way_out(tmp_path: Path) -> None:
    hub_table(tmp_path / "m.parquet", range(3), multi=True)
    with pytest.raises(
        InputError, match=r"several labels in row 0 \(multi-label\).*keep one label column, or make a class"
    ):
        load_dataset(str(tmp_path / "m.parquet"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("words,label", "needs a column image or text, has label"),
        ("text,kind", "needs a column label, one class for each row, has text"),
    ],
)
def test_missing_columns_are_named(header: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\na,b\n")
    with pytest.raises(InputError, match=message):
        load_dataset(str(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    ("name", "content"), [("t.jsonl", "{"), ("t.jsonl", "[1]"), ("t.csv", ""), ("t.parquet", "PAR1")]
)
def test_damaged_tables(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(FileError, match=f"{name}: cannot be read as"):
        load_dataset(str(tmp_path / name))


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_text("x")
    with pytest.raises(InputError, match=r"is one of .csv, .tsv, .jsonl, .parquet, .tar, received"):
        load_dataset(str(tmp_path / "t.xlsx"))


def shard(path: Path, seeds: range, label: str = "cls") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for seed in seeds:
            fields = {"cls": str(seed % 2), "json": json.dumps({"label": ["odd", "even"][seed % 2], "group": "n"})}
            for extension, content in (("png", png(seed)), (label, fields[label].encode())):
                member = tarfile.TarInfo(f"{seed:04d}.{extension}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def test_shards_with_codes_and_names_beside_them(tmp_path: Path) -> None:
    shard(tmp_path / "w" / "test-000.tar", range(3))
    shard(tmp_path / "w" / "test-001.tar", range(3, 5))
    shard(tmp_path / "w" / "train-000.tar", range(2))
    images = load_dataset(str(tmp_path / "w"), "test")
    assert images.ids.tolist() == ["0000", "0001", "0002", "0003", "0004"] and images.classes == ("0", "1")
    np.testing.assert_array_equal(images.images[3], pixels(3))
    (tmp_path / "w" / "classnames.txt").write_text("zero\none\n")
    assert load_dataset(str(tmp_path / "w"), "test").classes == ("zero", "one")


def test_one_shard_with_json(tmp_path: Path) -> None:
    shard(tmp_path / "x.tar", range(4), "json")
    images = load_dataset(str(tmp_path / "x.tar"))
    assert images.classes == ("even", "odd") and images.labels.tolist() == [1, 0, 1, 0] and images.split == "all"
    assert images.groups.tolist() == ["n"] * 4


@pytest.mark.skipif(importlib.util.find_spec("webdataset") is None, reason="pip install webdataset")
def test_shards_by_webdataset_itself(tmp_path: Path) -> None:
    import webdataset

    with webdataset.TarWriter(str(tmp_path / "w.tar")) as writer:
        for seed in range(4):
            writer.write({"__key__": f"sample{seed}", "png": png(seed), "cls": seed % 2})
    images = load_dataset(str(tmp_path / "w.tar"))
    assert images.labels.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(images.images[2], pixels(2))


@pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="pip install datasets")
def test_folders_by_datasets_itself(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    made = datasets.Dataset.from_dict({"text": list(TEXTS), "label": [1, 0, 1, 1]}, features=features)
    made.to_parquet(str(tmp_path / "by_datasets.parquet"))
    datasets.DatasetDict({"test": made}).save_to_disk(str(tmp_path / "saved"))
    for texts in (load_dataset(str(tmp_path / "by_datasets.parquet")), load_dataset(str(tmp_path / "saved"), "test")):
        assert texts.texts == TEXTS and texts.classes == ("no", "yes") and texts.labels.tolist() == [1, 0, 1, 1]


def test_a_truncated_shard(tmp_path: Path) -> None:
    shard(tmp_path / "x.tar", range(4))
    content = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "x.tar").write_bytes(content[:700])
    with pytest.raises(FileError, match=r"x.tar: cannot be read as .tar"):
        load_dataset(str(tmp_path / "x.tar"))


def test_a_folder_of_classes_without_splits(tmp_path: Path) -> None:
    for k, name in enumerate(("ant", "bee")):
        (tmp_path / "flat" / name).mkdir(parents=True)
        (tmp_path / "flat" / name / "0.png").write_bytes(png(k))
    images = load_dataset(f"folder:{tmp_path / 'flat'}")
    assert images.classes == ("ant", "bee") and images.split == "all" and images.ids[0] == "ant/0.png"
    with pytest.raises(InputError, match="is one part, received 'train'"):
        load_dataset(str(tmp_path / "flat"), "train")
