"""Addresses that people give: what the hub asks, and what it cannot be talked into asking."""

import asyncio
import gzip
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

import pytest
import trustme

from fixtures.app import eventually
from fixtures.far_http import LOOPBACK, FarAnswer, FarRequest, far_http
from lyceum.kernel import outward
from lyceum.kernel.config import SettingsInvalid, load_settings
from lyceum.kernel.outward import AddressAway, AddressRefused, AnswerTooLarge, Outward, is_reachable

NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2001:0:5ef5:79fb:0:0:80ff:fffe",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
    "5f00::1",
]


def ok(_request: FarRequest) -> FarAnswer:
    return FarAnswer(body=b"here")


def fixed(*addresses: str) -> Callable[[str, int], object]:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def known_as(*addresses: str, allowed: Sequence[str] = LOOPBACK) -> Outward:
    return Outward(allowed, resolve=fixed(*addresses))  # type: ignore[arg-type]  # a stub


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_not_reachable(address: str) -> None:
    assert not is_reachable(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::1.1.1.1"])
def test_what_is_public_is_reachable(address: str) -> None:
    assert is_reachable(ip_address(address))


def test_a_network_that_is_named_is_reachable_in_every_form_of_its_addresses() -> None:
    allowed = [ip_network("10.1.0.0/16")]
    assert is_reachable(ip_address("10.1.2.3"), allowed)
    assert is_reachable(ip_address("::ffff:10.1.2.3"), allowed)
    assert not is_reachable(ip_address("10.2.0.1"), allowed)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "127.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
async def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    async with far_http(ok) as far:
        with pytest.raises(AddressRefused, match=r"LYCEUM_OUTWARD_ALLOWED_NETWORKS|no address"):
            await Outward().ask("GET", f"http://{host}:{far.port}/")
        assert far.connections == 0


@pytest.mark.parametrize(
    "url, said",
    [
        ("ftp://example.org/file", "must start with https"),
        ("file:///etc/passwd", "must start with https"),
        ("gopher://example.org/", "must start with https"),
        ("http:///nowhere", "name a host"),
        ("//example.org/", "must start with https"),
        ("http://[fe80::1%25lo]/", "no address|not a public"),
        ("http://[::1", "no address"),
        ("http://example.org/\r\nhost: 127.0.0.1", "no address|characters"),
        ("http://example.org\n.evil.example/", "no address|characters"),
        ("http://example.org\t@127.0.0.1/", "no address|leave them out"),
        ("https://ada:secret@example.org/", "leave them out"),
        ("https://example.org/" + "x" * 2000, "characters"),
    ],
)
async def test_what_is_no_address_of_the_web_is_refused_in_a_sentence(url: str, said: str) -> None:
    with pytest.raises(AddressRefused, match=said) as refused:
        await known_as("fe80::1").ask("GET", url)
    assert "secret" not in refused.value.detail


async def test_an_answer_comes_back_whole() -> None:
    async with far_http(ok) as far:
        answer = await known_as("127.0.0.1").ask(
            "POST", f"http://hooks.example.org:{far.port}/in?a=1", headers={"x-mine": "1"}, content=b"body"
        )
    assert (answer.status, answer.content) == (200, b"here")
    request = far.requests[0]
    assert (request.method, request.path, request.body) == ("POST", "/in?a=1", b"body")
    assert request.headers["host"] == f"hooks.example.org:{far.port}"
    assert request.headers["x-mine"] == "1"


async def test_a_name_is_resolved_once_and_the_connection_goes_where_it_was_judged() -> None:
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    # 127.0.0.2 stands for what is public; what the name means a moment later is not allowed
    async with far_http(ok, host="127.0.0.2") as good:
        answer = await Outward(["127.0.0.2"], resolve=rebinding).ask("GET", f"http://rebound.example.org:{good.port}/")
    assert answer.status == 200
    assert asked == ["rebound.example.org"]


async def test_of_several_addresses_only_the_good_ones_are_asked() -> None:
    async with far_http(ok, host="127.0.0.2") as good, far_http(ok, port=good.port) as bad:
        url = f"http://both.example.org:{good.port}/"
        client = known_as("127.0.0.1", "127.0.0.2", allowed=["127.0.0.2"])
        assert (await client.ask("GET", url)).status == 200
        assert (good.connections, bad.connections) == (1, 0)
        # it listens there, and is asked first where it may be
        assert (await known_as("127.0.0.1", "127.0.0.2").ask("GET", url)).status == 200
        assert (good.connections, bad.connections) == (1, 1)


async def test_a_name_nobody_knows_may_be_known_later() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "unknown")

    with pytest.raises(AddressAway, match="not known to the resolver"):
        await Outward(resolve=unknown).ask("GET", "http://nobody.example.org/")


@pytest.mark.parametrize("to", ["http://127.0.0.1:1/", "http://[::ffff:169.254.169.254]/latest", "http://2852039166/"])
async def test_a_redirect_to_what_is_not_public_is_refused(to: str) -> None:
    async with far_http(lambda _: FarAnswer(302, {"location": to}), host="127.0.0.2") as far:
        with pytest.raises(AddressRefused, match="not a public address"):
            await Outward(["127.0.0.2"]).ask("GET", far.url)


@pytest.mark.parametrize(
    "to, said",
    [
        ("file:///etc/passwd", "must start with https"),
        ("http://ada:secret@example.org/", "leave them out"),
        ("http://[::1", "redirects to something"),
    ],
)
async def test_a_redirect_to_what_is_no_address_is_refused(to: str, said: str) -> None:
    async with far_http(lambda _: FarAnswer(307, {"location": to})) as far:
        with pytest.raises(AddressRefused, match=said):
            await Outward(LOOPBACK).ask("GET", far.url)


async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    def steps(request: FarRequest) -> FarAnswer:
        left = int(request.path[1:])
        return FarAnswer(body=b"there") if left == 0 else FarAnswer(307, {"location": f"/{left - 1}"})

    async with far_http(steps) as far:
        answer = await Outward(LOOPBACK).ask("POST", f"{far.url}/3", content=b"kept")
        assert (answer.content, answer.url) == (b"there", f"{far.url}/0")
        assert [request.body for request in far.requests] == [b"kept"] * 4
        with pytest.raises(AddressRefused, match="3 redirects"):
            await Outward(LOOPBACK).ask("POST", f"{far.url}/4")


async def test_a_redirect_that_would_lose_what_is_sent_is_refused() -> None:
    async with far_http(lambda _: FarAnswer(302, {"location": "/elsewhere"})) as far:
        with pytest.raises(AddressRefused, match="would lose what is sent"):
            await Outward(LOOPBACK).ask("POST", far.url, content=b"x")


async def test_authorization_does_not_follow_a_redirect_to_another_host() -> None:
    async with (
        far_http(ok, host="127.0.0.2") as other,
        far_http(lambda _: FarAnswer(307, {"location": other.url})) as far,
    ):
        await Outward(LOOPBACK).ask("GET", far.url, headers={"authorization": "Bearer mine"})
        assert far.requests[0].headers["authorization"] == "Bearer mine"
        assert "authorization" not in other.requests[0].headers


async def test_a_slow_body_is_given_up_in_time() -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"
    async with far_http(lambda _: FarAnswer(raw=raw, hangs=True)) as far:
        with pytest.raises(AddressAway, match=r"within 0\.3 s"):
            await Outward(LOOPBACK).ask("GET", far.url, seconds_max=0.3)


@pytest.mark.parametrize("announced", ["1000000", None])
async def test_a_huge_body_is_read_no_further_than_the_limit(announced: str | None) -> None:
    length = f"content-length: {announced}\r\n" if announced else ""
    raw = f"HTTP/1.1 200 OK\r\n{length}\r\n".encode() + b"x" * 300_000
    async with far_http(lambda _: FarAnswer(raw=raw)) as far:
        with pytest.raises(AnswerTooLarge, match="more than 1,000 bytes"):
            await Outward(LOOPBACK).ask("GET", far.url, bytes_max=1000)


async def test_what_comes_packed_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(10_000_000))
    async with far_http(lambda _: FarAnswer(headers={"content-encoding": "gzip"}, body=packed)) as far:
        with pytest.raises(AddressAway, match="packed"):
            await Outward(LOOPBACK).ask("GET", far.url)
        assert far.requests[0].headers["accept-encoding"] == "identity"


async def test_a_body_can_be_read_as_it_comes() -> None:
    async with (
        far_http(lambda _: FarAnswer(body=b"x" * 200_000)) as far,
        Outward(LOOPBACK).opened("GET", far.url) as incoming,
    ):
        sizes = [len(part) async for part in incoming.parts()]
    assert sum(sizes) == 200_000
    assert len(sizes) > 1


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000])
async def test_what_does_not_speak_http_is_away(raw: bytes) -> None:
    async with far_http(lambda _: FarAnswer(raw=raw)) as far:
        with pytest.raises(AddressAway, match="could not be asked"):
            await Outward(LOOPBACK).ask("GET", far.url)


async def test_nobody_listening_is_away() -> None:
    with pytest.raises(AddressAway, match="could not be asked"):
        await Outward(LOOPBACK).ask("GET", "http://127.0.0.1:1/")


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with far_http(ok) as proxy, far_http(ok) as far:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert (await Outward(LOOPBACK).ask("GET", far.url)).status == 200
        assert proxy.connections == 0


async def test_over_tls_the_name_is_checked_and_not_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example.org").configure_cert(served)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    monkeypatch.setattr(outward, "trusted_authorities", lambda: trusted)
    async with far_http(ok, tls=served) as far:
        client = known_as("127.0.0.1")
        assert (await client.ask("GET", f"https://hooks.example.org:{far.port}/")).content == b"here"
        with pytest.raises(AddressAway, match="certificate"):
            await client.ask("GET", f"https://others.example.org:{far.port}/")


async def test_a_certificate_nobody_vouches_for_is_refused() -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("hooks.example.org").configure_cert(served)
    async with far_http(ok, tls=served) as far:
        with pytest.raises(AddressAway, match="certificate"):
            await known_as("127.0.0.1").ask("GET", f"https://hooks.example.org:{far.port}/")


async def test_who_gives_up_waiting_leaves_no_connection() -> None:
    async with far_http(lambda _: FarAnswer(raw=b"", hangs=True)) as far:
        asking = asyncio.create_task(Outward(LOOPBACK).ask("GET", far.url))
        await eventually(lambda: far.requests)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


def test_networks_that_are_none_are_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(outward_allowed_networks="10.0.0.0/8, fd00::/8").outward_allowed_networks == (
        "10.0.0.0/8",
        "fd00::/8",
    )
    monkeypatch.setitem(os.environ, "LYCEUM_OUTWARD_ALLOWED_NETWORKS", "10.0.0.0/8,intranet")
    with pytest.raises(SettingsInvalid, match="intranet"):
        load_settings()
