"""Jobs: what the hub is working on."""

from lyceum_client.answers import Job, read_answer
from lyceum_client.transport import Transport, segment


class Jobs:
    """`client.jobs`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, job_id: str) -> Job:
        """Return a job and how far it is; raises `NotFound`."""
        return read_answer(Job, self._transport.get(f"/jobs/{segment(job_id)}"))

    def cancel(self, job_id: str) -> Job:
        """Call a job off; it stops within a second."""
        return read_answer(Job, self._transport.post(f"/jobs/{segment(job_id)}/cancel"))
