"""Training runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from lyceum_client.answers import ModelVersion, Run, read_answer
from lyceum_client.errors import RunFailed, error_from_job
from lyceum_client.transport import Transport, segment
from lyceum_client.waiting import states


class Runs:
    """`client.runs`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self,
        dataset: str,
        *,
        target: str,
        time_limit_seconds: float | None = None,
        leave_out: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> Run:
        """Start a training on `org/name` (its latest version) or `org/name@3`, and return it queued.

        `leave_out` maps a column to the reason it is not learned from. Raises `InvalidRequest`, `NotFound`.
        """
        given = {"time_limit_seconds": time_limit_seconds, "seed": seed}
        body = {
            "dataset": dataset,
            "target": target,
            "leave_out": dict(leave_out or {}),
            **{name: value for name, value in given.items() if value is not None},
        }
        return read_answer(Run, self._transport.post("/runs", body))

    def get(self, run_id: str) -> Run:
        """Return a run with its leaderboard so far; raises `NotFound`."""
        return read_answer(Run, self._transport.get(f"/runs/{segment(run_id)}"))

    def list(self) -> Iterator[Run]:
        """Yield the organisation's runs, newest first."""
        return self._transport.pages("/runs", lambda item: read_answer(Run, item))

    def watch(self, run_id: str, *, timeout_seconds: float | None = None) -> Iterator[Run]:
        """Yield the run each time it has changed, until it has ended; the last one has its final state."""
        return states(
            lambda: self.get(run_id),
            lambda run: run.has_ended,
            timeout_seconds=timeout_seconds,
            what=f"The training run {run_id}",
        )

    def wait(self, run_id: str, *, timeout_seconds: float | None = None) -> Run:
        """Return the run once it is finished; raises `RunFailed` when it failed or was cancelled."""
        *_, final = self.watch(run_id, timeout_seconds=timeout_seconds)
        if final.state != "finished":
            raise error_from_job(
                RunFailed, final.error, otherwise=f"The training run was {final.state}.", code="run_failed"
            )
        return final

    def cancel(self, run_id: str) -> Run:
        """Call a run off; it stops within a second. One that has ended stays as it is."""
        return read_answer(Run, self._transport.post(f"/runs/{segment(run_id)}/cancel"))

    def report(self, run_id: str) -> dict[str, Any]:
        """Return what a finished run found on held-out rows: importances, curves, confusion, parity, sample rows."""
        report: dict[str, Any] = self._transport.get(f"/runs/{segment(run_id)}/report")
        return report

    def register(self, run_id: str, name: str, *, alias: str | None = "champion") -> ModelVersion:
        """Register a finished run's model as the next version of the model `name`, and have `alias` name it.

        Raises `Conflict` for a run that is not finished. Doing it again returns the same version.
        """
        data = self._transport.post(f"/runs/{segment(run_id)}/register", {"name": name, "alias": alias})
        return read_answer(ModelVersion, data)
