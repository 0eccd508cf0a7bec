"""Who is asking, by what a request carries: an API key, an access token, or a browser's cookies."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from lyceum.accounts.errors import OrganisationNotFound
from lyceum.accounts.known import KnownActors
from lyceum.accounts.policy import ANYONE, Actor
from lyceum.accounts.sessions.public import ORGANISATION_FORM, SessionProof, cookie_names, csrf_refusal
from lyceum.kernel.http.origins import is_own_origin
from lyceum.kernel.problems import Problem
from lyceum.kernel.realtime.connection import Introduced
from lyceum.kernel.resources import Resources

ORGANISATION_HEADER = "lyceum-organisation"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and why they are refused whatever they ask for; a refused request counts as theirs."""

    who: Actor
    refusal: Problem | None = None


async def who_asks(
    connection: HTTPConnection, known: KnownActors, resources: Resources, *, method: str, anew: bool = False
) -> Asking:
    """Return who a request comes from; one without anything usable comes from `ANYONE`.

    What stands in `Authorization` counts before cookies. Asked `anew`, nothing remembered of a session counts. Raises what looking it up raises.
    """
    authorization = connection.headers.get("authorization")
    organisation = connection.headers.get(ORGANISATION_HEADER)
    if authorization is not None:
        proof = await known.sessions.proof_of(authorization)
        if proof is None:
            return Asking(await known.actor_of(authorization))
        return await _in_session(known, proof, organisation, anew=anew)
    names = cookie_names(connection, resources.settings)
    token = connection.cookies.get(names.access)
    proof = await known.sessions.proof_of(f"Bearer {token}") if token else None
    if proof is None:
        return Asking(ANYONE)
    asking = await _in_session(known, proof, organisation, anew=anew)
    if asking.who.user_id is None:
        return asking
    csrf = csrf_refusal(connection, method, resources.signer, resources.settings, session_id=proof.session_id)
    return asking if csrf is None else Asking(asking.who, csrf)


async def _in_session(
    known: KnownActors, proof: SessionProof, organisation: str | None, *, anew: bool = False
) -> Asking:
    if not organisation:
        return Asking(await known.sessions.actor_of(proof, anew=anew))
    if ORGANISATION_FORM.fullmatch(organisation):
        who = await known.sessions.actor_of(replace(proof, organisation=organisation), anew=anew)
    else:
        who = replace(await known.sessions.actor_of(proof, anew=anew), org_id=None, org_name="")
    if who.user_id is None or who.org_id is not None or who.must_enrol:
        return Asking(who)
    return Asking(who, OrganisationNotFound(f"You are in no organisation called {organisation[:64]!r}."))


async def introduced(
    websocket: WebSocket, known: KnownActors, resources: Resources, *, key: str | None
) -> Introduced[Actor]:
    """Return whose socket it is: by the key or token of its first message, else by what it came with.

    A session is asked for again as long as the socket lives, past the token that showed it. Cookies count only for a page of
    the hub's own. Raises `OrganisationNotFound` and what looking it up raises.
    """
    authorization = websocket.headers.get("authorization") if key is None else f"Bearer {key}"
    if authorization is None and is_own_origin(websocket.headers, resources.settings):
        token = websocket.cookies.get(cookie_names(websocket, resources.settings).access)
        authorization = f"Bearer {token}" if token else None
    if authorization is None:
        return await _again(_nobody, by=None)
    proof = await known.sessions.proof_of(authorization)
    if proof is None:
        return await _again(lambda: known.actor_of(authorization), by=authorization)
    asking = await _in_session(known, proof, websocket.query_params.get("organisation"))
    if asking.refusal is not None:
        raise asking.refusal
    wanted = replace(proof, organisation=websocket.query_params.get("organisation") or None)
    return Introduced(asking.who, wanted, lambda: known.sessions.actor_of(wanted))


async def _again(ask: Callable[[], Awaitable[Actor]], *, by: Hashable) -> Introduced[Actor]:
    return Introduced(await ask(), by, ask)


async def _nobody() -> Actor:
    return ANYONE
