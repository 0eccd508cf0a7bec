"""Jobs: what the hub is working on."""

from collections.abc import Iterator, Sequence

from lyceum_client.answers import Job, JobLogLine, read_answer
from lyceum_client.transport import Transport, segment
from lyceum_client.waiting import last_state

LOG_LINES_AT_ONCE = 200


class Jobs:
    """`client.jobs`.

    `of_hub` asks for a job of any organisation, which needs the power `hub:operate`.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, job_id: str, *, of_hub: bool = False) -> Job:
        """Return a job and how far it is; raises `NotFound`."""
        return read_answer(Job, self._transport.get(_path(job_id, of_hub=of_hub)))

    def list(self, *, states: Sequence[str] = (), kind: str | None = None) -> Iterator[Job]:
        """Yield the organisation's jobs, newest first: all, or those in some states or of one kind."""
        return self._pages("/jobs", states, kind)

    def list_of_hub(self, *, states: Sequence[str] = (), kind: str | None = None) -> Iterator[Job]:
        """Yield the jobs of all organisations and of the hub itself, as `list` does; needs the power `hub:operate`."""
        return self._pages("/hub/jobs", states, kind)

    def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> Job:
        """Return a job once it has ended, however it ended; raises `NotFound`, `WaitedTooLong`."""
        return last_state(
            lambda: self.get(job_id),
            lambda job: job.has_ended,
            timeout_seconds=timeout_seconds,
            what=f"The job {job_id}",
        )

    def log(self, job_id: str, *, after: int = 0, of_hub: bool = False) -> Iterator[JobLogLine]:
        """Yield what a job has said so far, oldest first, from the line after `after` on; raises `NotFound`."""
        while True:
            params = {"after": after, "limit": LOG_LINES_AT_ONCE}
            page = self._transport.get(f"{_path(job_id, of_hub=of_hub)}/log", params=params)
            for item in page["items"]:
                line = read_answer(JobLogLine, item)
                after = line.number
                yield line
            if len(page["items"]) < LOG_LINES_AT_ONCE:
                return

    def cancel(self, job_id: str, *, of_hub: bool = False) -> Job:
        """Call a job off; it stops within a second."""
        return read_answer(Job, self._transport.post(f"{_path(job_id, of_hub=of_hub)}/cancel"))

    def retry(self, job_id: str, *, of_hub: bool = False) -> Job:
        """Have a job that is dead or was called off tried again; any other is left as it is.

        Raises `Conflict` for a kind that is started anew where it came from, such as a training.
        """
        return read_answer(Job, self._transport.post(f"{_path(job_id, of_hub=of_hub)}/retry"))

    def _pages(self, path: str, states: Sequence[str], kind: str | None) -> Iterator[Job]:
        params = {"state": list(states), **({"kind": kind} if kind else {})}
        return self._transport.pages(path, lambda item: read_answer(Job, item), params=params)


def _path(job_id: str, *, of_hub: bool) -> str:
    return f"{'/hub' if of_hub else ''}/jobs/{segment(job_id)}"
