"""How each POST of people and of whoever runs the hub is asked to make something; these take somebody who has signed in."""

from typing import Any
from uuid import uuid4

import httpx

from fixtures.app import rows_of
from fixtures.authenticators import Authenticator
from fixtures.factors import set_up_phone
from fixtures.push_service import Browser
from fixtures.sign_in import PASSWORD, browser_of, give_password, sign_in
from make.accounts import Member, make_member, make_user
from make.creating import OF_OBJECTS, Creating, Place, Row

WITHOUT_A_KEY = {
    "/api/v1/setup",
    "/api/v1/sessions",
    "/api/v1/sessions/second-factor",
    "/api/v1/sessions/passkey",
    "/api/v1/registrations",
    "/api/v1/email-confirmations/letters",
    "/api/v1/password-resets",
    "/schema-registry/subjects/{subject:path}/versions",
    "/api/v1/models/{org}/{name}/watch",
    "/api/v1/dead-letters/{letter_id}/retry",
}
"""What nobody in particular sends: a link or an address works once anyway, and signing in twice makes two sessions.

And what is the same however often it is sent: a schema that a subject has already keeps its version and its id, and
a log that is taken up twice is in its dataset once, and a
letter that was taken is tried no more.
"""
ADMIN = "/api/v1/admin"
ME = "/api/v1/me"


async def _somebody(place: Place, *, runs_hub: bool = False) -> tuple[Member, httpx.AsyncClient]:
    """Return a new person and the browser in which they have just signed in."""
    person = make_member(place.database)
    if runs_hub:
        rows_of(place.database, "UPDATE users SET instance_admin = true WHERE id = %s", person.user_id)
    return person, await _browser_of(place, person)


async def _browser_of(place: Place, person: Member) -> httpx.AsyncClient:
    client = browser_of(place.app)
    answer = await sign_in(client, await give_password(place.app, person.user_id))
    assert answer.status_code == 201, answer.text
    return client


async def _admins(place: Place) -> httpx.AsyncClient:
    return (await _somebody(place, runs_hub=True))[1]


async def _organisation(place: Place) -> Creating:
    one, other = ({"name": f"org-{uuid4().hex}", "title": "Soil"} for _ in range(2))
    return Creating("/api/v1/organisations", one, other, (await _somebody(place))[1])


async def _access_request(place: Place) -> Creating:
    wanted = {"kind": "dataset", "address": place.dataset}
    client = (await _somebody(place))[1]
    one, other = (wanted | {"reason": reason} for reason in ("to compare", "to teach with it"))
    return Creating("/api/v1/access-requests", one, other, client)


async def _accepted(place: Place) -> Creating:
    invitations = f"/api/v1/organisations/{place.owner.org_name}/invitations"
    url = (await place.client.post(invitations, json={"role": "viewer"})).json()["url"]
    token = httpx.URL(url).params["token"]
    return Creating(f"/api/v1/invitations/{token}/accept", None, {}, (await _somebody(place))[1])


async def _export(place: Place) -> Creating:
    return Creating(f"{ME}/export", None, {}, (await _somebody(place))[1])


async def _deletion(place: Place) -> Creating:
    person, client = await _somebody(place)
    return Creating(f"{ME}/deletion", None, {"delete_organisations": [person.org_name]}, client)


async def _new_address(place: Place) -> Creating:
    client = (await _somebody(place))[1]
    one, other = ({"email": f"{uuid4().hex}@example.org", "password": PASSWORD} for _ in range(2))
    return Creating(f"{ME}/email", one, other, client)


async def _authenticator_app(place: Place) -> Creating:
    client = (await _somebody(place))[1]
    return Creating(f"{ME}/authenticator-apps", {"name": "phone"}, {"name": "tablet"}, client)


async def _passkey(place: Place) -> Creating:
    client = (await _somebody(place))[1]
    origin = f"http://localhost:{place.app.state.resources.settings.port}"

    async def made() -> dict[str, Any]:
        options = (await client.post(f"{ME}/passkeys/options")).json()["publicKey"]
        return {"name": "laptop", "credential": Authenticator(origin).create(options)}

    return Creating(f"{ME}/passkeys", await made(), await made(), client)


async def _recovery_codes(place: Place) -> Creating:
    client = (await _somebody(place))[1]
    await set_up_phone(client)
    return Creating(f"{ME}/recovery-codes", None, {}, client)


async def _push_subscription(place: Place) -> Creating:
    one, other = (
        Browser().subscription(f"https://203.0.113.7/push/{uuid4()}") | {"device": "Firefox on Linux"} for _ in range(2)
    )
    return Creating("/api/v1/push-subscriptions", one, other, (await _somebody(place))[1])


async def _impersonation(place: Place) -> Creating:
    path = f"{ADMIN}/users/{make_member(place.database).user_id}/impersonate"
    return Creating(path, {"reason": "a table is lost"}, {"reason": "another is lost"}, await _admins(place))


async def _reset_link(place: Place) -> Creating:
    return Creating(f"{ADMIN}/users/{make_user(place.database)}/reset-link", None, {}, await _admins(place))


async def _consent_link(place: Place) -> Creating:
    return Creating(f"{ADMIN}/users/{make_user(place.database)}/consent-link", None, {}, await _admins(place))


def _sign_on_provider() -> dict[str, Any]:
    return {
        "name": f"p-{uuid4().hex[:12]}",
        "title": "The university",
        "discovery_url": "https://203.0.113.7/.well-known/openid-configuration",
        "client_id": "lyceum",
        "client_secret": "a secret of theirs",
        "admits": "everyone",
    }


async def _provider(place: Place) -> Creating:
    path = f"{ADMIN}/sign-on-providers"
    return Creating(path, _sign_on_provider(), _sign_on_provider(), await _admins(place))


async def _rule(place: Place) -> Creating:
    client = await _admins(place)
    provider = (await client.post(f"{ADMIN}/sign-on-providers", json=_sign_on_provider())).json()["id"]
    wanted = {"organisation": place.owner.org_name, "role": "viewer"}
    path = f"{ADMIN}/sign-on-providers/{provider}/rules"
    return Creating(path, wanted | {"group": "soil"}, wanted | {"group": "water"}, client)


async def _oauth_client(place: Place) -> Creating:
    one, other = ({"title": title, "redirect_uris": ["https://hub.example/back"]} for title in ("Hub", "Grafana"))
    return Creating(f"{ADMIN}/oauth-clients", one, other, await _admins(place))


async def _oauth_secret(place: Place) -> Creating:
    made = await _oauth_client(place)
    assert made.client is not None
    program = (await made.client.post(made.path, json=made.body)).json()["id"]
    return Creating(f"{made.path}/{program}/secret", None, {}, made.client)


CREATING: dict[str, Row] = OF_OBJECTS | {
    "/api/v1/organisations": _organisation,
    "/api/v1/access-requests": _access_request,
    "/api/v1/invitations/{token}/accept": _accepted,
    f"{ME}/export": _export,
    f"{ME}/deletion": _deletion,
    f"{ME}/email": _new_address,
    f"{ME}/authenticator-apps": _authenticator_app,
    f"{ME}/passkeys": _passkey,
    f"{ME}/recovery-codes": _recovery_codes,
    "/api/v1/push-subscriptions": _push_subscription,
    f"{ADMIN}/users/{{user_id}}/impersonate": _impersonation,
    f"{ADMIN}/users/{{user_id}}/reset-link": _reset_link,
    f"{ADMIN}/users/{{user_id}}/consent-link": _consent_link,
    f"{ADMIN}/sign-on-providers": _provider,
    f"{ADMIN}/sign-on-providers/{{provider_id}}/rules": _rule,
    f"{ADMIN}/oauth-clients": _oauth_client,
    f"{ADMIN}/oauth-clients/{{client_id}}/secret": _oauth_secret,
}
"""By the path of the route, all that make something."""
