"""What is recorded of a request by its route alone, whatever its service says or does not say.

The action is the operation's id in the API's document; the object is what the path names, else what the answer tells of.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from lyceum.accounts.audit.recording import Entry, Notes, ObjectRef, add_with_commit, digest_of_answer, noting
from lyceum.accounts.audit.refusals import Refusals
from lyceum.accounts.policy import ANYONE, Actor
from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.problems import Problem
from lyceum.kernel.tx import aside

__all__ = ["TX_TO_RECORD_IN", "Recorder", "not_recorded", "noting"]

TX_TO_RECORD_IN = "lyceum.tx_to_record_in"
"""Where in a request's scope stands its transaction on the primary, when it has one."""

_NOT_RECORDED = "__not_recorded__"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFIX = "/api/v1/"
_ID = re.compile(r"\{(\w+)_id(?::\w+)?\}")

F = TypeVar("F", bound=Callable[..., object])


def not_recorded(endpoint: F) -> F:
    """Leave a route out of the audit log: one step of many in what another route has recorded."""
    setattr(endpoint, _NOT_RECORDED, True)
    return endpoint


class Recorder:
    """Makes the entries of one route's requests and has them written."""

    def __init__(self, endpoint: object, *, action: str, path: str) -> None:
        self._action = action
        self._records = not getattr(endpoint, _NOT_RECORDED, False)
        self._kind = _kind_of(path)
        self._ids = tuple(found[1] for found in _ID.finditer(path))
        self._has_address = "{org}/{name}" in path

    async def entries(self, request: Request, who: Actor, notes: Notes, response: Response) -> list[Entry]:
        """Return what is to be recorded of a request that was answered: a change, or reads of sensitive objects."""
        if response.status_code >= 400 or not self._records or notes.is_recorded:
            return []
        if request.method in _READS:
            if not notes.reads:
                return []
            entry = Entry(who, self._action, "read", request_id=request.scope.get("request_id"), address=notes.address)
            return [replace(entry, object=read) for read in notes.reads]
        digest, said = await digest_of_answer(bytes(getattr(response, "body", b"")))
        return [
            Entry(
                who=_whose(who, notes),
                action=self._action,
                outcome="done",
                object=self._object(request, notes, said),
                before_digest=notes.before_digest,
                after_digest=notes.after_digest or digest,
                request_id=request.scope.get("request_id"),
                address=notes.address,
            )
        ]

    def record_in_tx(self, request: Request, entries: list[Entry]) -> None:
        """Have entries written in the message that commits the request's transaction, if it has one; they are then gone."""
        tx: AsyncSession | None = request.scope.get(TX_TO_RECORD_IN)
        if tx is None:
            return
        for entry in entries:
            add_with_commit(tx, entry)
        entries.clear()

    async def record_aside(self, database: Database, entries: Sequence[Entry]) -> None:
        """Write the entries of a request that had no transaction of its own, or read where nothing can be written."""
        if not entries:
            return
        async with aside(database, NOBODY) as tx:
            for entry in entries:
                add_with_commit(tx, entry)

    def refused(self, request: Request, who: Actor, notes: Notes, problem: Problem) -> None:
        """Have a refused attempt written soon, also at a route that is else left out."""
        refusals: Refusals = request.app.state.refusals
        refusals.add(
            Entry(
                who=_whose(who, notes),
                action=self._action,
                outcome="refused",
                reason=problem.code,
                object=self._object(request, notes, {}),
                request_id=request.scope.get("request_id"),
                address=notes.address,
            )
        )

    def _object(self, request: Request, notes: Notes, said: dict[str, Any]) -> ObjectRef:
        of = self._named(request, said)
        noted = notes.object
        return ObjectRef(noted.kind or of.kind, noted.id or of.id, noted.address or of.address, noted.org_id)

    def _named(self, request: Request, said: dict[str, Any]) -> ObjectRef:
        given = request.path_params
        if self._ids:
            kind = self._ids[-1]
            return ObjectRef(kind, str(given.get(f"{kind}_id")))
        if self._has_address:
            return ObjectRef(self._kind, None, f"{given['org']}/{given['name']}")
        address = said.get("address") or given.get("org")
        made = said.get("id")
        return ObjectRef(self._kind, str(made) if made is not None else None, str(address) if address else None)


def _whose(who: Actor, notes: Notes) -> Actor:
    """Return who acted, or whose account somebody nobody knows tried to use."""
    return replace(ANYONE, user_id=notes.actor_id) if who.user_id is None and notes.actor_id is not None else who


def _kind_of(path: str) -> str | None:
    words = [word for word in path.removeprefix(_PREFIX).split("/") if word and "{" not in word]
    if not words:
        return None
    of_hub = words[0] in {"hub", "admin"} and len(words) > 1
    word = words[1] if of_hub else words[0]
    return word.removesuffix("s").replace("-", "_")
