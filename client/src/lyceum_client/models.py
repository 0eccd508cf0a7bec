"""Models, their versions, and predictions."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lyceum_client.addresses import read_address
from lyceum_client.answers import Model, ModelVersion, Predictions, read_answer
from lyceum_client.downloads import fetch
from lyceum_client.errors import AnswerUnusable, NotFound
from lyceum_client.tables import as_json, rows_of
from lyceum_client.transport import Transport, segment
from lyceum_client.watched import WatchedVersion

LATEST = "latest"


class Models:
    """`client.models`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, address: str) -> Model:
        """Return a model with its aliases; raises `NotFound`."""
        return read_answer(Model, self._transport.get(f"/models/{read_address(address).path}"))

    def list(self) -> Iterator[Model]:
        """Yield the models you may read, newest first."""
        return self._transport.pages("/models", lambda item: read_answer(Model, item))

    def archive(self, address: str) -> None:
        """Take a model out of service and free its name."""
        self._transport.delete(f"/models/{read_address(address).path}")

    def version(self, address: str) -> ModelVersion:
        """Return a version by number (`org/name@3`) or alias (`org/name@champion`), else the latest.

        Raises `NotFound`.
        """
        path, number = self._numbered(address)
        return read_answer(ModelVersion, self._transport.get(f"/models/{path}/versions/{number}"))

    def versions(self, address: str) -> Iterator[ModelVersion]:
        """Yield a model's versions, newest first."""
        path = f"/models/{read_address(address).path}/versions"
        return self._transport.pages(path, lambda item: read_answer(ModelVersion, item))

    def set_alias(self, address: str, alias: str, version: int) -> Model:
        """Have an alias name a version from now on; predictions follow within a second."""
        path = f"/models/{read_address(address).path}/aliases/{segment(alias)}"
        return read_answer(Model, self._transport.put(path, {"version": version}))

    def predict(self, address: str, rows: Any, *, trial: bool = False) -> Predictions:
        """Return a prediction for each row: a list of mappings from column to value, one mapping, or a data frame.

        Without `@` the champion answers, else the latest version. With `trial` the rows are answered and not kept: for those
        that are made up or repeated, which whoever watches the model should not take for what it is asked.
        Raises `InvalidRequest` naming row and column.
        """
        parts = read_address(address)
        version = f"@{parts.version}" if parts.version else ""
        body = as_json({"rows": rows_of(rows)})
        path, headers = f"/models/{parts.path}{segment(version)}/predict", {"lyceum-trial": "1"} if trial else None
        told, request_id = self._transport.post_made(path, body, headers=headers)
        return read_answer(Predictions, {**told, "request_id": request_id})

    def watch(self, address: str) -> tuple[WatchedVersion, ...]:
        """Return what the newest predictions of a model's versions are like beside their training, newest first."""
        told = self._transport.get(f"/models/{read_address(address).path}/watch")
        return tuple(read_answer(WatchedVersion, item) for item in told["items"])

    def take_up(self, address: str) -> str:
        """Have what a model predicted taken up now instead of within five minutes; returns the id of the job."""
        told = self._transport.post(f"/models/{read_address(address).path}/watch")
        return str(told["job_id"])

    def download(self, address: str, path: "str | os.PathLike[str]") -> Path:
        """Write a version's ONNX file to `path` and return that; nothing half-written stays when it fails.

        Where the connection breaks, it goes on from there. Raises `NotFound`, `HubUnavailable`, and `AnswerUnusable` when the checksum does not fit.
        """
        model_path, number = self._numbered(address)
        target = Path(path)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            partial = Path(folder) / target.name
            place = f"/models/{model_path}/versions/{number}/artifact"
            if not fetch(self._transport, place, partial):
                raise AnswerUnusable(
                    None, "content_differs", f"What arrived of {address} is not what the hub has; try again."
                )
            partial.replace(target)
        return target

    def _numbered(self, address: str) -> tuple[str, int]:
        parts = read_address(address)
        version = parts.version or LATEST
        if version.isascii() and version.isdigit():
            return parts.path, int(version)
        model = self.get(address)
        number = model.latest_version if version == LATEST else model.aliases.get(version)
        if number is None:
            known = ", ".join(sorted(model.aliases)) or "none"
            raise NotFound(
                None,
                "model_version_not_found",
                f"{model.address} has no version or alias {version!r}; its aliases: {known}.",
            )
        return parts.path, number
