"""What the client sends, repeats, and makes of refusals."""

import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from lyceum_client import (
    AnswerUnusable,
    Client,
    Conflict,
    HubFailed,
    HubUnavailable,
    InvalidRequest,
    LyceumError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooLarge,
    TooManyRequests,
)
from lyceum_client.transport import Transport

ME = {"user_id": "u", "organisation_id": "o", "organisation": "acme", "powers": ["datasets:read"]}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are noted instead of waited for."""
    waited: list[float] = []
    monkeypatch.setattr("lyceum_client.transport.time.sleep", waited.append)
    return waited


def address_of(place: socket.socket) -> str:
    return f"http://127.0.0.1:{place.getsockname()[1]}"


def test_the_key_goes_with_each_request(hub: Any, client: Client) -> None:
    hub.will("GET", "/api/v1/me", ME)
    assert client.me().organisation == "acme"
    assert hub.asked[0].headers["authorization"] == "Bearer lyk_test"
    assert hub.asked[0].headers["user-agent"].startswith("lyceum-client/")


@pytest.mark.parametrize("key", [" lyk_test\n", "lyk_test\r\n", "\tlyk_test"])
def test_white_space_around_a_key_is_none_of_it(hub: Any, key: str) -> None:
    hub.will("GET", "/api/v1/me", ME)
    with Client(hub.url, key) as client:
        client.me()
    assert hub.asked[0].headers["authorization"] == "Bearer lyk_test"


@pytest.mark.parametrize("key", ["lyk_sec\nret", "lyk_sec\0ret", "lyk_secrét", "lyk_sec\u200bret"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="copy it again") as refused:
        Client(api_key=key)
    assert "lyk_sec" not in "".join(traceback.format_exception(refused.value))


def test_a_request_that_is_no_http_is_sent_once_and_not_shown(hub: Any, client: Client, pauses: list[float]) -> None:
    client._transport._api_key = "lyk_sec\nret"
    with pytest.raises(InvalidRequest, match="cannot be sent as HTTP") as refused:
        client.me()
    assert (refused.value.code, pauses, hub.asked) == ("unsendable", [], [])
    assert "lyk_sec" not in "".join(traceback.format_exception(refused.value))


def test_a_base_url_may_hold_a_sub_path(hub: Any) -> None:
    hub.will("GET", "/science/hub/api/v1/me", ME)
    with Client(f"{hub.url}/science/hub/", "lyk_test") as client:
        assert client.me().powers == ("datasets:read",)


def test_address_and_key_come_from_the_environment(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.will("GET", "/api/v1/me", ME)
    monkeypatch.setenv("LYCEUM_URL", hub.url)
    monkeypatch.setenv("LYCEUM_API_KEY", "lyk_env")
    with Client() as client:
        client.me()
    assert hub.asked[0].headers["authorization"] == "Bearer lyk_env"


def test_a_proxy_is_not_asked_for_this_machine(
    hub: Any, nobody: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.will("GET", "/api/v1/me", ME)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, address_of(nobody))
    with Client(hub.url, "lyk_test") as client:
        assert client.me().organisation == "acme"


@pytest.mark.parametrize("url", ["hub.example.org", "ftp://hub", "http://", "http://hub:99999999", "http://hub/\0"])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a hub"):
        Client(url)


@pytest.mark.parametrize(
    "status, kind",
    [
        (401, NotSignedIn),
        (403, NotAllowed),
        (404, NotFound),
        (409, Conflict),
        (413, TooLarge),
        (422, InvalidRequest),
        (429, TooManyRequests),
        (500, HubFailed),
        (507, HubFailed),
        (503, HubUnavailable),
        (418, LyceumError),
    ],
)
def test_a_refusal_is_an_exception_of_its_own_kind(hub: Any, client: Client, status: int, kind: type[Any]) -> None:
    problem = {"status": status, "code": "the_code", "detail": "One sentence.", "line": 3}
    hub.will("POST", "/api/v1/datasets", hub.answer(status, problem, {"x-request-id": "req-1"}))
    with pytest.raises(kind, match=r"One sentence\.") as refused:
        client.datasets.create("flights")
    error = refused.value
    assert type(error) is kind
    assert (error.status, error.code, error.request_id, error.problem["line"]) == (status, "the_code", "req-1", 3)


def test_a_read_is_repeated_as_late_as_the_hub_asked(hub: Any, client: Client, pauses: list[float]) -> None:
    hub.will("GET", "/api/v1/me", hub.answer(503, {}, {"retry-after": "2"}), hub.answer(429, {}), ME)
    assert client.me().organisation == "acme"
    assert pauses[0] == 2.0
    assert 0.2 < pauses[1] < 1.0


def test_a_read_is_repeated_when_the_connection_breaks(hub: Any, client: Client) -> None:
    hub.will("GET", "/api/v1/me", hub.hang_up(), ME)
    assert client.me().organisation == "acme"


def test_a_read_is_not_repeated_for_ever(hub: Any, client: Client, pauses: list[float]) -> None:
    hub.will("GET", "/api/v1/me", hub.answer(502, b"<html>bad gateway"))
    with pytest.raises(HubUnavailable):
        client.me()
    assert len(hub.asked) == len(pauses) + 1 == 4


def test_a_write_is_repeated_with_its_key_so_that_it_is_carried_out_once(
    hub: Any, client: Client, pauses: list[float]
) -> None:
    busy = hub.answer(503, {"detail": "Not now."}, {"retry-after": "0"})
    twin = hub.answer(409, {"code": "request_under_way", "detail": "Wait."}, {"retry-after": "1"})
    hub.will("POST", "/api/v1/datasets", hub.hang_up(), twin, busy, {"address": "acme/flights"})
    for _ in range(2):
        assert client.datasets.create("flights").address == "acme/flights"
    assert len(pauses) == 3
    *first, second = [asked.headers["idempotency-key"] for asked in hub.asked]
    assert len(first) == 4
    assert len({*first}) == 1
    assert second not in first


def test_a_write_without_a_key_is_sent_once_whatever_comes_back(hub: Any, client: Client) -> None:
    path = "/api/v1/models/acme/flights/aliases/champion"
    hub.will("PUT", path, hub.answer(503, {"detail": "Not now."}, {"retry-after": "0"}))
    with pytest.raises(HubUnavailable, match="Not now"):
        client.models.set_alias("acme/flights", "champion", 1)
    hub.will("PUT", path, hub.hang_up())
    with pytest.raises(HubUnavailable, match="broke"):
        client.models.set_alias("acme/flights", "champion", 1)
    assert len(hub.asked) == 2


def test_another_conflict_is_told_at_once(hub: Any, client: Client) -> None:
    hub.will("POST", "/api/v1/datasets", hub.answer(409, {"code": "dataset_exists", "detail": "There is one."}))
    with pytest.raises(LyceumError, match="There is one"):
        client.datasets.create("flights")
    assert len(hub.asked) == 1


def test_a_write_is_repeated_when_nothing_of_it_was_sent(
    make_hub: Callable[..., Any], nobody: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Any] = []

    def start_the_hub(*_: object, **__: object) -> None:
        late.append(make_hub(nobody))
        late[0].will("POST", "/api/v1/datasets", {"address": "acme/flights"})

    monkeypatch.setattr(Transport, "_back_off", start_the_hub)
    with Client(address_of(nobody), "lyk_test") as client:
        assert client.datasets.create("flights").address == "acme/flights"
    assert late[0].paths() == ["POST /api/v1/datasets"]


def test_a_hub_that_is_not_there_is_named(nobody: socket.socket) -> None:
    with (
        Client(address_of(nobody), "lyk_test") as client,
        pytest.raises(HubUnavailable, match=f"No hub answers at {address_of(nobody)}.*LYCEUM_URL") as missing,
    ):
        client.me()
    assert missing.value.status is None


def test_another_programs_page_is_not_taken_for_a_hub(hub: Any, client: Client) -> None:
    hub.will("GET", "/api/v1/me", hub.answer(200, b"<html>hello</html>"))
    with pytest.raises(AnswerUnusable, match="is it the address of one"):
        client.me()


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b"", [], "hello", 3])
def test_what_is_no_object_is_not_taken_for_an_answer(hub: Any, client: Client, answer: Any) -> None:
    hub.will("GET", "/api/v1/me", answer)
    with pytest.raises(AnswerUnusable, match="is it the address of one"):
        client.me()
    hub.will("POST", "/api/v1/models/acme/flights/predict", answer)
    with pytest.raises(AnswerUnusable, match="is it the address of one"):
        client.models.predict("acme/flights", [{}])


def test_an_answer_that_is_not_compressed_as_it_says_is_unusable(hub: Any, client: Client) -> None:
    hub.will("GET", "/api/v1/me", hub.answer(200, ME, {"content-encoding": "gzip"}))
    with pytest.raises(AnswerUnusable, match="not compressed as it says"):
        client.me()


def test_a_hub_that_moved_says_where_to(hub: Any, client: Client) -> None:
    hub.will("GET", "/api/v1/me", hub.answer(308, None, {"location": "https://hub.example.org/api/v1/me"}))
    with pytest.raises(AnswerUnusable, match=r"moved to https://hub\.example\.org"):
        client.me()


def test_fields_that_are_new_or_missing_do_no_harm(hub: Any, client: Client) -> None:
    hub.will("GET", "/api/v1/me", {"organisation": "acme", "favourite_colour": "blue"})
    me = client.me()
    assert me.organisation == "acme"
    assert me.powers == ()
    assert not me.user_id


def test_the_server_is_not_imported() -> None:
    program = "import sys, lyceum_client; print([m for m in sys.modules if m == 'lyceum' or m.startswith('lyceum.')])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
