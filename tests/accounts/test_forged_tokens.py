"""Access tokens that this hub did not make, or that it made for something else, open nothing; and its keys are replaced in time."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app, settings_for
from fixtures.far_http import FarAnswer, far_http
from fixtures.servers import TestDatabase
from fixtures.sign_in import give_password, program_of, sign_in
from lyceum.accounts.sessions import signing_keys
from lyceum.accounts.sessions.signing_keys import SigningKeys
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources, open_resources
from make.accounts import Member, make_member, make_setup_link

ME = "/api/v1/me"
FOREIGN = rsa.generate_private_key(65_537, 2048)


@pytest.fixture
async def said(app: FastAPI, member: Member) -> AsyncIterator[dict[str, Any]]:
    async with program_of(app, member) as (_, answer):
        yield answer


async def status_of(app: FastAPI, token: str) -> int:
    async with client_of(app, key=token) as client:
        return (await client.get(ME)).status_code


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims."""
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


async def signed_by_the_hub(app: FastAPI, claims: dict[str, Any], **header: Any) -> str:
    key_id, private = await app.state.known_actors.sessions.tokens.keys.signing()
    return jwt.encode(claims, private, algorithm="RS256", headers={"kid": key_id, "typ": "at+jwt", **header})


async def test_a_token_as_the_hub_makes_it_opens_what_is_its_owners(app: FastAPI, said: dict[str, Any]) -> None:
    header, claims = parts_of(said["access_token"])
    assert (header["alg"], header["typ"], claims["aud"]) == ("RS256", "at+jwt", "lyceum")
    assert claims["exp"] - claims["iat"] == 900
    assert await status_of(app, said["access_token"]) == 200
    assert await status_of(app, await signed_by_the_hub(app, claims)) == 200


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "HS256"])
async def test_a_token_that_says_it_needs_no_signature_opens_nothing(
    app: FastAPI, said: dict[str, Any], algorithm: str
) -> None:
    header, claims = parts_of(said["access_token"])
    unsigned = f"{encoded(header | {'alg': algorithm})}.{encoded(claims)}."
    assert await status_of(app, unsigned) == 401
    assert await status_of(app, unsigned + said["access_token"].rpartition(".")[2]) == 401


async def test_the_public_key_is_no_secret_to_sign_with(app: FastAPI, said: dict[str, Any]) -> None:
    header, claims = parts_of(said["access_token"])
    public = await app.state.known_actors.sessions.tokens.keys.public(header["kid"])
    for form in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ):
        import hashlib
        import hmac

        signed = f"{encoded(header | {'alg': 'HS256'})}.{encoded(claims)}"
        mark = base64.urlsafe_b64encode(hmac.new(form, signed.encode(), hashlib.sha256).digest()).rstrip(b"=")
        assert await status_of(app, f"{signed}.{mark.decode()}") == 401


async def test_another_hubs_key_opens_nothing_whatever_it_is_called(app: FastAPI, said: dict[str, Any]) -> None:
    header, claims = parts_of(said["access_token"])
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN.public_key()))
    for more in (
        {"kid": header["kid"]},
        {"kid": "unknown"},
        {"kid": "../../etc/passwd"},
        {"kid": ""},
        {"kid": header["kid"], "jwk": jwk},
        {"kid": header["kid"], "jku": "https://elsewhere.example/jwks.json"},
        {},
    ):
        forged = jwt.encode(claims, FOREIGN, algorithm="RS256", headers={"typ": "at+jwt", **more})
        assert await status_of(app, forged) == 401


async def test_a_key_that_a_token_brings_along_is_not_looked_at(app: FastAPI, said: dict[str, Any]) -> None:
    _, claims = parts_of(said["access_token"])
    jwk = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN.public_key())), "kid": "theirs", "alg": "RS256"}
    published = FarAnswer(200, {"content-type": "application/json"}, json.dumps({"keys": [jwk]}).encode())
    async with far_http(lambda _: published) as far:
        for more in ({"jwk": jwk}, {"jku": far.url}, {"x5u": far.url}, {"kid": far.url}, {"jku": far.url, "jwk": jwk}):
            header = {"typ": "at+jwt", "kid": "theirs", **more}
            assert await status_of(app, jwt.encode(claims, FOREIGN, algorithm="RS256", headers=header)) == 401
        assert far.connections == 0


@pytest.mark.parametrize(
    "change",
    [
        {"exp": int(time.time()) - 60},
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"sid": "not-an-id"},
        {"sub": str(uuid4())},
        {"sid": str(uuid4())},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
    ],
)
async def test_what_a_token_says_has_to_be_right_altogether(
    app: FastAPI, said: dict[str, Any], change: dict[str, Any]
) -> None:
    _, claims = parts_of(said["access_token"])
    assert await status_of(app, await signed_by_the_hub(app, claims | change)) == 401


@pytest.mark.parametrize("claim", ["exp", "iss", "aud", "sid", "sub", "iat"])
async def test_a_token_without_one_of_its_claims_opens_nothing(app: FastAPI, said: dict[str, Any], claim: str) -> None:
    _, claims = parts_of(said["access_token"])
    del claims[claim]
    assert await status_of(app, await signed_by_the_hub(app, claims)) == 401


async def test_a_token_of_another_type_is_no_access_token(app: FastAPI, said: dict[str, Any]) -> None:
    _, claims = parts_of(said["access_token"])
    assert await status_of(app, await signed_by_the_hub(app, claims, typ="JWT")) == 401


@pytest.mark.parametrize("token", ["eyJ..", "eyJ.eyJ.x", "eyJhbGciOiJSUzI1NiJ9.e30.", "eyJ" + "a" * 5000 + ".b.c"])
async def test_what_is_no_token_at_all_opens_nothing(app: FastAPI, token: str) -> None:
    assert await status_of(app, token) == 401


async def test_a_refresh_token_and_a_set_up_token_are_no_access_tokens(
    app: FastAPI, said: dict[str, Any], database: TestDatabase
) -> None:
    assert await status_of(app, said["refresh_token"]) == 401
    assert await status_of(app, make_setup_link(database)) == 401


async def test_the_public_keys_are_published_and_nothing_private_with_them(
    app: FastAPI, said: dict[str, Any], anonymous: httpx.AsyncClient
) -> None:
    header, claims = parts_of(said["access_token"])
    answer = await anonymous.get("/.well-known/jwks.json")
    assert "max-age" in answer.headers["cache-control"]
    keys = {key["kid"]: key for key in answer.json()["keys"]}
    assert set(keys[header["kid"]]) == {"kty", "use", "alg", "kid", "n", "e"}
    public = jwt.PyJWK(keys[header["kid"]])
    assert jwt.decode(said["access_token"], public, audience="lyceum")["sub"] == claims["sub"]


async def test_the_private_key_stands_in_the_database_sealed(
    app: FastAPI, said: dict[str, Any], database: TestDatabase
) -> None:
    _, private = await app.state.known_actors.sessions.tokens.keys.signing()
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for row in rows_of(database, "SELECT private_key_sealed FROM signing_keys"):
        assert bytes(row["private_key_sealed"])[12:-16] != plain
        assert plain[30:60] not in bytes(row["private_key_sealed"])
    assert rows_of(database, "SELECT * FROM signing_keys", role="app") == []


@pytest.fixture
def fresh_settings(fresh_database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(fresh_database, tmp_path, valkey_url=valkey_url)


async def test_processes_that_start_at_once_make_one_first_key(fresh_settings: Settings) -> None:
    async with open_resources(fresh_settings) as resources:
        several = [SigningKeys(resources.database, resources.sealer) for _ in range(3)]
        first = await asyncio.gather(*(keys.signing() for keys in several))
        assert len({key_id for key_id, _ in first}) == 1
        assert len(await several[0].published()) == 1


async def test_keys_are_replaced_in_time_and_nobody_is_signed_out(
    fresh_settings: Settings, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "RELOAD_SECONDS", 0.0)
    every, kept_for = timedelta(days=30), timedelta(minutes=30)

    def pass_time(interval: str) -> None:
        rows_of(fresh_database, "UPDATE signing_keys SET signs_from = signs_from - %s::interval", interval)

    async def rotate(resources: Resources) -> tuple[bool, int]:
        return await SigningKeys(resources.database, resources.sealer).rotate(every=every, kept_for=kept_for)

    async with running_app(fresh_settings) as app, client_of(app) as client:
        email = await give_password(app, make_member(fresh_database).user_id)
        token: Callable[[], Any] = lambda: sign_in(client, email, cookies=False)  # noqa: E731 asked for again and again
        before = (await token()).json()["access_token"]
        assert await rotate(app.state.resources) == (False, 0)
        pass_time("30 days")
        assert await rotate(app.state.resources) == (True, 0)
        assert await rotate(app.state.resources) == (False, 0)
        ahead = (await client.get("/.well-known/jwks.json")).json()["keys"]
        assert len(ahead) == 2
        assert parts_of((await token()).json()["access_token"])[0]["kid"] == parts_of(before)[0]["kid"]
        pass_time("11 minutes")
        after = (await token()).json()["access_token"]
        assert parts_of(after)[0]["kid"] != parts_of(before)[0]["kid"]
        assert [await status_of(app, one) for one in (before, after)] == [200, 200]
        assert await rotate(app.state.resources) == (False, 0)
        pass_time("31 minutes")
        assert await rotate(app.state.resources) == (False, 1)
        assert await status_of(app, after) == 200


async def test_with_another_secret_key_the_hub_makes_a_new_key(fresh_settings: Settings) -> None:
    from pydantic import SecretStr

    async with open_resources(fresh_settings) as one:
        before, _ = await SigningKeys(one.database, one.sealer).signing()
    changed = fresh_settings.model_copy(update={"secret_key": SecretStr("another secret key")})
    async with open_resources(changed) as other:
        after, _ = await SigningKeys(other.database, other.sealer).signing()
    assert after != before
