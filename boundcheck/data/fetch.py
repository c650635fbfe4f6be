"""Finding a source's files on disk, fetching the missing ones, checking hashes, unpacking archives safely."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import IO

import pooch

from boundcheck._places import atomic_path, collect_leftovers, hidden
from boundcheck.data.base import Places, Progress, Remote, Source
from boundcheck.errors import DataMissingError, FileError
from boundcheck.ingest import budget, open_regular, parse_json, read_regular, reading, sha256_of


def find_file(source: Source, remote: Remote, places: Places) -> Path:
    """One file of a source, downloaded and checked if it is nowhere on disk.

    A file lacking the suffix ".gz" (unpacked by hand) is taken as well.

    Raises:
        DataMissingError: it is on no disk and cannot be fetched; the message says where to put it.
        FileError: the file fetched is corrupt, or cannot be written.
    """
    found = locate_file(remote, places)
    return found or _download(source, remote, places)


def locate_file(remote: Remote, places: Places) -> Path | None:
    """The path of a remote's file, packed or unpacked, in the first place that has it."""
    names = dict.fromkeys((remote.filename, remote.filename.removesuffix(".gz")))
    paths = (folder / name for folder in places.search for name in names)
    return next((path for path in paths if path.is_file()), None)


def find_folder(source: Source, places: Places, wanted: Callable[[str], bool] = lambda name: True) -> Path:
    """The unpacked folder of a source; an archive on disk is unpacked, a missing one downloaded first.

    Args:
        source: a source with `folders`.
        places: where to look.
        wanted: which members of an archive are worth unpacking, by name.

    Raises:
        DataMissingError: neither folder nor archive is on disk, and the archive cannot be fetched.
        FileError: the archive is corrupt, or unpacks to something else.
    """
    folder = locate_folder(source, places)
    if folder:
        return folder
    on_disk = [(remote, path) for remote in source.remotes if (path := locate_file(remote, places))]
    remote, archive = on_disk[0] if on_disk else (source.remotes[0], None)
    if archive is None:
        archive = _download(source, remote, places)
    elif not _intact(archive, remote):
        raise FileError(f"{archive}: truncated or corrupt, wanted {remote.hash}; delete it and fetch {remote.url}")
    _unpack(archive, source.folders, places.home, wanted)
    folder = locate_folder(source, places)
    if folder is None:
        expected = " or ".join(source.folders)
        raise FileError(f"{archive}: has no folder {expected} in it; fetch it again from {remote.url}")
    return folder


def locate_folder(source: Source, places: Places) -> Path | None:
    """The path of a source's unpacked folder; a search folder may itself be it."""
    for name in source.folders:
        for place in places.search:
            for path in (place / name, place):
                if path.name == name and path.is_dir():
                    return path
    return None


SUMS = ".sha256.json"  # in an unpacked folder: what its files hashed to when they were unpacked


def read_member(folder: Path, name: str, limit: int) -> bytes:
    """A file of an unpacked folder, as it was unpacked where that is known.

    Args:
        folder: the folder.
        name: of the file, below it.
        limit: bytes that it may have.

    Raises:
        FileError: missing, too large, or changed since it was unpacked.
    """
    return read_regular(folder / name, limit, sums_of(folder).get(name))


def sums_of(folder: Path) -> Mapping[str, str]:
    """SHA-256 (hex) of the files of an unpacked folder by name; empty where it was unpacked by hand.

    Raises:
        FileError: the record is damaged.
    """
    path = folder / SUMS
    if not path.exists():
        return {}
    with reading(path, "hashes of files", "delete the folder and unpack the archive again"):
        return {str(name): str(value) for name, value in parse_json(read_regular(path, 1 << 26)).items()}


def verify_content(content: bytes | memoryview, remote: Remote, path: Path) -> None:
    """Checks unpacked bytes against the remote's `content_hash`.

    Raises:
        FileError: they differ.
    """
    if remote.content_hash is None:
        return
    algorithm, expected = remote.content_hash.split(":")
    received = hashlib.new(algorithm, content).hexdigest()
    if received != expected:
        raise FileError(
            f"{path}: corrupt, its {algorithm} is {received} and should be {expected}; delete it and fetch {remote.url}"
        )


def remedy(source: Source, places: Places) -> str:
    """What to download, from where, and where to put it."""
    wanted = source.remotes[:1] if source.folders else source.remotes
    urls = " ".join(remote.url for remote in wanted)
    return f"download {urls} and put {'it' if len(wanted) == 1 else 'them'} in {places.home}"


def _intact(path: Path, remote: Remote) -> bool:
    algorithm, expected = remote.hash.split(":")
    return bool(pooch.file_hash(str(path), alg=algorithm) == expected)


def _download(source: Source, remote: Remote, places: Places) -> Path:
    """Fetches a file into the home folder under a temporary name, and renames it when its hash is right."""
    if not places.download:
        raise DataMissingError(f"{source.name}: {remote.filename} is not here; {remedy(source, places)}")
    target = places.home / remote.filename
    bar = _Bar(places.progress) if places.progress else False
    with atomic_path(target) as temporary:
        try:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=30)(remote.url, str(temporary), None)
        except OSError as error:
            if not hasattr(error, "response"):  # of the disk, not of the network: only `requests` has it
                raise
            reason = f"{source.name}: cannot fetch it ({_reason(error)})"
            raise DataMissingError(f"{reason}; {remedy(source, places)}") from error
        if not _intact(temporary, remote):
            raise FileError(
                f"{remote.url}: arrived corrupt, wanted {remote.hash}; try again, or {remedy(source, places)}"
            )
    return target


def _reason(error: OSError) -> str:
    """A few words on a failed request; the full text of `requests`, which pooch fetches with, runs over several."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    return "connection lost" if type(error).__name__ == "ChunkedEncodingError" else "no connection"


class _Bar:
    """What pooch asks of a progress bar, passed on to a `Progress`."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.total, self.done = progress, 0, 0

    def update(self, n: int) -> None:
        self.done += n
        self.progress(min(self.done, self.total), self.total, "bytes")

    def reset(self) -> None:
        # pooch starts over with one step of the whole file when a download is complete
        self.done = 0

    def close(self) -> None:
        pass


def _unpack(archive: Path, folders: tuple[str, ...], home: Path, wanted: Callable[[str], bool]) -> None:
    """Unpacks the wanted members under one of `folders` into `home`, all or nothing."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        collect_leftovers(home)
        with hidden(home / "unpacked") as staging:
            if archive.suffix == ".zip":
                _unpack_zip(archive, staging, wanted)
            else:
                _unpack_tar(archive, staging, wanted)
            for name in folders:
                if (staging / name).is_dir():
                    _record_sums(staging / name)
                    _move(staging / name, home / name)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, ValueError, RuntimeError) as error:
        raise FileError(
            f"{archive}: truncated or unsafe archive ({_first_line(error)}); delete it and fetch it again"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{archive}: cannot be unpacked into {home} ({reason})") from error
    finally:
        with suppress(OSError):  # in use unless nothing was unpacked
            home.rmdir()


def _move(unpacked: Path, place: Path) -> None:
    """Moves a folder to its place, unless another process has unpacked the same archive there meanwhile."""
    try:
        unpacked.rename(place)
    except OSError:
        if not (place / SUMS).is_file():
            raise


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _record_sums(folder: Path) -> None:
    """Keeps the hashes of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    (folder / SUMS).write_text(json.dumps(sums), encoding="utf-8")


def _unpack_tar(archive: Path, staging: Path, wanted: Callable[[str], bool]) -> None:
    """Regular files only; `extract` with a filter would be shorter, and is missing from early 3.11."""
    with open_regular(archive) as (handle, size), tarfile.open(fileobj=handle) as tar:
        room = _UNPACKED * budget(size)
        for member in tar:
            room -= _checked(member.name, member.size if member.isfile() else 0, room)
            if member.isfile() and wanted(member.name):
                content = tar.extractfile(member)
                assert content is not None  # it is a file
                _put(content, staging / member.name)


def _unpack_zip(archive: Path, staging: Path, wanted: Callable[[str], bool]) -> None:
    with open_regular(archive) as (handle, size), zipfile.ZipFile(handle) as zipped:
        room = _UNPACKED * budget(size)
        for info in zipped.infolist():
            room -= _checked(info.filename, info.file_size, room)
            if wanted(info.filename) and not info.is_dir():
                with zipped.open(info) as content:
                    _put(content, staging / info.filename)


_UNPACKED = 4  # archives of pictures hardly shrink them


def _checked(name: str, size: int, room: int) -> int:
    """The size of a member that may be unpacked.

    Raises:
        ValueError: it has no name, leaves the folder, or there is no room for it.
    """
    if not name:
        raise ValueError("a member has no name")
    if ".." in PurePosixPath(name).parts or name.startswith("/") or "\0" in name:
        raise ValueError(f"member {name!r} leaves the folder")
    if size > room:
        raise ValueError(f"member {name!r} unpacks to more than its archive's size allows")
    return size


def _put(content: BufferedIOBase | IO[bytes], place: Path) -> None:
    """Writes a member; a zip member ends where its declared size does."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        shutil.copyfileobj(content, file)
