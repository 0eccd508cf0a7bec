"""HTTP towards one hub: addresses, the key, retries of what may be repeated, and refusals as exceptions."""

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from lyceum_client.errors import AnswerUnusable, HubUnavailable, InvalidRequest, LyceumError, error_for
from lyceum_client.version import __version__

DEFAULT_URL = "http://127.0.0.1:8000"
API = "/api/v1"
ATTEMPTS_MAX = 4
BACK_OFF_SECONDS = 0.25
RETRY_AFTER_SECONDS_MAX = 30.0
PAGE_ITEMS = 100
_PARTIAL = 206
_REFUSED_FOR_NOW = frozenset({429, 502, 503, 504})

# nothing of the request has left this machine when one of these is raised
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

T = TypeVar("T")


class Transport:
    """Sends requests to the hub at `base_url`, which may hold a sub-path; one connection pool, safe to use in threads."""

    def __init__(self, base_url: str | None, api_key: str | None, *, timeout_seconds: float) -> None:
        self.base_url = _usable(base_url or os.environ.get("LYCEUM_URL") or DEFAULT_URL)
        self._api_key = _usable_key(api_key or os.environ.get("LYCEUM_API_KEY") or "")
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10.0)),
            headers={"user-agent": f"lyceum-client/{__version__}"},
            # a proxy cannot reach this machine's own loopback address, whatever HTTP_PROXY says
            trust_env=not _is_loopback(self.base_url),
        )
        self._random = random.Random()  # noqa: S311 spreads retries, keeps no secret

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON at a path below `/api/v1`; raises `LyceumError`."""
        return self._json(self._send("GET", self._api(path), params=params))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send JSON and return the answer's JSON, None when the answer is empty; raises `LyceumError`.

        It is sent again where it is not known what came of it: the hub carries out once what comes with one key.
        """
        headers = {"idempotency-key": uuid4().hex}
        return self._json(
            self._send("POST", self._api(path), headers=headers, json=dict(body or {}), is_repeatable=True)
        )

    def post_again(self, path: str, body: Mapping[str, Any], *, timeout_seconds: float) -> Any:
        """Send JSON to what may be asked twice and takes a while, and return the answer's JSON; raises `LyceumError`."""
        timeout = httpx.Timeout(timeout_seconds, connect=10.0)
        return self._json(self._send("POST", self._api(path), json=dict(body), is_repeatable=True, timeout=timeout))

    def post_made(
        self, path: str, content: bytes, *, headers: Mapping[str, str] | None = None
    ) -> tuple[Mapping[str, Any], str | None]:
        """Send JSON that is made already; return the answer's object and the request's id. Raises `LyceumError`."""
        headers = {**(headers or {}), "content-type": "application/json"}
        response = self._send("POST", self._api(path), content=content, headers=headers)
        answer = self._json(response)
        if not isinstance(answer, Mapping):
            raise _not_a_hub(response)
        return answer, response.headers.get("x-request-id")

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Put JSON and return the answer's JSON; raises `LyceumError`."""
        return self._json(self._send("PUT", self._api(path), json=dict(body)))

    def get_text(self, path: str) -> str:
        """Return the text at a path below `/api/v1`; raises `LyceumError`."""
        return self._send("GET", self._api(path)).text

    def put_text(self, path: str, text: str, *, params: Mapping[str, Any], media_type: str) -> Any:
        """Put a text and return the answer's JSON; raises `LyceumError`."""
        headers = {"content-type": media_type}
        return self._json(self._send("PUT", self._api(path), params=params, headers=headers, content=text.encode()))

    def patch(self, path: str, body: Mapping[str, Any], *, if_match: str) -> Any:
        """Change what is at the path, made from the version that `if_match` names; raises `LyceumError`."""
        return self._json(self._send("PATCH", self._api(path), headers={"if-match": if_match}, json=dict(body)))

    def delete(self, path: str) -> Any:
        """Delete what is at the path and return the answer's JSON, None when it is empty; raises `LyceumError`."""
        return self._json(self._send("DELETE", self._api(path)))

    def put_content(self, put_url: str, chunks: Iterable[bytes], *, byte_count: int) -> None:
        """Stream bytes to the address an upload was given.

        A whole address belongs to an object store and is signed: the key of this hub is not shown to it.
        """
        is_elsewhere = urlsplit(put_url).scheme != ""
        headers = {"content-length": str(byte_count), "content-type": "application/octet-stream"}
        url = put_url if is_elsewhere else f"{self.base_url}{put_url}"
        self._send("PUT", url, content=chunks, headers=headers, with_key=not is_elsewhere)

    def put_part(self, put_url: str, content: bytes, *, sha256: str) -> None:
        """Send a part of an upload to its address, again where that may help: the same bytes do no harm twice."""
        is_elsewhere = urlsplit(put_url).scheme != ""
        headers = {"content-type": "application/octet-stream"}
        if not is_elsewhere:
            headers["x-content-sha256"] = sha256
        url = put_url if is_elsewhere else f"{self.base_url}{put_url}"
        self._send("PUT", url, content=content, headers=headers, with_key=not is_elsewhere, is_repeatable=True)

    def whole(self, url: str) -> str:
        """Return an address the hub gave with the hub's own before it, where it is one of the hub's."""
        return url if urlsplit(url).scheme else f"{self.base_url}{url}"

    def read_range(self, url: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end` of the file at a signed address, which is shown no key.

        Raises `LyceumError`.
        """
        if start >= end:
            return b""
        headers = {"range": f"bytes={start}-{end - 1}", "accept-encoding": "identity"}
        response = self._send("GET", url, headers=headers, with_key=False)
        # who knows no ranges sends all of it
        return response.content if response.status_code == _PARTIAL else response.content[start:end]

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """Yield a response whose content has not been read yet; raises `LyceumError`, also where the reading fails."""
        request = self._http.build_request("GET", self._api(path), headers=self._headers(headers, with_key=True))
        response = self._answered(request, is_repeatable=True, is_streamed=True)
        try:
            yield response
        except httpx.RequestError as error:
            raise self._unreachable(request, error) from error
        finally:
            response.close()

    def pages(
        self, path: str, read: Callable[[Mapping[str, Any]], T], *, params: Mapping[str, Any] | None = None
    ) -> Iterator[T]:
        """Yield every item of a list, page after page."""
        for page in self.answers_of_pages(path, params=params):
            # a list that does not page is answered as it is
            items = page["items"] if isinstance(page, Mapping) else page
            yield from (read(item) for item in items)

    def answers_of_pages(self, path: str, *, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Yield the pages of a list as they are answered, for what they say beside the items."""
        cursor: str | None = None
        while True:
            at = {"limit": PAGE_ITEMS, **({"cursor": cursor} if cursor else {})}
            page = self.get(path, params={**(params or {}), **at})
            yield page
            cursor = page.get("next") if isinstance(page, Mapping) else None
            if not cursor:
                return

    def _api(self, path: str) -> str:
        return f"{self.base_url}{API}{path}"

    def _headers(self, given: Mapping[str, str] | None, *, with_key: bool) -> dict[str, str]:
        key = {"authorization": f"Bearer {self._api_key}"} if with_key and self._api_key else {}
        return {**key, **(given or {})}

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        with_key: bool = True,
        is_repeatable: bool = False,
        **content: Any,
    ) -> httpx.Response:
        request = self._http.build_request(method, url, headers=self._headers(headers, with_key=with_key), **content)
        return self._answered(request, is_repeatable=is_repeatable or method == "GET", is_streamed=False)

    def _answered(self, request: httpx.Request, *, is_repeatable: bool, is_streamed: bool) -> httpx.Response:
        """Return a response of status 2xx; raises `LyceumError` for every other end."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            is_last = attempt == ATTEMPTS_MAX
            response = self._attempt(request, is_streamed=is_streamed)
            if isinstance(response, httpx.RequestError):
                if is_last or not _may_be_sent_again(response, is_repeatable=is_repeatable):
                    # what such an error says may hold the key
                    told = None if isinstance(response, httpx.LocalProtocolError) else response
                    raise self._unreachable(request, response) from told
                self._back_off(attempt)
                continue
            if response.is_success:
                return response
            if is_last or not (is_repeatable and _is_refused_for_now(response)):
                raise _refusal(response)
            self._back_off(attempt, asked_seconds=_retry_after(response))
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, request: httpx.Request, *, is_streamed: bool) -> httpx.Response | httpx.RequestError:
        """Return the response, a refusal read to its end, or why none came: returned, so that nothing chains it."""
        try:
            response = self._http.send(request, stream=is_streamed)
            if is_streamed and not response.is_success:
                response.read()
                response.close()
        except httpx.RequestError as error:
            return error
        return response

    def _back_off(self, attempt: int, *, asked_seconds: float | None = None) -> None:
        if asked_seconds is not None:
            time.sleep(min(asked_seconds, RETRY_AFTER_SECONDS_MAX))
            return
        time.sleep(BACK_OFF_SECONDS * 2 ** (attempt - 1) * self._random.uniform(0.5, 1.5))

    def _unreachable(self, request: httpx.Request, error: httpx.RequestError) -> LyceumError:
        place = f"{request.url.scheme}://{request.url.netloc.decode()}"
        if isinstance(error, httpx.LocalProtocolError):
            return InvalidRequest(
                None,
                "unsendable",
                f"The request to {place} cannot be sent as HTTP; did a file that was being uploaded become shorter?",
            )
        if isinstance(error, httpx.DecodingError):
            return AnswerUnusable(None, "undecodable", f"{place} sent content that is not compressed as it says.")
        if isinstance(error, _NOT_SENT):
            reason = str(error) or type(error).__name__
            return HubUnavailable(
                None, "unreachable", f"No hub answers at {place} ({reason}); is it running, and is LYCEUM_URL right?"
            )
        if isinstance(error, httpx.TimeoutException):
            return HubUnavailable(None, "timed_out", f"{place} did not answer in time; raise the timeout or try again.")
        reason = str(error) or type(error).__name__
        return HubUnavailable(None, "disconnected", f"The connection to {place} broke ({reason}); try again.")

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise _not_a_hub(response) from None


def segment(text: str) -> str:
    """Return text as one segment of a path; `@` stays readable."""
    return quote(text, safe="@")


def _usable(url: str) -> str:
    if not _is_address(url):
        raise ValueError(f"{url!r} is no address of a hub; write it as http://host:port or https://host/path.")
    return url.rstrip("/")


def _is_address(url: str) -> bool:
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        return False


def _usable_key(key: str) -> str | None:
    """The key without the white space around it; an error names no character of it."""
    plain = key.strip()
    if not plain.isascii() or not plain.isprintable():
        raise ValueError("The API key holds characters that no key has, such as a line break; copy it again.")
    return plain or None


def _may_be_sent_again(error: httpx.RequestError, *, is_repeatable: bool) -> bool:
    if isinstance(error, _NOT_SENT):
        return True
    return (
        is_repeatable
        and isinstance(error, httpx.TransportError)
        and not isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol)
    )


def _is_refused_for_now(response: httpx.Response) -> bool:
    return response.status_code in _REFUSED_FOR_NOW or (
        # the same request, sent before, has not been answered yet
        response.status_code == 409 and b'"request_under_way"' in response.content
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds the server asked for; its other form, a date, is not worth a wait in a program."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return None


def _refusal(response: httpx.Response) -> LyceumError:
    request_id = response.headers.get("x-request-id")
    if response.is_redirect:
        location = response.headers.get("location", "another address")
        return AnswerUnusable(
            response.status_code, "redirected", f"The hub has moved to {location}; use that address for LYCEUM_URL."
        )
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if isinstance(problem, Mapping):
        return error_for(response.status_code, problem, request_id=request_id)
    if response.status_code >= 500:
        return error_for(response.status_code, {"detail": f"The hub answered {response.status_code}."})
    return _not_a_hub(response)


def _not_a_hub(response: httpx.Response) -> LyceumError:
    return AnswerUnusable(
        response.status_code,
        "not_a_hub",
        f"{response.request.url} answered with status {response.status_code}, not as a hub does; is it the address of one?",
    )
