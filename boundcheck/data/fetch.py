"""Finding a source's files on disk, fetching the missing ones, checking hashes, unpacking archives safely."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pooch
import requests

from boundcheck._places import atomic_path
from boundcheck.data.base import Places, Progress, Remote, Source
from boundcheck.errors import DataMissingError, FileError


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
        except requests.RequestException as error:
            reason = f"{source.name}: cannot fetch it ({_reason(error)})"
            raise DataMissingError(f"{reason}; {remedy(source, places)}") from error
        if not _intact(temporary, remote):
            raise FileError(
                f"{remote.url}: arrived corrupt, wanted {remote.hash}; try again, or {remedy(source, places)}"
            )
    return target


def _reason(error: requests.RequestException) -> str:
    """A few words on a failed request; the full text of `requests` runs over several nested errors."""
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "connection lost"
    return "no connection"


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
    staging = home / f".unpack-{uuid.uuid4().hex[:8]}"
    try:
        staging.mkdir(parents=True)
        if archive.suffix == ".zip":
            _unpack_zip(archive, staging, wanted)
        else:
            _unpack_tar(archive, staging, wanted)
        for name in folders:
            if (staging / name).is_dir():
                (staging / name).rename(home / name)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise FileError(f"{archive}: truncated or unsafe archive ({error}); delete it and fetch it again") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{archive}: cannot be unpacked into {home} ({reason})") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # in use unless nothing was unpacked
            home.rmdir()


def _unpack_tar(archive: Path, staging: Path, wanted: Callable[[str], bool]) -> None:
    """Regular files only; `extract` with a filter would be shorter, and is missing from early 3.11."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if _leaves(member.name):
                raise tarfile.TarError(f"member {member.name!r} leaves the folder")
            if member.isfile() and wanted(member.name):
                place, content = staging / member.name, tar.extractfile(member)
                assert content is not None  # it is a file
                place.parent.mkdir(parents=True, exist_ok=True)
                with content, place.open("wb") as file:
                    shutil.copyfileobj(content, file)


def _unpack_zip(archive: Path, staging: Path, wanted: Callable[[str], bool]) -> None:
    with zipfile.ZipFile(archive) as zipped:
        for name in zipped.namelist():
            if _leaves(name):
                raise zipfile.BadZipFile(f"member {name!r} leaves the folder")
            if wanted(name):
                zipped.extract(name, staging)


def _leaves(name: str) -> bool:
    """Whether an archive's member would be written outside the folder it is unpacked into."""
    return ".." in PurePosixPath(name).parts or name.startswith("/")
