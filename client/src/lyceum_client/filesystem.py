"""Datasets as files, for whatever opens addresses by fsspec: `pandas.read_parquet("lyceum://org/name@7")`.

`lyceum://org/name` is a folder of the newest accepted version's Parquet files, `lyceum://org/name@7` of version 7.
Only the ranges that are asked for are loaded, so that a few columns of a wide table cost what they hold. The hub is that
of `LYCEUM_URL` and `LYCEUM_API_KEY`, or of the options `base_url` and `api_key`; what the key may not read is not there.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from lyceum_client.datasets import Datasets, version_path
from lyceum_client.downloads import fetch
from lyceum_client.errors import LyceumError, NotAllowed, NotFound, NotSignedIn
from lyceum_client.transport import Transport
from lyceum_client.version_files import VersionFile

MASKED = "columns_masked"
"""Why a hub gives no files of a version whose rows can be downloaded."""
_FORBIDDEN = 403
_PARTS = 3


@dataclass(frozen=True)
class _Version:
    """The files of a version by their names; or the whole of it as a local file, where the hub gives none."""

    files: dict[str, VersionFile]
    expires_at: datetime
    whole: Path | None = None

    def is_fresh(self) -> bool:
        return self.whole is not None or datetime.now(timezone.utc) < self.expires_at


class LyceumFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The datasets of a hub, to be read."""

    protocol = "lyceum"

    def __init__(
        self, base_url: str | None = None, api_key: str | None = None, *, timeout: float = 60.0, **options: Any
    ) -> None:
        super().__init__(**options)
        self._transport = Transport(base_url, api_key, timeout_seconds=timeout)
        finalize(self, self._transport.close)
        self._datasets = Datasets(self._transport)
        self._versions: dict[str, _Version] = {}
        self._copies: Path | None = None
        self._lock = Lock()

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT001, FBT002 as fsspec calls it
        """Return what lies below an organisation, a dataset or one of its versions, or a file itself."""
        entries = list(self._entries(self._strip_protocol(path)))
        return entries if detail else [entry["name"] for entry in entries]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return what is known of a file or a folder; raises FileNotFoundError, PermissionError."""
        place = self._strip_protocol(path)
        parts = place.split("/") if place else []
        if len(parts) < 2:
            return _folder(place)
        if len(parts) == _PARTS:
            return _file(place, self._file(place).byte_count)
        version = self._version(place, anew=not _is_pinned(place))
        return _folder(place) if version.whole is None else _file(place, version.whole.stat().st_size)

    def modified(self, path: str) -> datetime:
        """Return a time that differs whenever what lies there may: a file and a numbered version never change."""
        place = self._strip_protocol(path)
        is_settled = place.count("/") == _PARTS - 1 or _is_pinned(place)
        return datetime.fromtimestamp(0, timezone.utc) if is_settled else datetime.now(timezone.utc)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        place = self._strip_protocol(path)
        if mode != "rb":
            raise ValueError(f"{path} can be read, not written; upload a new version instead.")
        if place.count("/") < 1:
            raise IsADirectoryError(f"{path} is no dataset; write lyceum://organisation/name.")
        if place.count("/") == 1:
            version = self._version(place)
            if version.whole is not None or len(version.files) != 1:
                return self._ranges_of_copy(place, mode)
            place = f"{place}/{next(iter(version.files))}"
        # ranges are asked for as they come: whoever reads Parquet knows best what they need next
        options["cache_type"] = options.get("cache_type") or "none"
        if options["cache_type"] == "readahead":
            options["cache_type"] = "none"
        return _Ranges(self, place, mode, size=self._file(place).byte_count, **options)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Return a range of a file, or all of it."""
        place = self._strip_protocol(path)
        size = self.info(place)["size"] if place.count("/") == _PARTS - 1 else 0
        if not size:
            with self.open(place) as file:
                return bytes(file.read())
        first = 0 if start is None else start if start >= 0 else max(0, size + start)
        last = size if end is None else min(size, end) if end >= 0 else size + end
        return self.read_range(place, first, last)

    def read_range(self, place: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end` of a file; its address is asked for again where it has run out."""
        with _as_os_errors(place):
            try:
                return self._transport.read_range(self._file(place).url, start, end)
            except LyceumError as error:
                if error.status != _FORBIDDEN:
                    raise
            self._version(place.rpartition("/")[0], anew=True)
            return self._transport.read_range(self._file(place).url, start, end)

    def _entries(self, place: str) -> Iterator[dict[str, Any]]:
        parts = place.split("/") if place else []
        if len(parts) < 2:
            with _as_os_errors(place):
                addresses = [dataset.address for dataset in self._datasets.list()]
            if not parts:
                yield from (_folder(org) for org in sorted({address.partition("/")[0] for address in addresses}))
            else:
                yield from (_folder(one) for one in sorted(addresses) if one.startswith(f"{place}/"))
            return
        if len(parts) == _PARTS:
            yield self.info(place)
            return
        version = self._version(place, anew=not _is_pinned(place))
        if version.whole is not None:
            yield _file(place, version.whole.stat().st_size)
        for name, file in version.files.items():
            yield _file(f"{place}/{name}", file.byte_count)

    def _file(self, place: str) -> VersionFile:
        parent, _, name = place.rpartition("/")
        file = self._version(parent).files.get(name) or self._version(parent, anew=True).files.get(name)
        if file is None:
            raise FileNotFoundError(f"{parent} has no file {name}.")
        return file

    def _version(self, place: str, *, anew: bool = False) -> _Version:
        """Return a version as it was found last, or as it is now."""
        found = self._versions.get(place)
        if found is None or anew or not found.is_fresh():
            with _as_os_errors(place):
                found = self._versions[place] = self._found(place)
        return found

    def _found(self, place: str) -> _Version:
        try:
            told = self._datasets.files(place)
        except NotAllowed as error:
            if error.code != MASKED:
                raise
            return _Version({}, datetime.now(timezone.utc), whole=self._copy(place))
        return _Version({file.name: file for file in told.files}, told.expires_at)

    def _ranges_of_copy(self, place: str, mode: str) -> Any:
        with _as_os_errors(place):
            copy = self._versions[place].whole or self._copy(place)
        return _Ranges(self, place, mode, size=copy.stat().st_size, cache_type="none", copy=copy)

    def _copy(self, place: str) -> Path:
        """Load all of a version as one file, gone when this program ends."""
        with self._lock:
            if self._copies is None:
                self._copies = Path(tempfile.mkdtemp(prefix="lyceum-"))
                finalize(self, shutil.rmtree, self._copies, ignore_errors=True)
        number = self._datasets.version(place).number
        exact = f"{place.partition('@')[0]}@{number}"
        at = self._copies / f"{exact.replace('/', '@')}.parquet"
        with self._lock:
            if not at.exists():
                arriving = at.with_suffix(".arriving")
                fetch(self._transport, f"{version_path(exact)}/rows?format=parquet", arriving)
                arriving.rename(at)
        return at


class _Ranges(AbstractBufferedFile):  # type: ignore[misc]
    """A file that is read where it is asked to be; nobody has to close it, which not every reader does."""

    def __init__(
        self, files: LyceumFileSystem, path: str, mode: str, *, copy: Path | None = None, **options: Any
    ) -> None:
        super().__init__(files, path, mode, **options)
        self._local = copy

    def _fetch_range(self, start: int, end: int) -> bytes:
        if self._local is None:
            content: bytes = self.fs.read_range(self.path, start, end)
            return content
        with self._local.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


@contextmanager
def _as_os_errors(place: str) -> Iterator[None]:
    """Raise what readers of files know for what the hub refuses."""
    try:
        yield
    except NotFound as error:
        raise FileNotFoundError(str(error)) from error
    except (NotAllowed, NotSignedIn) as error:
        raise PermissionError(str(error)) from error
    except ValueError as error:
        raise FileNotFoundError(f"{place!r} is no dataset; write lyceum://organisation/name or …/name@7.") from error


def _is_pinned(place: str) -> bool:
    """Say whether an address always means the same version."""
    return place.rpartition("@")[2].isdigit()


def _folder(place: str) -> dict[str, Any]:
    return {"name": place, "size": 0, "type": "directory"}


def _file(place: str, size: int) -> dict[str, Any]:
    return {"name": place, "size": size, "type": "file"}
