"""Checks of a dataset and their results."""

from collections.abc import Mapping
from typing import Any

from lyceum_client.addresses import read_address
from lyceum_client.answers import Check, CheckPlan, CheckRun, DatasetVersion, read_answer
from lyceum_client.errors import RunFailed, error_from_job
from lyceum_client.record_checks import RecordsChecked
from lyceum_client.tables import as_json, rows_of
from lyceum_client.transport import Transport, segment
from lyceum_client.waiting import last_state


class Checks:
    """`client.checks`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, address: str) -> tuple[Check, ...]:
        """Return a dataset's checks."""
        return _checks(self._transport.get(f"/datasets/{read_address(address).path}/checks"))

    def suggest(self, address: str) -> tuple[Check, ...]:
        """Keep the checks that the latest version's profile suggests, and return them with their reasons."""
        return _checks(self._transport.post(f"/datasets/{read_address(address).path}/checks/suggest"))

    def add(self, address: str, definition: Mapping[str, Any], *, reason: str = "") -> Check:
        """Keep a check with a dataset: `{"kind": "range", "column": "age", "min": 0}`.

        The reference of checks lists the kinds. Raises `InvalidRequest`.
        """
        body = {"definition": dict(definition), **({"reason": reason} if reason else {})}
        return read_answer(Check, self._transport.post(f"/datasets/{read_address(address).path}/checks", body))

    def pull(self, address: str) -> str:
        """Return a dataset's checks as a YAML file, each below the reason for it."""
        return self._transport.get_text(f"/datasets/{read_address(address).path}/checks.yaml")

    def push(self, address: str, text: str, *, dry_run: bool = False) -> CheckPlan:
        """Have a dataset's checks be those of a YAML file, and return what that changes; others stop.

        A check is known by what it is called: it keeps what it found. With `dry_run` nothing changes. Raises
        `InvalidRequest` with the line of what cannot be used.
        """
        path = f"/datasets/{read_address(address).path}/checks.yaml"
        params = {"dry_run": "true" if dry_run else "false"}
        return read_answer(
            CheckPlan, self._transport.put_text(path, text, params=params, media_type="application/yaml")
        )

    def drop(self, check_id: str) -> None:
        """Stop a check."""
        self._transport.delete(f"/checks/{segment(check_id)}")

    def run(self, address: str, *, timeout_seconds: float | None = None) -> CheckRun:
        """Run a dataset's checks on a version (`org/name@3`, else the latest) and return the results.

        Checks that fail are results; raises `RunFailed` when the checks could not be run, or `WaitedTooLong`.
        """
        parts = read_address(address)
        path = f"/datasets/{parts.path}/versions/{segment(parts.version or 'latest')}/check-runs"
        started = read_answer(CheckRun, self._transport.post(path))
        final = last_state(
            lambda: self.run_result(started.id),
            lambda state: state.has_ended,
            timeout_seconds=timeout_seconds,
            what=f"Checking {address}",
        )
        if final.state == "errored":
            raise error_from_job(
                RunFailed, final.error, otherwise=f"The checks of {address} could not be run.", code="check_run_failed"
            )
        return final

    def run_result(self, check_run_id: str) -> CheckRun:
        """Return a check run in any state."""
        return read_answer(CheckRun, self._transport.get(f"/check-runs/{segment(check_run_id)}"))

    def of_records(self, address: str, records: Any) -> RecordsChecked:
        """Return which of a dataset's checks hold on records, which the hub keeps nowhere.

        `records` are a list of mappings from column to value, one mapping, or a data frame. Raises `InvalidRequest` naming
        record and column.
        """
        path = f"/datasets/{read_address(address).path}/checks/records"
        return read_answer(RecordsChecked, self._transport.post_made(path, as_json(rows_of(records)))[0])

    def quarantine(self, check_run_id: str, dataset: str, *, check_id: str | None = None) -> DatasetVersion:
        """Have all rows that failed in a check run, or failed one check of it, written as a version, and return it pending.

        `dataset` is a name in the organisation of the dataset that was checked; it is made where it is not there. The
        columns `row_number` and `failed_checks` come first. Wait for it with `client.datasets.wait`. Raises
        `InvalidRequest`, `Conflict`.
        """
        body = {"dataset": dataset, **({"check_id": check_id} if check_id else {})}
        path = f"/check-runs/{segment(check_run_id)}/quarantine"
        return read_answer(DatasetVersion, self._transport.post(path, body))


def _checks(data: Any) -> tuple[Check, ...]:
    items = data["items"] if isinstance(data, Mapping) else data
    return tuple(read_answer(Check, item) for item in items)
