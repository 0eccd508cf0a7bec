"""The client of one hub."""

from types import TracebackType
from typing import final

from lyceum_client.answers import Me, read_answer
from lyceum_client.checks import Checks
from lyceum_client.datasets import Datasets
from lyceum_client.incidents import Incidents
from lyceum_client.jobs import Jobs
from lyceum_client.keys import Keys
from lyceum_client.models import Models
from lyceum_client.runs import Runs
from lyceum_client.storage import Storage
from lyceum_client.transport import Transport


@final
class Client:
    """A hub, for one key. Its connections are kept open; use it as a context manager or call `close`.

    `base_url` falls back to `LYCEUM_URL`, then to this machine's port 8000, and may hold a sub-path; `api_key` falls
    back to `LYCEUM_API_KEY`; `timeout` is the longest silence of the hub in seconds. Raises ValueError for a base URL
    that is none and for a key that cannot be one. Every call raises `LyceumError` for a refusal.
    """

    def __init__(self, base_url: str | None = None, api_key: str | None = None, *, timeout: float = 60.0) -> None:
        self._transport = Transport(base_url, api_key, timeout_seconds=timeout)
        self.datasets = Datasets(self._transport)
        self.checks = Checks(self._transport)
        self.runs = Runs(self._transport)
        self.models = Models(self._transport)
        self.incidents = Incidents(self._transport)
        self.keys = Keys(self._transport)
        self.jobs = Jobs(self._transport)
        self.storage = Storage(self._transport)

    @property
    def base_url(self) -> str:
        """The address of the hub, without a trailing slash."""
        return self._transport.base_url

    def me(self) -> Me:
        """Return who the key belongs to and what it may do; raises `NotSignedIn`."""
        return read_answer(Me, self._transport.get("/me"))

    def close(self) -> None:
        """Close the connections to the hub."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
