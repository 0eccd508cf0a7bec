"""Requests made to be misread: where they end, whom they come from, where they lead, and JSON that is a trap."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from fixtures.app import client_of, rows_of, settings_for
from fixtures.raw_http import connected, status_of
from fixtures.servers import TestDatabase
from fixtures.sockets import served_here
from lyceum.kernel.config import Settings, SettingsInvalid, load_settings
from lyceum.kernel.http.downloads import content_disposition
from lyceum.kernel.http.strict_json import read_json
from lyceum.kernel.limits.fields import address_of
from lyceum.kernel.serving import server_config
from make.accounts import Member

HOST = b"Host: 127.0.0.1\r\n"
SECOND = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: smuggled-one\r\n\r\n"
POST = b"POST /api/v1/setup HTTP/1.1\r\n" + HOST
READ_IN_TWO_WAYS = {
    "a length and an encoding": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an encoding and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 80\r\n\r\n",
    "the same length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length in hexadecimal": POST + b"Content-Length: 0x0\r\n\r\n",
    "a length past any number": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "an unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "two encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "an encoding in a list": POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "an encoding that is not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "an encoding with a tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "an encoding in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "a folded field": POST + b"X-More: a\r\n Content-Length: 80\r\n\r\n",
    "a field begun by a space": b"GET /health/live HTTP/1.1\r\n X: 1\r\n" + HOST + b"\r\n",
    "a bare line feed": b"GET /health/live HTTP/1.1\nHost: 127.0.0.1\nX: 1\n\n",
    "a bare carriage return": b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\rX: 1\r\n\r\n",
    "a null in a field": b"GET /health/live HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "two hosts": b"GET /health/live HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n",
    "two same hosts": b"GET /health/live HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "a chunk of negative size": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
    "a chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a chunk past any number": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /health/live\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:5432 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target with a space": b"GET /health /live HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
}


sane_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | sane_texts,
    lambda inner: st.lists(inner) | st.dictionaries(sane_texts, inner),
)


@pytest.fixture
async def url(hub_settings: Settings) -> AsyncIterator[str]:
    async with served_here(hub_settings) as here:
        yield here


async def test_what_could_be_read_in_two_ways_is_read_in_none(url: str) -> None:
    wrong = {}
    for name, request in READ_IN_TWO_WAYS.items():
        async with connected(url) as connection:
            await connection.send(request, SECOND)
            connection.writer.write_eof()
            heard = await connection.rest()
        if (
            not 400 <= status_of(heard) < 500
            or b"smuggled-one" in heard
            or len(re.findall(rb"HTTP/1\.1 \d", heard)) != 1
        ):
            wrong[name] = heard[:300]
    assert wrong == {}


async def test_fields_behind_a_body_are_not_taken_for_the_requests_own(
    url: str, member: Member, database: TestDatabase
) -> None:
    head = b"POST /api/v1/api-keys HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    body = b'Transfer-Encoding: chunked\r\n\r\nc\r\n{"name":"x"}\r\n0\r\n'
    fields = b"Authorization: Bearer " + member.key.encode() + b"\r\nX-Request-Id: from-a-trailer\r\n"
    made = "SELECT name FROM api_keys WHERE org_id = %s AND id <> %s"
    async with connected(url) as connection:
        await connection.send(head, body, fields, b"\r\n")
        heard = await connection.answer()
    assert status_of(heard) == 401
    assert b"from-a-trailer" not in heard
    assert rows_of(database, made, member.org_id, member.key_id) == []
    async with connected(url) as connection:
        await connection.send(head, fields, body, b"\r\n")
        heard = await connection.answer()
    # before the body they are
    assert status_of(heard) == 201
    assert b"from-a-trailer" in heard
    assert rows_of(database, made, member.org_id, member.key_id) == [{"name": "x"}]


async def test_a_target_that_names_another_host_gains_nothing(url: str) -> None:
    async with connected(url) as connection:
        await connection.send(b"GET http://evil.example/api/v1/ HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert status_of(await connection.answer()) == 421
    async with connected(url) as connection:
        await connection.send(b"GET http://evil.example/health/live/ HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"evil" not in await connection.answer()


async def seen_behind(
    proxies: str, *, peer: str, forwarded: str | list[str], scheme: str | None = None
) -> tuple[str, str]:
    """Return as whom the hub counts a request, and its scheme."""
    seen: list[Scope] = []

    async def note(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    config = server_config(note, load_settings(trusted_proxies=proxies), port=1)
    believed = config.forwarded_allow_ips
    app = ProxyHeadersMiddleware(note, trusted_hosts=believed) if config.proxy_headers else note  # type: ignore[arg-type]
    lines = [forwarded] if isinstance(forwarded, str) else forwarded
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in lines]
    if scheme is not None:
        headers.append((b"x-forwarded-proto", scheme.encode()))
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}
    await app(scope, None, None)  # type: ignore[arg-type]  # not read by either
    return address_of(seen[0]), seen[0]["scheme"]


@pytest.mark.parametrize(
    "peer, forwarded, counted",
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:51312", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8:1:2::5]:443", "2001:db8:1:2::/64"),
        ("10.0.0.1", "2001:db8:1:2::5", "2001:db8:1:2::/64"),
        ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        # what stands before the last address no trusted proxy has is the client's own word
        ("10.0.0.1", "192.0.2.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "192.0.2.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        # a dual-stack socket shows IPv4 so
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("fd00::1", "203.0.113.9", "203.0.113.9"),
        # no trusted proxy
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("::ffff:198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("10.1.0.1", "203.0.113.9", "10.1.0.1"),
        # no address at all
        ("10.0.0.1", "unknown", "unknown"),
        ("10.0.0.1", "203.0.113.9, evil\xff", "unknown"),
        ("10.0.0.1", "'; DROP TABLE", "unknown"),
        ("10.0.0.1", "[::1", "unknown"),
        ("10.0.0.1", "203.0.113.9:x", "unknown"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
async def test_a_client_is_counted_by_what_a_trusted_proxy_says_of_it(
    peer: str, forwarded: str | list[str], counted: str
) -> None:
    assert (await seen_behind("10.0.0.0/24, fd00::/8", peer=peer, forwarded=forwarded))[0] == counted


@pytest.mark.parametrize("proxies, peer", [("", "10.0.0.1"), ("10.0.0.1", "198.51.100.1")])
async def test_nobody_else_is_believed_about_the_address_or_the_scheme(proxies: str, peer: str) -> None:
    assert await seen_behind(proxies, peer=peer, forwarded="203.0.113.9", scheme="https") == (peer, "http")


@pytest.mark.parametrize("proxies", ["*", "proxy.lan", "10.0.0.1/8", "10.0.0.0/8, *"])
def test_only_addresses_and_networks_can_be_trusted(proxies: str) -> None:
    with pytest.raises(SettingsInvalid, match="LYCEUM_TRUSTED_PROXIES"):
        load_settings(trusted_proxies=proxies)


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "//evil.example/%2e%2e/",
        "/%2f%2fevil.example/",
        "/\\evil.example/",
        "/api/v1/datasets/",
        "/api/v1/me/?next=https://evil.example",
        "/%0d%0aLocation:%20https://evil.example/",
        "/setup/",
        "/static/../../etc/passwd/",
    ],
)
async def test_no_answer_leads_elsewhere(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(httpx.URL("http://127.0.0.1:8000").copy_with(raw_path=path.encode()))
    assert answer.status_code < 500
    location = answer.headers.get("location", "")
    assert location == "" or httpx.URL(location).host == "127.0.0.1"
    assert "\n" not in location


async def test_trace_is_not_answered(anonymous: httpx.AsyncClient) -> None:
    for path in ("/", "/api/v1/me", "/health/live"):
        answer = await anonymous.request("TRACE", path, headers={"x-mirrored": "secret"})
        assert answer.status_code == 405
        assert "secret" not in answer.text + str(answer.headers)


async def test_a_forwarded_host_is_not_the_hubs(anonymous: httpx.AsyncClient) -> None:
    for name in ("x-forwarded-host", "forwarded", "x-host", "x-original-url", "x-rewrite-url"):
        answer = await anonymous.get("/setup/", headers={name: "evil.example"})
        assert "evil" not in str(answer.headers) + answer.text


@pytest.mark.parametrize(
    "file_name",
    [
        "a\r\nset-cookie: x=1.csv",
        'a".csv',
        "a\x00b.csv",
        "ü\u2028.csv",
        "..",
        "",
        "a" * 5000,
        "a;b=c.csv",
        "\ud800.csv",
    ],
)
def test_a_files_name_stays_within_its_header(file_name: str) -> None:
    header = content_disposition(file_name)
    header.encode("ascii")
    assert not set(header) & set(map(chr, range(32)))
    in_utf_8 = r"(; filename\*=UTF-8''([\w.~-]|%[0-9A-F]{2})*)?"
    assert re.fullmatch(rf'attachment; filename="[^"\\;]+"{in_utf_8}', header)


async def test_what_a_client_names_itself_comes_back_in_no_header(anonymous: httpx.AsyncClient) -> None:
    hostile = b"x" * 10 + b"\xe2\x80\xa8evil"
    answer = await anonymous.get(
        "/api/v1/me", headers=[(b"x-request-id", hostile), (b"traceparent", hostile), (b"origin", hostile)]
    )
    assert "evil" not in str(answer.headers)


# NAME stands for the one member that the route must have
JSON_TRAPS = {
    "NaN": (b'{"NAME": "x", "more": NaN}', "NaN is no number"),
    "infinity": (b'{"NAME": "x", "more": Infinity}', "Infinity is no number"),
    "a huge number": (b'{"NAME": "x", "more": 1e400}', "too large"),
    "a huge integer": (b'{"NAME": "x", "more": ' + b"9" * 5000 + b"}", "too large"),
    "a member twice": (b'{"NAME": "x", "NAME": "y"}', "twice in one object"),
    "a member twice, written differently": (b'{"NAME": "x", "N\\u0061ME": "y"}', "twice in one object"),
    "nested deeply": (b'{"NAME": "x", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "nested objects": (b'{"NAME": ' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
    "half a character": (b'{"NAME": "\\ud800"}', "half a character"),
    "no UTF-8": (b'{"NAME": "\xff\xfe"}', "not UTF-8"),
    "a null character": (b'{"NAME": "a\\u0000b"}', "NUL"),
    "a null character in a name": (b'{"NAME": "x", "a\\u0000b": 1}', "NUL"),
    "a mark at the start": (b'\xef\xbb\xbf{"NAME": "x"}', "BOM"),
    "UTF-16": ('{"NAME": "x"}'.encode("utf-16"), "not UTF-8"),
    "nothing": (b"", "body: Field required"),
    "a list": (b"[]", "valid dictionary"),
    "a prototype": (b'{"NAME": "x", "__proto__": {}}', "body.__proto__: Extra inputs"),
    "a comment": (b'{"NAME": "x" /* */}', "Expecting ',' delimiter"),
    "an object more": (b'{"NAME": "x"}{"NAME": "y"}', "Extra data"),
}
MADE_BY = {"/api/v1/api-keys": (b"name", "api_keys"), "/api/v1/uploads": (b"file_name", "uploads")}


@pytest.mark.parametrize("path", MADE_BY)
async def test_json_that_is_a_trap_is_refused_with_the_reason_and_makes_nothing(
    app: FastAPI, member: Member, database: TestDatabase, path: str
) -> None:
    """Predictions have a reader of their own: see `tests/serve/test_predictions_bodies.py`."""
    name, table = MADE_BY[path]

    def written(body: bytes) -> bytes:
        in_utf_16 = [(part.decode().encode("utf-16-le"), full.decode().encode("utf-16-le")) for part, full in names]
        for part, full in names + in_utf_16:
            body = body.replace(part, full)
        return body

    names = [(b"NAME", name), (b"N\\u0061ME", name.replace(b"a", b"\\u0061"))]
    made = f"SELECT count(*) FROM {table} WHERE org_id = %s"
    before = rows_of(database, made, member.org_id)
    wrong = {}
    async with client_of(app, key=member.key) as client:
        for trap, (body, said) in JSON_TRAPS.items():
            answer = await client.post(path, content=written(body), headers={"content-type": "application/json"})
            told = answer.json()
            if (answer.status_code, told["code"]) != (422, "malformed") or said not in told["detail"]:
                wrong[trap] = (answer.status_code, answer.text[:300])
        assert wrong == {}
        assert rows_of(database, made, member.org_id) == before
        # without the trap it is what the route takes
        taken = await client.post(path, content=written(b'{"NAME": "x"}'), headers={"content-type": "application/json"})
        assert taken.status_code == 201, taken.text


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, request_bytes_max=2**20)


@pytest.mark.parametrize(
    "body, said",
    [
        (b'{"a": {"b": 1, "b": 2}}', "'b' twice"),
        (b'[{"a": NaN}]', "NaN is no number"),
        (b"[-1e999]", "too large"),
        (b"[" + b"1" * 5000 + b"]", "too large"),
        (b"[" * 200_000, "too deeply"),
        (b'["\xff"]', "not UTF-8"),
        (b'["\\udc00"]', "half a character"),
        (b'[{"\\u0000": 1}]', "NUL"),
        (b'{"a": ["b\\u0000"]}', "NUL"),
        (b"\xef\xbb\xbf[]", "BOM"),
        ("[]".encode("utf-16"), "not UTF-8"),
        ("[]".encode("utf-16-be"), "Expecting value"),
    ],
)
def test_json_is_refused_with_what_is_wrong_with_it(body: bytes, said: str) -> None:
    with pytest.raises(json.JSONDecodeError, match=said):
        read_json(body)


@given(json_values)
def test_what_json_can_say_in_one_way_is_read_as_it_is(value: object) -> None:
    for in_ascii in (True, False):
        assert read_json(json.dumps(value, ensure_ascii=in_ascii).encode()) == value


@given(st.binary() | st.text().map(str.encode))
def test_whatever_is_no_json_is_refused_and_nothing_else_happens(body: bytes) -> None:
    try:
        read = read_json(body)
    except json.JSONDecodeError:
        return
    assert json.loads(body) == read
