"""The one HTTP client for addresses that people give: webhooks, identity providers, files named by a URL.

Such an address may name a machine that only the hub can reach. So a name is resolved once, each address it stands for is
judged, and the connection goes to one that was judged good: what the name stands for a moment later does not matter.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import cast

import certifi
import httpcore
import httpx

from lyceum.kernel.config import Settings
from lyceum.kernel.problems import Invalid, Unavailable
from lyceum.version import VERSION

REDIRECTS_MAX = 3
SECONDS_MAX = 15.0
CONNECT_SECONDS_MAX = 5.0
BYTES_MAX = 1024**2
URL_CHARACTERS_MAX = 2000
SETTING = "LYCEUM_OUTWARD_ALLOWED_NETWORKS"
_PORTS = {"http": 80, "https": 443}
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_METADATA: frozenset[IPv4Address | IPv6Address] = frozenset({ip_address("168.63.129.16")})
"""Of clouds, at an address that looks public; the others lie in ranges that are refused as a whole."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressRefused(Invalid):
    """An address the hub does not talk to, however often it is asked."""

    code = "address_refused"


class AddressAway(Unavailable):
    """Nothing answers there, or not in time, or not in HTTP; it may later."""

    code = "address_away"


class AnswerTooLarge(Invalid):
    """More came back than was to be read."""

    code = "answer_too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers by lower-case name, the body, and the address that answered in the end."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str


class Incoming:
    """An answer whose body is yet to be read."""

    def __init__(self, response: httpx.Response, *, bytes_max: int) -> None:
        self._response = response
        self._bytes_max = bytes_max

    @property
    def status(self) -> int:
        """The status."""
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by lower-case name; one that came several times has its values joined by commas."""
        return dict(self._response.headers.items())

    @property
    def url(self) -> str:
        """The address that answered in the end."""
        return str(self._response.url)

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raises `AnswerTooLarge` before more than the limit has been handed on."""
        announced = self.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > self._bytes_max:
            raise self._too_large()
        read = 0
        # raw: what is small on the wire and large unpacked never is unpacked
        async for part in self._response.aiter_raw():
            read += len(part)
            if read > self._bytes_max:
                raise self._too_large()
            yield part

    def _too_large(self) -> AnswerTooLarge:
        host = self._response.url.host
        return AnswerTooLarge(f"{host} sends more than {self._bytes_max:,} bytes, which is the most that is read here.")


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Return the addresses the system gives for a name, in the order it prefers; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Outward:
    """Asks addresses that people give. `allowed_networks` may be reached although they are not public."""

    def __init__(self, allowed_networks: Iterable[str] = (), *, resolve: Resolve = resolve_by_system) -> None:
        self._allowed = tuple(ip_network(network, strict=False) for network in allowed_networks)
        self._resolve = resolve

    @classmethod
    def configured(cls, settings: Settings) -> "Outward":
        """Return the client of a hub with these settings."""
        return cls(settings.outward_allowed_networks)

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        seconds_max: float = SECONDS_MAX,
        bytes_max: int = BYTES_MAX,
        redirects_max: int = REDIRECTS_MAX,
    ) -> Answer:
        """Send a request and return the whole answer, whatever its status.

        Raises `AddressRefused`, `AnswerTooLarge` and `AddressAway`.
        """
        async with self.opened(
            method,
            url,
            headers=headers,
            content=content,
            seconds_max=seconds_max,
            bytes_max=bytes_max,
            redirects_max=redirects_max,
        ) as incoming:
            body = b"".join([part async for part in incoming.parts()])
        return Answer(incoming.status, incoming.headers, body, incoming.url)

    @asynccontextmanager
    async def opened(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        seconds_max: float = SECONDS_MAX,
        bytes_max: int = BYTES_MAX,
        redirects_max: int = REDIRECTS_MAX,
    ) -> AsyncIterator[Incoming]:
        """Send a request and yield the answer with its body unread; `seconds_max` is for all of it, the body too.

        Raises `AddressRefused`, `AnswerTooLarge` and `AddressAway`, also while the body is read.
        """
        asked = self.checked(url)
        sent = {"user-agent": f"Lyceum/{VERSION}", "accept-encoding": "identity", **(headers or {})}
        try:
            async with asyncio.timeout(seconds_max), self._client(seconds_max) as client:
                request = client.build_request(method, asked, headers=sent, content=content)
                response = await self._follow(client, request, redirects_max)
                try:
                    _refuse_packed(response)
                    yield Incoming(response, bytes_max=bytes_max)
                finally:
                    await response.aclose()
        except (TimeoutError, httpcore.TimeoutException):
            raise AddressAway(f"{asked.host} has not answered in full within {seconds_max:g} s.") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.StreamError) as error:
            why = str(error) or type(error).__name__
            raise AddressAway(f"{asked.host} could not be asked: {why}.") from None

    def checked(self, url: str) -> httpx.URL:
        """Return the address when it has a form the hub asks, before anything is resolved; raises `AddressRefused`."""
        if len(url) > URL_CHARACTERS_MAX:
            raise AddressRefused(f"The address has {len(url):,} characters; at most {URL_CHARACTERS_MAX:,} are taken.")
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            raise AddressRefused("This is no address of the form https://host/path.") from None
        if parsed.scheme not in _PORTS or not parsed.host:
            raise AddressRefused("The address must start with https:// or http:// and name a host.")
        if parsed.userinfo:
            raise AddressRefused(f"The address of {parsed.host} holds a user or a password; leave them out.")
        return parsed

    async def judged(self, host: str, port: int) -> list[Address]:
        """Return the addresses a name stands for that may be reached, for what does not speak HTTP; at least one.

        Raises `AddressRefused` and `AddressAway`.
        """
        good = await _good_addresses(host, port, self._allowed, self._resolve)
        if not good:
            raise AddressAway(f"The name {host} stands for no address.")
        return good

    def _client(self, seconds_max: float) -> httpx.AsyncClient:
        transport = _Transport(_Checked(self._allowed, self._resolve))
        timeout = httpx.Timeout(seconds_max, connect=min(seconds_max, CONNECT_SECONDS_MAX))
        return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=timeout)

    async def _follow(self, client: httpx.AsyncClient, request: httpx.Request, redirects_max: int) -> httpx.Response:
        for _ in range(redirects_max + 1):
            response = await self._send(client, request)
            following = response.next_request
            if following is None:
                return response
            await response.aclose()
            self._check_redirect(request, following, response.status_code)
            request = following
        raise AddressRefused(f"{request.url.host} was reached after {redirects_max} redirects and wants one more.")

    async def _send(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        try:
            return await client.send(request, stream=True)
        except httpx.RemoteProtocolError:
            # the only one httpx itself raises here is about a `Location` that is no address
            raise AddressRefused(f"{request.url.host} redirects to something that is no address.") from None

    def _check_redirect(self, before: httpx.Request, after: httpx.Request, status: int) -> None:
        self.checked(str(after.url))
        host = before.url.host
        if before.url.scheme == "https" and after.url.scheme == "http":
            raise AddressRefused(f"{host} redirects from https to http, where anybody could read along.")
        if before.method != after.method:
            raise AddressRefused(
                f"{host} answers {before.method} with a redirect ({status}) that would lose what is sent."
            )


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses only."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 as it is called
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failed: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in await _good_addresses(host, port, self._allowed, self._resolve):
            try:
                return await self._backend.connect_tcp(
                    str(address), port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError("the name stands for no address")


async def _good_addresses(host: str, port: int, allowed: Sequence[Network], resolve: Resolve) -> list[Address]:
    try:
        found = [ip_address(one) for one in await resolve(host, port)]
    except (OSError, ValueError):
        raise AddressAway(f"The name {host} is not known to the resolver of this machine.") from None
    good = [address for address in found if is_reachable(address, allowed)]
    if found and not good:
        raise AddressRefused(
            f"{host} is {found[0]}, which is not a public address; an administrator can allow its network with {SETTING}."
        )
    return good


def is_reachable(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Say whether an address is public, or in a network that is allowed; a v4 address in a v6 one counts as itself."""
    inner = _inner(address)
    for network in allowed:
        if address in network or (inner is not None and inner in network):
            return True
    judged = address if inner is None else inner
    if judged in _METADATA or judged.is_multicast or judged.is_reserved or not judged.is_global:
        return False
    return isinstance(judged, IPv4Address) or judged in _UNICAST


def _inner(address: Address) -> IPv4Address | None:
    """Return the v4 address a v6 one leads to: mapped, compatible, of NAT64, 6to4 or Teredo."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or int(address) >> 32 == 0:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else None


def _refuse_packed(response: httpx.Response) -> None:
    packed = response.headers.get("content-encoding", "identity")
    if packed.strip().lower() not in {"identity", ""}:
        raise AddressAway(f"{response.url.host} answers packed as {packed[:30]!r}, though it was asked not to.")


@lru_cache(maxsize=1)
def trusted_authorities() -> ssl.SSLContext:
    """Return whom the hub believes that a server is who it says: those of the system, and those browsers believe."""
    # the system may know authorities of the organisation's own, and a minimal one knows none at all
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._pool = httpcore.AsyncConnectionPool(ssl_context=trusted_authorities(), network_backend=backend)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answered = await self._pool.handle_async_request(asked)
        stream = cast("AsyncIterator[bytes]", answered.stream)
        return httpx.Response(answered.status, headers=answered.headers, stream=_Body(stream, answered))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncIterator[bytes], answered: httpcore.Response) -> None:
        self._stream = stream
        self._answered = answered

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._answered.aclose()
