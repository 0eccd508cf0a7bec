"""API keys."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lyceum_client.answers import ApiKey, NewApiKey, read_answer
from lyceum_client.transport import Transport, segment


class Keys:
    """`client.keys`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, name: str, *, scopes: Sequence[str] | None = None, expires_at: datetime | None = None
    ) -> NewApiKey:
        """Make a key; its `secret` is told this once. None for `scopes` gives all that your role has."""
        given = {
            "scopes": None if scopes is None else list(scopes),
            "expires_at": None if expires_at is None else expires_at.isoformat(),
        }
        body = {"name": name, **{key: value for key, value in given.items() if value is not None}}
        return read_answer(NewApiKey, self._transport.post("/api-keys", body))

    def list(self) -> Iterator[ApiKey]:
        """Yield the organisation's keys, newest first."""
        return self._transport.pages("/api-keys", lambda item: read_answer(ApiKey, item))

    def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key; within a second it opens nothing."""
        return read_answer(ApiKey, self._transport.delete(f"/api-keys/{segment(key_id)}"))
