"""Incidents: what is wrong with datasets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lyceum_client.answers import read_answer
from lyceum_client.transport import Transport, segment


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is wrong with a dataset; `severity` is info, warning or critical."""

    id: str
    dataset: str
    kind: str
    title: str
    summary: str
    severity: str
    state: str
    version: int | None
    occurrences: int
    first_seen_at: datetime
    last_seen_at: datetime


class Incidents:
    """`client.incidents`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, incident_id: str) -> Incident:
        """Return an incident; raises `NotFound`."""
        return read_answer(Incident, self._transport.get(f"/incidents/{segment(incident_id)}"))

    def list(self, *, dataset: str | None = None, states: Sequence[str] = ()) -> Iterator[Incident]:
        """Yield incidents, those that opened last first: all, those of a dataset, or those in some states.

        A state is open, acknowledged, snoozed or resolved.
        """
        params = {"dataset": dataset, "state": list(states)}
        given = {name: value for name, value in params.items() if value}
        return self._transport.pages("/incidents", lambda item: read_answer(Incident, item), params=given)
