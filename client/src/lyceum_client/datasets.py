"""Datasets and their versions."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from lyceum_client.addresses import read_address
from lyceum_client.answers import Dataset, DatasetVersion, Preview, read_answer
from lyceum_client.erasures import Erasure
from lyceum_client.errors import Conflict, VersionRejected, error_from_job
from lyceum_client.tables import Uploadable, table_file
from lyceum_client.transport import Transport, segment
from lyceum_client.uploads import OnBegun, OnProgress, Uploads
from lyceum_client.version_files import VersionFiles
from lyceum_client.waiting import last_state

CHANGE_ATTEMPTS_MAX = 4


class Datasets:
    """`client.datasets`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._uploads = Uploads(transport)

    def create(
        self,
        name: str,
        *,
        description: str = "",
        column_notes: Mapping[str, str] | None = None,
        visibility: str = "private",
    ) -> Dataset:
        """Make an empty dataset in the key's organisation; raises `Conflict` when the name is taken.

        `column_notes` maps a column to a sentence about it; `visibility` is private, internal or public.
        """
        body = {
            "name": name,
            "description": description,
            "column_notes": dict(column_notes or {}),
            "visibility": visibility,
        }
        return read_answer(Dataset, self._transport.post("/datasets", body))

    def get(self, address: str) -> Dataset:
        """Return a dataset; raises `NotFound`."""
        return read_answer(Dataset, self._transport.get(f"/datasets/{read_address(address).path}"))

    def list(self) -> Iterator[Dataset]:
        """Yield the datasets you may read, newest first."""
        return self._transport.pages("/datasets", lambda item: read_answer(Dataset, item))

    def update(
        self,
        address: str,
        *,
        description: str | None = None,
        column_notes: Mapping[str, str] | None = None,
        visibility: str | None = None,
        revision: int | None = None,
    ) -> Dataset:
        """Change what is given of a dataset and return it as it is then; `column_notes` takes the place of all there were.

        With the `revision` of the dataset you have read, nobody's change is overwritten unseen: raises `Conflict` when
        somebody was there before, and its `problem["newest"]` is what is there now. Without, what is given is set whatever
        is there. Raises `NotFound`, `InvalidRequest`.
        """
        path = f"/datasets/{read_address(address).path}"
        notes = None if column_notes is None else dict(column_notes)
        said = {"description": description, "column_notes": notes, "visibility": visibility}
        body = {name: value for name, value in said.items() if value is not None}
        for attempt in range(1, CHANGE_ATTEMPTS_MAX + 1):
            made_from = self.get(address).revision if revision is None else revision
            try:
                return read_answer(Dataset, self._transport.patch(path, body, if_match=f'"{made_from}"'))
            except Conflict as error:
                if error.code != "revision_stale" or revision is not None or attempt == CHANGE_ATTEMPTS_MAX:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def archive(self, address: str) -> None:
        """Take a dataset out of sight and free its name."""
        self._transport.delete(f"/datasets/{read_address(address).path}")

    def upload(
        self,
        table: "str | os.PathLike[str] | Uploadable",
        address: str,
        *,
        file_format: str | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        has_header: bool | None = None,
        on_progress: OnProgress | None = None,
    ) -> DatasetVersion:
        """Send a file, or a data frame of pandas or Polars, as the dataset's next version, and return it pending.

        `file_format` is csv, parquet or jsonl. The hub finds out what is None: the format, and of text the encoding, the
        character between the fields, and whether the first line names the columns. `wait` follows the version.
        """
        target = read_address(address)
        upload_id = self.send(table, name=target.name, on_progress=on_progress)
        return self.add_version(
            address,
            upload_id,
            file_format=file_format,
            encoding=encoding,
            delimiter=delimiter,
            has_header=has_header,
        )

    def send(
        self,
        table: "str | os.PathLike[str] | Uploadable",
        *,
        name: str = "table",
        on_progress: OnProgress | None = None,
        on_begun: OnBegun | None = None,
    ) -> str:
        """Send a file, or a data frame under this name, and return the upload's id for `add_version`.

        A large file goes in parts, a few at once, each again where the connection breaks. Nothing is made of it before;
        an upload nobody makes anything of is removed after a day. `on_begun` gets the id at once, for `resume`.
        """
        with table_file(table, name=name) as path:
            return self._uploads.send(path, on_progress=on_progress, on_begun=on_begun)

    def abandon(self, upload_id: str) -> None:
        """Remove what was sent and nothing was made of; raises `Conflict` when something was, `NotFound`."""
        self._transport.delete(f"/uploads/{segment(upload_id)}")

    def resume(self, path: "str | os.PathLike[str]", upload_id: str, *, on_progress: OnProgress | None = None) -> str:
        """Go on with a large file whose sending ended early, in another process perhaps; return the upload's id.

        Only what is missing is sent. Raises `NotFound` when its day is over, `Conflict` for a file of another size.
        """
        with table_file(path, name="table") as found:
            return self._uploads.resume(found, upload_id, on_progress=on_progress)

    def add_version(
        self,
        address: str,
        upload_id: str,
        *,
        file_format: str | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        has_header: bool | None = None,
    ) -> DatasetVersion:
        """Make a dataset's next version of what was sent, and return it pending; the options are those of `upload`.

        `wait` follows the version.
        """
        said = {"format": file_format, "encoding": encoding, "delimiter": delimiter, "has_header": has_header}
        body = {"upload_id": upload_id, **{name: value for name, value in said.items() if value is not None}}
        path = f"/datasets/{read_address(address).path}/versions"
        return read_answer(DatasetVersion, self._transport.post(path, body))

    def wait(self, version: DatasetVersion, *, timeout_seconds: float | None = None) -> DatasetVersion:
        """Return the version once it is accepted; raises `VersionRejected` with where and why, or `WaitedTooLong`."""
        final = last_state(
            lambda: self._follow(version.id),
            lambda state: state.state != "pending",
            timeout_seconds=timeout_seconds,
            what=f"Reading {version.file_name}",
        )
        if final.state == "rejected":
            raise error_from_job(
                VersionRejected, final.error, otherwise=f"{version.file_name} was refused.", code="rejected"
            )
        return final

    def version(self, address: str) -> DatasetVersion:
        """Return an accepted version: that after the `@` of the address, else the latest."""
        return read_answer(DatasetVersion, self._transport.get(version_path(address)))

    def versions(self, address: str) -> Iterator[DatasetVersion]:
        """Yield a dataset's versions, newest first, with those pending and rejected."""
        path = f"/datasets/{read_address(address).path}/versions"
        return self._transport.pages(path, lambda item: read_answer(DatasetVersion, item))

    def preview(self, address: str, *, limit: int = 50) -> Preview:
        """Return the first rows of a version (`org/name@3`, else the latest)."""
        data = self._transport.get(f"{version_path(address)}/preview", params={"limit": limit})
        return read_answer(Preview, data)

    def profile(self, address: str) -> dict[str, Any]:
        """Return what a version looks like: rows, and counts, ranges, quantiles and histograms of every column."""
        profile: dict[str, Any] = self._transport.get(f"{version_path(address)}/profile")
        return profile

    def files(self, address: str) -> VersionFiles:
        """Return where the Parquet files of a version lie (`org/name@3`, else the latest), for what reads them itself.

        Raises `NotFound`, and `NotAllowed` where columns are masked for you: download the version then.
        """
        told = read_answer(VersionFiles, self._transport.get(f"{version_path(address)}/files"))
        return replace(told, files=tuple(replace(file, url=self._transport.whole(file.url)) for file in told.files))

    def erase(self, address: str, *, column: str, value: str) -> Erasure:
        """Have the rows whose `column` is `value` removed from every version, and return the erasure queued.

        Nothing brings them back. `wait_for_erasure` follows it. Raises `Conflict` while a version is being made.
        """
        path = f"/datasets/{read_address(address).path}/erasures"
        return read_answer(Erasure, self._transport.post(path, {"column": column, "value": value}))

    def wait_for_erasure(self, erasure: Erasure, *, timeout_seconds: float | None = None) -> Erasure:
        """Return the erasure once it is done or has failed; raises `WaitedTooLong`."""
        return last_state(
            lambda: read_answer(Erasure, self._transport.get(f"/dataset-erasures/{segment(erasure.id)}")),
            lambda state: state.state != "queued",
            timeout_seconds=timeout_seconds,
            what=f"Erasing from {erasure.dataset}",
        )

    def _follow(self, version_id: str) -> DatasetVersion:
        return read_answer(DatasetVersion, self._transport.get(f"/dataset-versions/{segment(version_id)}"))


def version_path(address: str) -> str:
    """Return where a version lies below the API: that after the `@` of the address, else the latest."""
    parts = read_address(address)
    return f"/datasets/{parts.path}/versions/{segment(parts.version or 'latest')}"
