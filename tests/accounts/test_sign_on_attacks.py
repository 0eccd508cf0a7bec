"""What a hostile page, person or identity provider tries while somebody signs on."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from fastapi import FastAPI

from fixtures.app import client_of, running_app
from fixtures.identity_provider import CLIENT_ID, ToldProvider, told_provider
from fixtures.sign_in import browser_of, signed_in_client
from make.accounts import Member
from make.signon import SetUpProvider, begun, came_back, is_signed_in, problem_of, set_up_provider


async def test_the_provider_is_asked_with_state_nonce_and_pkce(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    url = await begun(visitor, chosen)
    asked = provider.asked(url)
    assert url.startswith(f"{provider.url}/authorize?tenant=one&")
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT_ID, "openid profile email")
    assert asked["redirect_uri"] == f"http://127.0.0.1:8000{chosen.start}/callback"
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert min(len(asked[name]) for name in ("state", "nonce")) == 43
    answer = await visitor.get(provider.answer_for(url))
    assert problem_of(answer) is None
    assert await is_signed_in(visitor)


def _unsigned(provider: ToldProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": provider.key_id})


def _by_public_key(provider: ToldProvider, claims: dict[str, Any]) -> str:
    public = provider.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _by_hmac({"alg": "HS256", "typ": "JWT", "kid": provider.key_id}, claims, public)


def _by_client_secret(provider: ToldProvider, claims: dict[str, Any]) -> str:
    return _by_hmac({"alg": "HS256", "typ": "JWT"}, claims, b"a secret : of the hub's")


def _by_own_key(provider: ToldProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, generate_private_key(65_537, 2048), algorithm="RS256", headers={"kid": provider.key_id})


def _by_unknown_key(provider: ToldProvider, claims: dict[str, Any]) -> str:
    key = generate_private_key(65_537, 2048)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "made-up", "jku": f"{provider.url}/other"})


def _by_embedded_key(provider: ToldProvider, claims: dict[str, Any]) -> str:
    key = generate_private_key(65_537, 2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": provider.key_id, "jwk": jwk})


def _by_hmac(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    def part(told: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()

    signed = f"{part(header)}.{part(claims)}"
    mark = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{urlsafe_b64encode(mark).rstrip(b'=').decode()}"


FORGERIES = (_unsigned, _by_public_key, _by_client_secret, _by_own_key, _by_unknown_key, _by_embedded_key)


async def test_a_token_that_the_provider_has_not_signed_signs_nobody_in(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    for forge in FORGERIES:
        provider.make_token = forge
        assert problem_of(await came_back(visitor, chosen, provider)) == "sign_on_refused", forge
    assert not await is_signed_in(visitor)


OTHERWISE: tuple[dict[str, Any], ...] = (
    {"nonce": "of another sign-in"},
    {"nonce": None},
    {"iss": "https://else.example"},
    {"aud": "another program"},
    {"aud": [CLIENT_ID, "another program"]},
    {"aud": [CLIENT_ID, "another program"], "azp": "another program"},
    {"azp": "another program"},
    {"exp": int(time.time()) - 120},
    {"exp": None},
    {"iat": int(time.time()) + 3600},
    {"sub": None},
    {"sub": ""},
    {"sub": "x" * 256},
    {"at_hash": "of another token"},
)


async def test_a_token_that_is_not_for_this_sign_in_signs_nobody_in(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    for claims in OTHERWISE:
        provider.claims = claims
        assert problem_of(await came_back(visitor, chosen, provider)) == "sign_on_refused", claims
    assert not await is_signed_in(visitor)


async def test_clocks_may_differ_a_little_and_a_token_for_several_names_who_asked(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    now = int(time.time())
    provider.claims = {"exp": now - 20, "iat": now + 20, "aud": [CLIENT_ID, "another program"], "azp": CLIENT_ID}
    assert problem_of(await came_back(visitor, chosen, provider)) is None


async def test_a_key_the_provider_has_replaced_is_fetched_when_it_is_first_met(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.signon.discovery.UNKNOWN_KEY_SECONDS", 0.0)
    assert problem_of(await came_back(visitor, chosen, provider)) is None
    provider.key_id, provider.key = "k2", generate_private_key(65_537, 2048)
    assert problem_of(await came_back(visitor, chosen, provider)) is None


async def test_made_up_keys_do_not_have_the_providers_fetched_each_time(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    provider.make_token = _by_unknown_key
    for _ in range(3):
        assert problem_of(await came_back(visitor, chosen, provider)) == "sign_on_refused"
    assert [request.path for request in provider.far.requests].count("/keys") == 1


async def test_an_answer_is_taken_once(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    url = await begun(visitor, chosen)
    kept = dict(visitor.cookies)
    back = provider.answer_for(url)
    assert problem_of(await visitor.get(back)) is None
    asked_before = len(provider.far.requests)
    # without its cookie, and with it
    assert problem_of(await visitor.get(back)) == "sign_on_stale"
    for name, value in kept.items():
        visitor.cookies.set(name, value)
    assert problem_of(await visitor.get(provider.answer_for(url))) == "sign_on_stale"
    assert len(provider.far.requests) == asked_before


async def test_a_code_of_somebody_elses_sign_in_is_good_for_nothing(
    sign_on_app: FastAPI, chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    async with browser_of(sign_on_app) as victim:
        stolen = httpx.URL(provider.answer_for(await begun(victim, chosen))).params["code"]
    own = provider.asked(await begun(visitor, chosen))["state"]
    answer = await visitor.get(f"{chosen.start}/callback", params={"state": own, "code": stolen})
    assert problem_of(answer) == "sign_on_grant_refused"


async def test_an_answer_that_another_browser_was_sent_for_signs_nobody_in(
    sign_on_app: FastAPI, chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    async with browser_of(sign_on_app) as attacker:
        back = provider.answer_for(await begun(attacker, chosen))
    await begun(visitor, chosen)
    assert problem_of(await visitor.get(back)) == "sign_on_stale"
    assert not await is_signed_in(visitor)
    assert provider.codes, "the code was taken to the provider"


async def test_a_connection_that_somebody_else_has_begun_is_not_made(
    sign_on_app: FastAPI, member: Member, chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    async with signed_in_client(sign_on_app, member) as browser:
        asked = await browser.post(f"{chosen.start}/connection", json={})
        back = provider.answer_for(asked.json()["url"])
        for name, value in browser.cookies.items():
            if name.startswith("lyceum_sign_on"):
                visitor.cookies.set(name, value)
    assert problem_of(await visitor.get(back)) == "sign_on_stale"


async def test_an_answer_of_one_provider_is_not_taken_to_another(
    sign_on_app: FastAPI, operator: Member, chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    async with told_provider() as honest:
        other = await set_up_provider(sign_on_app, operator, honest.url)
        back = httpx.URL(honest.answer_for(await begun(visitor, other)))
        asked_before = len(provider.far.requests)
        moved = await visitor.get(f"{chosen.start}/callback", params=back.params)
        assert problem_of(moved) == "sign_on_stale"
        assert len(provider.far.requests) == asked_before
        # and one that says itself that it is another's is not taken either
        named = await came_back(visitor, other, honest, iss=provider.url)
        assert problem_of(named) == "sign_on_refused"
        honest.discovery = {"authorization_response_iss_parameter_supported": True}
    async with told_provider() as named_one:
        named_one.discovery = {"authorization_response_iss_parameter_supported": True}
        third = await set_up_provider(sign_on_app, operator, named_one.url)
        assert problem_of(await came_back(visitor, third, named_one)) == "sign_on_refused"
        assert problem_of(await came_back(visitor, third, named_one, iss=named_one.url)) is None


ELSEWHERE = (
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/%5cevil.example",
    "/%2fevil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\r\nset-cookie: a=b",
    "javascript:alert(1)",
    "evil.example",
    "",
    "/" + "x" * 1_500,
)


async def test_nobody_is_sent_to_another_site_after_signing_in(
    chosen: SetUpProvider, visitor: httpx.AsyncClient
) -> None:
    for return_to in ELSEWHERE:
        answer = await visitor.get(chosen.start, params={"return_to": return_to})
        assert (answer.status_code, "location" in answer.headers) == (422, False), return_to


UNUSABLE: tuple[dict[str, Any], ...] = (
    {"issuer": "https://else.example"},
    {"token_endpoint": None},
    {"token_endpoint": "http://uni.example/token"},
    {"jwks_uri": "file:///etc/passwd"},
    {"id_token_signing_alg_values_supported": ["HS256", "none"]},
)


async def test_a_provider_that_cannot_be_worked_with_is_refused_in_the_test_and_at_sign_in(
    sign_on_app: FastAPI, operator: Member, chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    async with client_of(sign_on_app, key=operator.key) as client:
        for document in UNUSABLE:
            provider.discovery = document
            tried = await client.post(f"/api/v1/admin/sign-on-providers/{chosen.id}/test")
            assert (tried.status_code, tried.json()["code"]) == (422, "sign_on_provider_unusable"), document
            assert problem_of(await visitor.get(chosen.start)) == "sign_on_provider_unusable", document


async def test_a_provider_on_a_network_that_is_not_public_is_not_asked(
    app: FastAPI, operator: Member, provider: ToldProvider
) -> None:
    inside = await set_up_provider(app, operator, provider.url)
    async with client_of(app, key=operator.key) as client:
        tried = await client.post(f"/api/v1/admin/sign-on-providers/{inside.id}/test")
    assert tried.json()["code"] == "sign_on_provider_unusable"
    assert "LYCEUM_OUTWARD_ALLOWED_NETWORKS" in tried.json()["detail"]
    assert provider.far.requests == []


INSIDE = ("169.254.169.254", "[::ffff:169.254.169.254]", "2852039166", "[fd00:ec2::254]")


@pytest.mark.parametrize("named", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
async def test_what_a_provider_says_of_itself_leads_the_hub_into_no_network_that_is_not_public(
    sign_on_app: FastAPI, operator: Member, visitor: httpx.AsyncClient, named: str
) -> None:
    """The provider may be asked; where it then sends the hub is judged anew. What is merely away would be told otherwise."""
    for host in INSIDE:
        async with told_provider() as hostile:
            hostile.discovery = {named: f"https://{host}/latest/meta-data"}
            chosen = await set_up_provider(sign_on_app, operator, hostile.url)
            answer = await visitor.get(chosen.start)
            if problem_of(answer) is None:
                answer = await visitor.get(hostile.answer_for(answer.headers["location"]))
            assert problem_of(answer) == "sign_on_provider_unusable", (named, host)
    assert not await is_signed_in(visitor)


async def test_whoever_declines_at_the_provider_is_back_at_the_sign_in_page(
    chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    state = provider.asked(await begun(visitor, chosen))["state"]
    answer = await visitor.get(f"{chosen.start}/callback", params={"state": state, "error": "access_denied"})
    assert problem_of(answer) == "sign_on_refused"


async def test_the_hub_asks_for_a_second_factor_unless_the_provider_is_trusted_for_it(
    sign_on_app: FastAPI,
    operator: Member,
    chosen: SetUpProvider,
    provider: ToldProvider,
    visitor: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def has_passkey(*_: object) -> tuple[str, ...]:
        return ("passkey",)

    monkeypatch.setattr("lyceum.accounts.sessions.service.second_factors_of", has_passkey)
    answer = await came_back(visitor, chosen, provider)
    location = httpx.URL(answer.headers["location"])
    assert (location.path, location.query) == ("/sign-in", b"")
    assert location.fragment.startswith("ticket=")
    assert not await is_signed_in(visitor)
    trusted = await set_up_provider(sign_on_app, operator, provider.url, trusts_second_factor=True)
    assert problem_of(await came_back(visitor, trusted, provider)) is None
    assert await is_signed_in(visitor)


async def test_failed_sign_ins_from_one_address_are_limited(
    sign_on_settings: Any, operator: Member, provider: ToldProvider
) -> None:
    narrow = sign_on_settings.model_copy(update={"sign_in_attempts_per_minute": 2})
    provider.make_token = _unsigned
    async with running_app(narrow) as app:
        chosen = await set_up_provider(app, operator, provider.url)
        # an address of its own: the others sign in from theirs
        transport = httpx.ASGITransport(app=app, client=("203.0.113.77", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as browser:
            told = [problem_of(await came_back(browser, chosen, provider)) for _ in range(4)]
    assert told == ["sign_on_refused", "sign_on_refused", "over_limit", "over_limit"]
