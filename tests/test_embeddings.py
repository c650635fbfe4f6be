"""EmbeddingSet: construction, validation, digests, and the four file formats with their bad cases."""

from __future__ import annotations

import json
import os
import pickle
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

import boundcheck
from boundcheck.embeddings import EmbeddingSet, load_embeddings, save_embeddings
from boundcheck.errors import BoundcheckError, FileError, InputError

SUFFIXES = [".npz", ".safetensors", ".pt", ".parquet"]


def gaussian(n: int = 12, v: int = 2, d: int = 5, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, v, d)).astype(dtype)


@pytest.fixture
def emb() -> EmbeddingSet:
    y = np.array([3, 10, 7] * 4)
    return EmbeddingSet(gaussian(), y, ids=[f"img/{i}" for i in range(12)], meta={"model": "β", "views": 2})


class Payload:
    """A pickle that leaves a file behind when it is loaded carelessly."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.trace),)


# construction


def test_canonical_form(emb: EmbeddingSet) -> None:
    assert (emb.n, emb.v, emb.d, emb.c) == (12, 2, 5, 3)
    assert emb.z.dtype == np.float32 and emb.z.flags.c_contiguous
    assert emb.classes == ("3", "7", "10")  # by number, not by letter
    assert emb.y[:3].tolist() == [0, 2, 1] and emb.y.dtype == np.int64
    assert emb.class_counts.tolist() == [4, 4, 4]
    assert emb.unit_norm
    np.testing.assert_allclose(np.linalg.norm(emb.z.astype(np.float64), axis=2), 1, atol=1e-7)


def test_one_view_gets_an_axis_and_ids() -> None:
    one = EmbeddingSet(gaussian()[:, 0], [0, 1] * 6)
    assert one.z.shape == (12, 1, 5)
    assert one.ids.tolist() == [str(i) for i in range(12)]


def test_normalize_false_keeps_values_and_copies() -> None:
    z = gaussian()
    raw = EmbeddingSet(z, [0, 1] * 6, normalize=False)
    np.testing.assert_array_equal(raw.z, z)
    assert not raw.unit_norm and not raw.normalize
    z[:] = 0
    assert raw.z.any()


def test_the_callers_array_is_left_alone() -> None:
    z = gaussian()
    before = z.copy()
    EmbeddingSet(z, [0, 1] * 6)
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_extreme_scales_normalise(scale: float) -> None:
    z = gaussian(dtype=np.float64)
    np.testing.assert_allclose(EmbeddingSet(z * scale, [0, 1] * 6).z, EmbeddingSet(z, [0, 1] * 6).z, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_and_the_least_numbers_normalise(dtype: type) -> None:
    kind = np.finfo(dtype)
    z = np.ones((12, 1, 4), dtype) * np.sign(gaussian(dtype=dtype)[:, :1, :4])
    for scale in (kind.max, kind.tiny, kind.smallest_subnormal):
        np.testing.assert_allclose(EmbeddingSet(z * scale, [0, 1] * 6).z, z / 2, rtol=1e-6)


def test_norms_beyond_all_numbers_give_no_verdict() -> None:
    """Rows of 1e308 once became rows of zeros, of which every claim holds."""
    z = gaussian(dtype=np.float64)
    z[3] = 1e308
    assert boundcheck.verify(EmbeddingSet(z, [0, 1] * 6)).run.losses.estimate.notna().all()
    emb = EmbeddingSet(z, [0, 1] * 6, normalize=False)
    assert emb.largest_norm == np.inf and not emb.unit_norm
    for given in (emb, EmbeddingSet(1e160 * gaussian(dtype=np.float64), [0, 1] * 6, normalize=False)):
        with pytest.raises(InputError, match="normalise the embeddings"):
            boundcheck.verify(given, temperature=1e-4)
    with pytest.raises(InputError, match="in float32, received"):
        far = EmbeddingSet(1e37 * gaussian(dtype=np.float64)[:3], [0, 1, 1], normalize=False)
        boundcheck.estimate(far, temperature=1e-4, precision="float32")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (torch.float16, np.float32),
        (torch.bfloat16, np.float32),
        (torch.float32, np.float32),
        (torch.float64, np.float64),
    ],
)
def test_torch_in(given: torch.dtype, kept: type) -> None:
    z = torch.from_numpy(gaussian()).to(given).requires_grad_()
    emb = EmbeddingSet(z, torch.tensor([0, 1] * 6))
    assert emb.z.dtype == kept
    np.testing.assert_allclose(emb.z, EmbeddingSet(gaussian(), [0, 1] * 6).z, atol=2e-2)


def test_string_labels_and_object_arrays() -> None:
    labels = ["cat", "ant", "bee"] * 4
    for y in (labels, np.array(labels, dtype=object), pd.Series(labels)):
        emb = EmbeddingSet(gaussian(), y)
        assert emb.classes == ("ant", "bee", "cat")
        assert [emb.classes[code] for code in emb.y] == labels


def test_given_classes_set_names_and_order() -> None:
    named = EmbeddingSet(gaussian(), [2, 0] * 6, classes=["ant", "bee", "cat"])
    assert named.classes == ("ant", "cat")  # no instance of bee
    assert named.y[:2].tolist() == [1, 0]
    ordered = EmbeddingSet(gaussian(), ["x", "a"] * 6, classes=["x", "a"])
    assert ordered.classes == ("x", "a")
    assert ordered.y[:2].tolist() == [0, 1]


def test_subset_keeps_names_and_drops_empty_classes(emb: EmbeddingSet) -> None:
    part = emb.subset(emb.y != 1)
    assert part.classes == ("3", "10")
    assert part.ids.tolist() == [name for name, code in zip(emb.ids, emb.y, strict=True) if code != 1]
    assert emb.subset(slice(None)).digest == emb.digest and part.normalize
    with pytest.raises(InputError, match="at least 2 classes"):
        emb.subset(emb.y == 1)
    with pytest.raises(InputError, match="distinct positions, received 3, one of them twice"):
        emb.subset([0, 1, 0])
    with pytest.raises(InputError, match="one or more distinct positions, received 0"):
        emb.subset(emb.y == 99)
    grouped = emb.with_groups(np.where(emb.y == 1, "wet", "dry")).subset(emb.y != 1)
    assert grouped.group_names == ("dry",) and not grouped.groups.any()
    part.z[0, 0, 0] += 1  # its own memory
    assert emb.subset(emb.y != 1).z[0, 0, 0] != part.z[0, 0, 0]


def test_memory_is_copied_unless_it_is_given_away() -> None:
    z, y = np.full((4, 2), 3.0, dtype=np.float32), [0, 1, 0, 1]
    assert not np.shares_memory(EmbeddingSet(z, y).z, z) and z[0, 0] == 3.0
    taken = EmbeddingSet(z, y, copy=False)
    assert np.shares_memory(taken.z, z) and z[0, 0] == pytest.approx(0.5**0.5)
    assert not np.shares_memory(EmbeddingSet(z.astype(np.float16), y, copy=False).z, z)
    z.flags.writeable = False
    assert not np.shares_memory(EmbeddingSet(z, y, copy=False).z, z)


def test_digest_sees_everything_that_matters(emb: EmbeddingSet) -> None:
    z, y = gaussian(), np.array([3, 10, 7] * 4)
    moved = z.copy()
    moved[0, 0, 0] += 1e-3
    changed = [
        EmbeddingSet(moved, y),
        EmbeddingSet(z.astype(np.float64), y),
        EmbeddingSet(z, y[::-1]),
        EmbeddingSet(z, y + 1),
        EmbeddingSet(z.reshape(12, 1, 10), y),
    ]
    assert len({emb.digest, *(other.digest for other in changed)}) == 6
    assert EmbeddingSet(z, y).digest == emb.digest  # ids and meta are labels, not data


def test_digest_never_changes() -> None:
    emb = EmbeddingSet(np.eye(3, dtype=np.float32), ["a", "b", "b"])
    assert emb.digest == "0de593e09f22ae3ef44dd3fe66aac4a96b248aa2bf5be26bb26ad7b67a4618b7"


def test_prints_usefully(emb: EmbeddingSet) -> None:
    assert "n=12" in repr(emb) and "c=3" in repr(emb)
    named = EmbeddingSet(gaussian(), ["<b>", "a"] * 6)
    assert "&lt;b&gt;" in named._repr_html_() and "<b>" not in named._repr_html_()


# bad input


def spoiled(where: tuple[int, ...], value: float) -> np.ndarray:
    z = gaussian()
    z[where] = value
    return z


@pytest.mark.parametrize(
    ("z", "y", "message"),
    [
        (spoiled((4, 1, 2), np.nan), [0, 1] * 6, "finite.*1 of 24 rows, first at instance 4, view 1"),
        (spoiled((slice(3, 5), 0, 0), np.inf), [0, 1] * 6, "finite.*2 of 24 rows, first at instance 3, view 0"),
        (spoiled((7, slice(None)), 0), [0, 1] * 6, "non-zero.*2 of 24 rows, first at instance 7"),
        (gaussian(), [0, 1] * 5, r"y: expected shape \(12,\).*\(10,\)"),
        (gaussian(), np.zeros((12, 2), dtype=int), r"y: expected shape \(12,\)"),
        (gaussian(), [5] * 12, "at least 2 classes, received only '5'"),
        (gaussian(), np.linspace(0, 1, 12), "integer or string labels, received float64"),
        (gaussian(), np.array([1, "a"] * 6, dtype=object), "integer or string labels, received object"),
        (gaussian()[0, 0], [0, 1] * 6, r"\(n, d\) or \(n, v, d\), received \(5,\)"),
        (gaussian()[..., None], [0, 1] * 6, r"received \(12, 2, 5, 1\)"),
        (gaussian()[:0], [], "empty"),
        (gaussian()[:, :, :0], [0, 1] * 6, "empty"),
        (gaussian().astype(int), [0, 1] * 6, "floats, received int64"),
        (gaussian().astype(complex), [0, 1] * 6, "floats, received complex128"),
        ([[1.0, 2.0], [1.0]], [0, 1], "rectangular"),
    ],
)
def test_bad_arrays(z: np.ndarray, y: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        EmbeddingSet(z, y)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"ids": ["a", "b", "b", *"cdefghijk"]}, "distinct names, received 'b'"),
        ({"ids": ["a"]}, r"ids: expected shape \(12,\)"),
        ({"meta": {"f": gaussian}}, "meta: expected a mapping of plain JSON"),
        ({"classes": ["a"]}, "codes 0 to 0 into classes, received 0 to 1"),
        ({"classes": ["a", "a"]}, "classes: names must be distinct"),
    ],
)
def test_bad_extras(extra: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EmbeddingSet(gaussian(), [0, 1] * 6, **extra)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="among classes, received 'q'"):
        EmbeddingSet(gaussian(), ["q", "a"] * 6, classes=["a", "b"])


def test_one_class_instance_and_duplicates_are_legitimate() -> None:
    z = np.repeat(gaussian()[:1], 12, axis=0)
    assert EmbeddingSet(z, [0] * 11 + [1]).class_counts.tolist() == [11, 1]


# files


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(suffix: str, dtype: type, tmp_path: Path) -> None:
    labels = np.array(["z", "10", "é"] * 4)
    emb = EmbeddingSet(
        gaussian(dtype=dtype), labels, [f"i{k}" for k in range(12)], {"a": [1, None]}, classes=["z", "é", "10"]
    )
    path = tmp_path / "new" / f"emb{suffix}"
    save_embeddings(emb, path)
    back = load_embeddings(path)
    assert back.digest == emb.digest
    assert back.ids.tolist() == emb.ids.tolist()
    assert back.meta == emb.meta
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing temporary is left


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_normalize_is_the_readers_choice(suffix: str, tmp_path: Path) -> None:
    raw = EmbeddingSet(gaussian(), [0, 1] * 6, normalize=False)
    save_embeddings(raw, tmp_path / f"emb{suffix}")
    assert load_embeddings(tmp_path / f"emb{suffix}", normalize=False).digest == raw.digest
    assert load_embeddings(tmp_path / f"emb{suffix}").unit_norm


def test_files_written_by_hand(tmp_path: Path, emb: EmbeddingSet) -> None:
    z, y = gaussian(), np.array([3, 10, 7] * 4)
    np.savez(tmp_path / "a.npz", z=z, y=y, meta=json.dumps({"k": 1}))
    torch.save({"z": torch.tensor(z), "y": torch.tensor(y)}, tmp_path / "a.pt")
    save_file({"z": z, "y": y}, tmp_path / "a.safetensors")
    for suffix in (".npz", ".pt", ".safetensors"):
        assert load_embeddings(tmp_path / f"a{suffix}").digest == emb.digest
    assert load_embeddings(tmp_path / "a.npz").meta == {"k": 1}
    np.savez(tmp_path / "words.npz", z=z, y=np.array(["cat", "ant", "bee"] * 4))
    assert load_embeddings(tmp_path / "words.npz").classes == ("ant", "bee", "cat")
    half = torch.tensor(z).bfloat16()
    torch.save({"z": half, "y": torch.tensor(y)}, tmp_path / "half.pt")
    assert load_embeddings(tmp_path / "half.pt").z.dtype == np.float32


def test_parquet_rows_in_any_order(tmp_path: Path, emb: EmbeddingSet) -> None:
    z = gaussian()
    rows = [
        {"id": f"img/{i}", "view": f"v{k}", "y": int([3, 10, 7][i % 3]), "z": z[i, k].tolist()}
        for i in range(12)
        for k in range(2)
    ]
    frame = pd.DataFrame(rows)
    swapped = frame.iloc[np.arange(24).reshape(12, 2)[:, ::-1].reshape(-1)]  # second views first
    swapped.to_parquet(tmp_path / "rows.parquet")
    back = load_embeddings(tmp_path / "rows.parquet")
    np.testing.assert_allclose(back.z, emb.z, atol=1e-7)
    assert back.ids.tolist() == emb.ids.tolist() and back.classes == ("3", "7", "10")
    one = frame[frame["view"] == "v0"].drop(columns=["id", "view"])
    one.to_parquet(tmp_path / "one.parquet")
    assert load_embeddings(tmp_path / "one.parquet").z.shape == (12, 1, 5)


def parquet(path: Path, **changes: list[object]) -> Path:
    columns: dict[str, list[object]] = {
        "id": ["a", "a", "b", "b"],
        "view": [0, 1, 0, 1],
        "y": [0, 0, 1, 1],
        "z": [[1.0, 2.0]] * 4,
    }
    kept = {key: value for key, value in (columns | changes).items() if value}
    pd.DataFrame(kept).to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z": [[1.0], [1.0, 2.0], [1.0], [1.0]]}, "one length"),
        ({"view": [0, 1, 0, 0]}, "same views"),
        ({"view": [0, 1, 0, 2]}, "same views"),
        ({"id": ["a", "a", "a", "b"]}, "same views"),
        ({"y": [0, 1, 1, 1]}, "one label"),
        ({"y": ["p", "p", "q", None]}, "missing"),
        ({"id": []}, "needs a column id"),
        ({"y": []}, "expected arrays z and y, found id, view, z; save the labels"),
    ],
)
def test_bad_parquet(changes: dict[str, list[object]], message: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=message):
        load_embeddings(parquet(tmp_path / "bad.parquet", **changes))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_wrong_type_and_missing(suffix: str, tmp_path: Path, emb: EmbeddingSet) -> None:
    path = tmp_path / f"emb{suffix}"
    with pytest.raises(FileError, match="does not exist"):
        load_embeddings(path)
    path.mkdir()
    with pytest.raises(FileError, match="is a folder"):
        load_embeddings(path)
    path.rmdir()
    save_embeddings(emb, path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"id,z\n1,2\n", pickle.dumps({"z": 1})):
        path.write_bytes(content)
        with pytest.raises(FileError, match=f"emb{suffix}") as caught:
            load_embeddings(path)
        assert "\n" not in str(caught.value)


def test_every_cut_of_an_npz_is_one_line(tmp_path: Path, emb: EmbeddingSet) -> None:
    path = tmp_path / "emb.npz"
    save_embeddings(emb, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(BoundcheckError):
            load_embeddings(path)


def test_malicious_pickles_do_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    arrays = {"z": gaussian(), "y": np.array([Payload(trace)] * 12, dtype=object)}
    np.savez(tmp_path / "bad.npz", **arrays)  # type: ignore[arg-type]
    torch.save({"z": torch.ones(2, 2), "y": Payload(trace)}, tmp_path / "bad.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Payload(trace)))
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Payload(trace)))
    for name in ("bad.npz", "bad.pt", "plain.pt", "plain.npz"):
        with pytest.raises(FileError, match="pickled objects, which are never loaded"):
            load_embeddings(tmp_path / name)
        assert not trace.exists()


def test_missing_keys_and_bad_meta(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", embeddings=gaussian(), y=[0, 1] * 6)
    with pytest.raises(FileError, match="expected arrays z and y, found y; save the embeddings"):
        load_embeddings(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", z=gaussian(), y=[0, 1] * 6, meta="not json")
    with pytest.raises(FileError, match=r"b.npz"):
        load_embeddings(tmp_path / "b.npz")
    torch.save(torch.ones(3), tmp_path / "c.pt")
    with pytest.raises(FileError, match="a Tensor, not a dict"):
        load_embeddings(tmp_path / "c.pt")
    with (tmp_path / "d.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(FileError, match="a single array"):
        load_embeddings(tmp_path / "d.npz")


def test_rules_of_the_arrays_name_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "nan.npz", z=spoiled((0, 0, 0), np.nan), y=[0, 1] * 6)
    with pytest.raises(InputError, match=r"nan.npz: z: rows must be finite"):
        load_embeddings(tmp_path / "nan.npz")


def test_unknown_suffix(tmp_path: Path, emb: EmbeddingSet) -> None:
    for use in (load_embeddings, lambda path: save_embeddings(emb, path)):
        with pytest.raises(InputError, match=r"\.npz, \.safetensors.*did you mean '\.npz'"):
            use(tmp_path / "emb.npy")
    assert not list(tmp_path.iterdir())


# atomic writing


@pytest.fixture
def no_space() -> Iterator[None]:
    """Lets no file grow beyond 1 kB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_space_leaves_the_old_file(suffix: str, tmp_path: Path, no_space: None) -> None:
    large = EmbeddingSet(gaussian(n=400), [0, 1] * 200)
    path = tmp_path / f"emb{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(FileError, match="cannot be written") as caught:
        save_embeddings(large, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
