"""What every route takes: who is asking, and the transaction that works for them and commits before the reply.

The route itself finds out who asks, counts the request and ends the transaction. As dependencies of each other these would
be solved anew at every level, which costs as much as the rest of what stands before the database.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, TypeVar, cast

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from lyceum.accounts.admin.edge import AS_HEADER, acting_as_person
from lyceum.accounts.asking import introduced, who_asks
from lyceum.accounts.audit.edge import TX_TO_RECORD_IN, Recorder, not_recorded, noting
from lyceum.accounts.errors import OrganisationNotFound
from lyceum.accounts.keys.rates import key_rates, take_of_key
from lyceum.accounts.keys.uses import KeyUses
from lyceum.accounts.known import LOOKUPS_AT_ONCE, KnownActors, known_actors
from lyceum.accounts.needs import (
    ADMINISTRATOR,
    ENROLLING,
    KNOWN,
    OPEN,
    SECURITY_SCHEMES,
    SIGNED_IN,
    Check,
    check_of,
    needs,
    needs_fresh,
    needs_of,
    needs_of_object,
    operation_needs,
)
from lyceum.accounts.policy import Actor, Power, SecondFactorNeeded, StepUpNeeded
from lyceum.accounts.sessions.public import AccessTokens, RequestFacts
from lyceum.kernel.config import Settings
from lyceum.kernel.http.middleware import ANSWER_FIELDS
from lyceum.kernel.http.strict_json import StrictRequest
from lyceum.kernel.idempotency.answers import KEEP_ANSWER, IdempotencyKey, keep, refuse_repetition, sent_by
from lyceum.kernel.limits.fields import Limit, OverLimit, address_of
from lyceum.kernel.limits.leases import Leases
from lyceum.kernel.limits.windows import Windows
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import note_in_log
from lyceum.kernel.tx import transaction
from lyceum.kernel.valkey import ValkeyLine

__all__ = [
    "ADMINISTRATOR",
    "ENROLLING",
    "KEEPS_ANSWER",
    "KEEPS_THAT_IT_WAS_DONE",
    "KNOWN",
    "LOOKUPS_AT_ONCE",
    "OPEN",
    "SECURITY_SCHEMES",
    "SIGNED_IN",
    "CurrentResources",
    "Facts",
    "HubRoute",
    "KeyUses",
    "KnownActors",
    "Power",
    "PrimaryTx",
    "Tokens",
    "Tx",
    "Who",
    "api_router",
    "counts_as_push",
    "introduced",
    "key_rates",
    "known_actors",
    "limit_challenges",
    "limit_sign_ins",
    "needs",
    "needs_fresh",
    "needs_of",
    "needs_of_object",
    "not_recorded",
    "open_tx",
    "operation_id",
    "operation_needs",
    "own_limit",
    "push_limits",
    "take_of_key",
]

F = TypeVar("F", bound=Callable[..., object])

KeepAnswer = Callable[[Response], Awaitable[None]]

_OWN_LIMIT, _PUSHES = "__own_limit__", "__counts_as_push__"
_ACTOR = "lyceum.actor"
_REFUSAL = "lyceum.refusal"
_UNTIL_ANSWERED = "lyceum.until_answered"
_CHALLENGES = Limit("challenges", 1_000, 60)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PUSHES_TOLD = "You have sent data {:,} times within a minute; wait, send more rows at once, or raise LYCEUM_USER_PUSHES_PER_MINUTE."
_TOLD = {
    "anonymous": "{:,} requests without a key have come from this address within a minute;",
    "reads": "You have sent {:,} reads within a minute;",
    "writes": "You have sent {:,} changes within a minute;",
    "challenges": "There have been {:,} requests with passkeys from this address within a minute;",
    "sign-ins": "There have been {:,} tries from this address within a minute;",
}
_SETTINGS = {
    "anonymous": "LYCEUM_ANONYMOUS_REQUESTS_PER_MINUTE",
    "reads": "LYCEUM_USER_READS_PER_MINUTE",
    "writes": "LYCEUM_USER_WRITES_PER_MINUTE",
}


def resources_of(request: Request) -> Resources:
    """Return what this process holds."""
    return cast("Resources", request.app.state.resources)


async def current_resources(request: Request) -> Resources:
    """Return what `resources_of` does, for routes: a plain function would be called in a thread each time."""
    return resources_of(request)


async def current_actor(request: Request) -> Actor:
    """Return who is asking; a request without a usable key, token or cookie comes from `ANYONE`.

    Raises why they are refused whatever they ask for: `CsrfRefused`, `OrganisationNotFound`.
    """
    who = await _whose_request(request)
    refusal: Problem | None = request.scope.get(_REFUSAL)
    if refusal is not None:
        raise refusal
    return who


async def _whose_request(request: Request) -> Actor:
    """Return whom a request counts for, whether they are refused or not."""
    who: Actor | None = request.scope.get(_ACTOR)
    return who if who is not None else await _ask_whose(request)


async def _ask_whose(request: Request, *, anew: bool = False) -> Actor:
    known: KnownActors = request.app.state.known_actors
    asking = await who_asks(request, known, resources_of(request), method=request.method, anew=anew)
    who, refusal = asking.who, asking.refusal
    if AS_HEADER in request.headers:
        # the organisation named is one of the person's, not of the administrator's
        refusal = None if isinstance(refusal, OrganisationNotFound) else refusal
        try:
            who = await acting_as_person(request, resources_of(request).database, who)
        except Problem as problem:
            refusal = refusal or problem
    if who.user_id is not None:
        note_in_log(org_id=who.org_id, user_id=who.user_id)
    request.scope[_ACTOR] = who
    request.scope[_REFUSAL] = refusal
    return who


def facts_of(request: Request) -> RequestFacts:
    """Return what is noted of a request that signs somebody in."""
    return RequestFacts(
        address=request.client.host if request.client is not None else "unknown",
        network=address_of(request.scope),
        user_agent=request.headers.get("user-agent", ""),
    )


def tokens_of(request: Request) -> AccessTokens:
    """Return what makes and reads this hub's access tokens."""
    known: KnownActors = request.app.state.known_actors
    return known.sessions.tokens


CurrentResources = Annotated[Resources, Depends(current_resources)]
Who = Annotated[Actor, Depends(current_actor)]
Facts = Annotated[RequestFacts, Depends(facts_of)]
Tokens = Annotated[AccessTokens, Depends(tokens_of)]


async def require_room(resources: CurrentResources) -> None:
    """Raise `NoSpace` while less is free on the hub's disk than it keeps in reserve: for routes that make it grow."""
    resources.disk.refuse_when_low()


NEEDS_ROOM = Depends(require_room)


async def open_primary_tx(request: Request) -> AsyncSession:
    """Return the request's transaction on the primary, which ends before the reply is sent."""
    return await _until_answered(request).enter_async_context(_primary(request, await current_actor(request)))


async def open_tx(request: Request) -> AsyncSession:
    """Return the request's one transaction: of a read, on the replica where there is one that has what the reader wrote."""
    if (opened := request.scope.get(TX_TO_RECORD_IN)) is not None:
        return cast("AsyncSession", opened)
    who = await current_actor(request)
    replica = resources_of(request).replica
    if replica is not None and request.method in _READS:
        reading = await _until_answered(request).enter_async_context(replica.reading(who.scope))
        if reading is not None:
            return reading
    return await _until_answered(request).enter_async_context(_primary(request, who))


@asynccontextmanager
async def _primary(request: Request, who: Actor) -> AsyncIterator[AsyncSession]:
    writes = request.method not in _READS
    # one limit for the whole process: waiting here is fair, waiting in the pool is not
    async with (
        request.app.state.transaction_turns,
        transaction(resources_of(request).database, who.scope, writes=writes) as tx,
    ):
        request.scope[TX_TO_RECORD_IN] = tx
        yield tx


def _until_answered(request: Request) -> AsyncExitStack:
    return cast("AsyncExitStack", request.scope[_UNTIL_ANSWERED])


class HubRoute(APIRoute):
    """A route that counts its requests and refuses whoever lacks what it needs; its answer is made, and kept where that was asked for, before its transaction commits."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what makes the answer."""
        make_answer = super().get_route_handler()
        counts_itself = getattr(self.endpoint, _OWN_LIMIT, False)
        limit = limit_pushes if getattr(self.endpoint, _PUSHES, False) else limit_requests
        recorder = Recorder(self.endpoint, action=self.name, path=self.path)
        check = check_of(self.endpoint)

        async def answer(request: Request) -> Response:
            if not counts_itself:
                await limit(request)
            address, request_id = address_of(request.scope), request.scope.get("request_id")
            with noting(self.name, address=address, request_id=request_id) as notes:
                try:
                    if check is not None:
                        await _refuse_lacking(request, check)
                    async with AsyncExitStack() as until_answered:
                        request.scope[_UNTIL_ANSWERED] = until_answered
                        response = await make_answer(StrictRequest(request.scope, request.receive))
                        keep_answer: KeepAnswer | None = request.scope.get(KEEP_ANSWER)
                        if keep_answer is not None and response.status_code < 400:
                            await keep_answer(response)
                        entries = await recorder.entries(request, await _whose_request(request), notes, response)
                        recorder.record_in_tx(request, entries)
                    await recorder.record_aside(resources_of(request).database, entries)
                except Problem as problem:
                    if problem.is_refusal and request.method not in _READS:
                        recorder.refused(request, await _whose_request(request), notes, problem)
                    raise
            return response

        return answer


async def _refuse_lacking(request: Request, check: Check) -> None:
    try:
        check(await current_actor(request))
    except (SecondFactorNeeded, StepUpNeeded):
        # they may have done a moment ago what they are asked for
        await _ask_whose(request, anew=True)
        check(await current_actor(request))


async def limit_requests(request: Request) -> None:
    """Count the request for whoever asks, and say in its answer how much is left; raises `OverLimit`.

    A route that has a limit of its own says so with `own_limit`. Without Valkey nothing is counted.
    """
    who = await _whose_request(request)
    if who.rate_per_minute is not None:
        await take_of_key(request.app.state.key_rates, who)
    limit, of = _limit_of(request, who, resources_of(request).settings)
    if limit.at_most == 0:
        return
    windows: Windows = request.app.state.windows
    taken = await windows.take(limit, of)
    if taken is None:
        return
    request.scope[ANSWER_FIELDS] = taken.fields
    if taken.wait_seconds is not None:
        raise OverLimit(f"{_TOLD[limit.name].format(limit.at_most)} wait, or raise {_SETTINGS[limit.name]}.", taken)


def push_limits(line: ValkeyLine, settings: Settings) -> Leases:
    """Return what grants pushes in a process."""
    return Leases(line, Limit("pushes", settings.user_pushes_per_minute, 60))


async def limit_pushes(request: Request) -> None:
    """Count data that is sent, for the person who sends it, and not as a change; raises `OverLimit`.

    Programs send it often, and each time in shares that their process has leased: no answer says how much is left.
    """
    who = await _whose_request(request)
    if who.user_id is None:
        await limit_requests(request)
        return
    await take_of_key(request.app.state.key_rates, who)
    if (pushes := cast("Leases", request.app.state.pushes)).limit.at_most > 0:
        await pushes.admit(who.user_id.hex, sentence=_PUSHES_TOLD)


def api_router(prefix: str = "/api/v1", *, tags: Sequence[str] = (), include_in_schema: bool = True) -> APIRouter:
    """Return a router for a module's routes, each of which counts for whoever asks and may keep its answers."""
    return APIRouter(
        prefix=prefix,
        tags=list(tags),
        route_class=HubRoute,
        include_in_schema=include_in_schema,
        generate_unique_id_function=operation_id,
    )


def operation_id(route: APIRoute) -> str:
    """Return what the API's document calls an operation: the name of its function."""
    return route.name


def own_limit(endpoint: F) -> F:
    """Have a route counted by nobody but itself."""
    setattr(endpoint, _OWN_LIMIT, True)
    return endpoint


def counts_as_push(endpoint: F) -> F:
    """Have a route that takes data counted by the limit of pushes, and not as a change."""
    setattr(endpoint, _PUSHES, True)
    return endpoint


async def limit_sign_ins(request: Request) -> None:
    """Count one more try of a password or a one-time link from this address, Valkey or not; raises `OverLimit`."""
    resources = resources_of(request)
    limit = Limit("sign-ins", resources.settings.sign_in_attempts_per_minute, 60)
    windows: Windows = request.app.state.windows
    taken = await windows.take_surely(limit, address_of(request.scope))
    if taken.wait_seconds is not None:
        raise OverLimit(f"{_TOLD[limit.name].format(limit.at_most)} wait a minute and try again.", taken)


async def limit_challenges(request: Request) -> None:
    """Count one more challenge for a passkey, or answer to one: nothing can be guessed here; raises `OverLimit`."""
    windows: Windows = request.app.state.windows
    taken = await windows.take(_CHALLENGES, address_of(request.scope))
    if taken is not None and taken.wait_seconds is not None:
        raise OverLimit(f"{_TOLD['challenges'].format(_CHALLENGES.at_most)} wait a minute and try again.", taken)


def _limit_of(request: Request, who: Actor, settings: Settings) -> tuple[Limit, str]:
    if who.user_id is None:
        return Limit("anonymous", settings.anonymous_requests_per_minute, 60), address_of(request.scope)
    if request.method in _READS:
        return Limit("reads", settings.user_reads_per_minute, 60), who.user_id.hex
    return Limit("writes", settings.user_writes_per_minute, 60), who.user_id.hex


Tx = Annotated[AsyncSession, Depends(open_tx)]
"""The request's transaction."""
PrimaryTx = Annotated[AsyncSession, Depends(open_primary_tx)]
"""The request's transaction where a read must see what workers wrote a moment ago, such as the state of a job."""


async def _keep_answer(request: Request, who: Who, key: IdempotencyKey = None) -> None:
    await _keep(request, who, key, with_body=True)


async def _keep_that_it_was_done(request: Request, who: Who, key: IdempotencyKey = None) -> None:
    await _keep(request, who, key, with_body=False)


async def _keep(request: Request, who: Actor, key: str | None, *, with_body: bool) -> None:
    if key is None or who.user_id is None:
        return
    tx = await open_tx(request)
    # what somebody does as themselves is the same wherever they act: having made their first organisation, they act in that
    of_organisation = any(isinstance(need, Power) for need in needs_of(request.scope["endpoint"]) or ())
    sent = await sent_by(request, key, org_id=who.org_id if of_organisation else None, user_id=who.user_id)
    await refuse_repetition(tx, sent)

    async def keep_answer(answer: Response) -> None:
        await keep(tx, sent, answer, with_body=with_body)

    request.scope[KEEP_ANSWER] = keep_answer


KEEPS_ANSWER = Depends(_keep_answer)
"""For a POST that makes something, on a router of `api_router`: it takes an `Idempotency-Key`."""
KEEPS_THAT_IT_WAS_DONE = Depends(_keep_that_it_was_done)
"""The same where the answer holds a secret that is shown once: sent again, the request is refused and not repeated."""
