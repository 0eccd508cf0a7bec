"""The live socket of a real hub: who may follow what, what they are told, and what happens when something is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from fixtures.app import ServedProcess, client_at, rows_of, running_worker, settings_for
from fixtures.job_kinds import Heard, Heavy, Light, heavy_handler
from fixtures.queue import put
from fixtures.servers import OwnServers, TestDatabase
from fixtures.sockets import HEARD_SECONDS_MAX, live_socket, served_here
from fixtures.staffed import until
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.progress import write_progress
from lyceum.kernel.realtime.news import tell
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.tx import transaction
from lyceum.live.public import SOCKET_PATH
from make.accounts import Member, make_key, make_member

PING_SECONDS = 2.0

pytestmark = pytest.mark.usefixtures("patient_with_valkey")


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(
        database,
        tmp_path,
        valkey_url=valkey_url,
        sockets_per_user_max=3,
        socket_topics_max=4,
        socket_rights_seconds=0.2,
    )


@pytest.fixture
async def url(hub_settings: Settings) -> AsyncIterator[str]:
    """Where the API is on a real socket."""
    async with served_here(hub_settings) as address:
        yield address


async def told(resources: Resources, stream: str, *news: bytes) -> None:
    await tell(resources.line, [(stream, one) for one in news])


async def test_a_job_is_followed_from_its_start_to_its_end(url: str, resources: Resources, member: Member) -> None:
    async def half(run: JobRun, _args: Light) -> None:
        await run.report_progress(0.5, "half of it")

    job_id = await put(resources, member, Light())
    async with live_socket(url, key=member.key) as socket:
        following = await socket.follow(f"job/{job_id}")
        assert (following["type"], following["missed"]) == ("following", False)
        async with running_worker(resources, LightHandler(args_type=Light, run=half)):
            heard = [await socket.hear_of("news") for _ in range(2)]
    assert {news["topic"] for news in heard} == {f"job/{job_id}"}
    assert [news["news"] for news in heard] == [
        {"job": str(job_id), "progress": {"fraction": 0.5, "note": "half of it"}},
        {"job": str(job_id), "state": "done"},
    ]
    positions = [following["position"], *(news["position"] for news in heard)]
    assert sorted(positions, key=lambda text: tuple(map(int, text.split("-")[:2]))) == positions


async def test_of_a_job_that_computes_the_start_is_told_too(
    url: str, resources: Resources, member: Member, children_import_tests: None
) -> None:
    job_id = await put(resources, member, Heavy())
    async with live_socket(url, key=member.key) as socket:
        await socket.follow("jobs")
        async with running_worker(resources, heavy_handler(Heard()), heavy_slots=1):
            heard = [(await socket.hear_of("news"))["news"] for _ in range(2)]
    assert heard == [{"job": str(job_id), "state": state} for state in ("running", "done")]


async def test_the_jobs_of_an_organisation_are_told_to_it_and_to_nobody_else(
    url: str, resources: Resources, member: Member, stranger: Member
) -> None:
    async with live_socket(url, key=member.key) as mine, live_socket(url, key=stranger.key) as theirs:
        await mine.follow("jobs")
        await theirs.follow("jobs")
        own = await put(resources, member, Light())
        other = await put(resources, stranger, Light())
        assert (await mine.hear_of("news"))["news"] == {"job": str(own), "state": "ready"}
        assert (await theirs.hear_of("news"))["news"] == {"job": str(other), "state": "ready"}


async def test_calling_a_job_off_is_told(url: str, resources: Resources, member: Member) -> None:
    job_id = await put(resources, member, Light())
    async with live_socket(url, key=member.key) as socket, client_at(url, key=member.key) as client:
        await socket.follow(f"job/{job_id}")
        await client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert (await socket.hear_of("news"))["news"]["state"] == "cancelled"
        await client.post(f"/api/v1/jobs/{job_id}/retry")
        assert (await socket.hear_of("news"))["news"]["state"] == "ready"


async def test_what_is_rolled_back_is_not_told(url: str, resources: Resources, member: Member) -> None:
    async def roll_back() -> None:
        async with transaction(resources.database, member.scope) as tx:
            await enqueue(tx, Light())
            raise ZeroDivisionError

    async with live_socket(url, key=member.key) as socket:
        await socket.follow("jobs")
        with pytest.raises(ZeroDivisionError):
            await roll_back()
        committed = await put(resources, member, Light())
        assert (await socket.hear_of("news"))["news"]["job"] == str(committed)


async def test_whoever_comes_back_goes_on_where_it_was(url: str, resources: Resources, member: Member) -> None:
    job_id = await put(resources, member, Light())
    topic = f"job/{job_id}"
    async with live_socket(url, key=member.key) as socket:
        begun = (await socket.follow(topic))["position"]
        await told(resources, topic, b"1", b"2")
        first = await socket.hear_of("news")
    await told(resources, topic, b"3")
    async with live_socket(url, key=member.key) as socket:
        assert (await socket.follow(topic, after=first["position"]))["missed"] is False
        assert [(await socket.hear_of("news"))["news"] for _ in range(2)] == [2, 3]
        # from before there was anything to hear
        assert (await socket.follow(topic, after=begun))["missed"] is False
        assert [(await socket.hear_of("news"))["news"] for _ in range(3)] == [1, 2, 3]
        await told(resources, topic, b"4")
        assert (await socket.hear_of("news"))["news"] == 4


async def test_after_too_large_a_gap_one_is_told_to_read_anew(url: str, resources: Resources, member: Member) -> None:
    job_id = await put(resources, member, Light())
    topic = f"job/{job_id}"
    async with live_socket(url, key=member.key) as socket:
        begun = (await socket.follow(topic))["position"]
        await told(resources, topic, b"0")
        first = (await socket.hear_of("news"))["position"]
    await told(resources, topic, *(b"%d" % number for number in range(1, 600)))
    async with live_socket(url, key=member.key) as socket:
        for gone in (begun, first, "1-1-0123abcd"):
            following = await socket.follow(topic, after=gone)
            assert (following["type"], following["missed"]) == ("following", True)
        await told(resources, topic, b"600")
        assert (await socket.hear_of("news"))["news"] == 600


async def test_what_one_may_not_see_cannot_be_followed(
    url: str, resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    theirs = await put(resources, stranger, Light())
    mine = await put(resources, member, Light())
    async with live_socket(url, key=member.key) as socket:
        for topic in (f"job/{theirs}", f"job/{new_id()}", "job/x", "job", f"jobs/{stranger.org_id}", "nothing", ""):
            refused = await socket.follow(topic)
            assert (refused["type"], refused["code"], refused["topic"]) == ("refused", "topic_not_found", topic)
    _, weak = make_key(database, org_id=member.org_id, user_id=member.user_id, scopes=("datasets:read",))
    async with live_socket(url, key=weak) as socket:
        for topic in (f"job/{mine}", "jobs"):
            assert (await socket.follow(topic))["code"] == "topic_not_found"


async def test_a_browser_says_its_key_in_its_first_message(url: str, member: Member) -> None:
    async with live_socket(url) as socket:
        await socket.say("hello", key=member.key)
        assert await socket.hear() == {"type": "welcome", "late": False}
        await socket.say("ping")
        assert await socket.hear() == {"type": "pong"}
    for first in ({"type": "hello", "key": "lyk_wrong"}, {"type": "follow", "topic": "jobs"}):
        async with live_socket(url) as socket:
            await socket.say(**{"kind" if name == "type" else name: value for name, value in first.items()})
            assert await socket.closed() == 4401
    async with live_socket(url) as socket:
        await socket.connection.send("neither")
        assert await socket.closed() == 4401


async def test_a_key_that_opens_nothing_gets_no_socket(url: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with live_socket(url, key="lyk_wrong"):
            pass
    assert refused.value.response.status_code == 401
    assert b"unauthenticated" in refused.value.response.body


async def test_a_revoked_keys_socket_is_closed(url: str, member: Member, database: TestDatabase) -> None:
    key_id, key = make_key(database, org_id=member.org_id, user_id=member.user_id)
    async with live_socket(url, key=key) as socket, live_socket(url, key=member.key) as other:
        await socket.follow("jobs")
        async with client_at(url, key=member.key) as client:
            await client.delete(f"/api/v1/api-keys/{key_id}")
        assert await socket.closed() == 4401
        assert (await other.follow("jobs"))["type"] == "following"


async def test_what_one_may_not_see_any_longer_is_no_longer_told(
    url: str, resources: Resources, member: Member, database: TestDatabase
) -> None:
    job_id = await put(resources, member, Light())
    async with live_socket(url, key=member.key) as socket:
        await socket.follow(f"job/{job_id}")
        await socket.follow("jobs")
        rows_of(database, "DELETE FROM jobs WHERE id = %s", job_id)
        refused = await socket.hear_of("refused")
        assert (refused["code"], refused["topic"]) == ("topic_not_found", f"job/{job_id}")
        await told(resources, f"job/{job_id}", b'"secret"')
        await told(resources, f"jobs/{member.org_id}", b'"still told"')
        assert (await socket.hear_of("news"))["news"] == "still told"


async def test_one_person_has_so_many_sockets_and_each_so_many_topics(
    url: str, resources: Resources, member: Member
) -> None:
    jobs = [await put(resources, member, Light()) for _ in range(5)]
    async with (
        live_socket(url, key=member.key) as socket,
        live_socket(url, key=member.key),
        live_socket(url, key=member.key),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with live_socket(url, key=member.key):
                pass
        assert refused.value.response.status_code == 429
        answers = [await socket.follow(f"job/{job_id}") for job_id in jobs]
        assert [answer["type"] for answer in answers] == ["following"] * 4 + ["refused"]
        await socket.say("leave", topic=f"job/{jobs[0]}")
        assert (await socket.hear())["type"] == "left"
        assert (await socket.follow(f"job/{jobs[4]}"))["type"] == "following"

    async def opens() -> bool:
        try:
            async with live_socket(url, key=member.key):
                return True
        except InvalidStatus:
            return False

    await until(opens, bool, seconds=20)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "shout"}', '{"type": "follow"}', '"' + "x" * 5000 + '"'])
async def test_what_cannot_be_read_is_told_and_the_socket_stays(url: str, member: Member, text: str) -> None:
    async with live_socket(url, key=member.key) as socket:
        await socket.connection.send(text)
        refused = await socket.hear()
        assert (refused["type"], refused["code"]) == ("refused", "malformed")
        assert (await socket.follow("jobs", after="yesterday"))["code"] == "malformed"
        assert (await socket.follow("jobs"))["type"] == "following"


async def test_whoever_asks_too_much_is_closed(url: str, member: Member) -> None:
    async with live_socket(url, key=member.key) as socket:
        for _ in range(101):
            await socket.say("ping")
        assert await socket.closed() == 4429
    async with live_socket(url, key=member.key) as socket:
        await socket.connection.send("x" * 20_000)
        assert await socket.closed() == 1009


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://"])
async def test_a_page_of_another_site_gets_no_socket(url: str, member: Member, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with live_socket(url, key=member.key, origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_the_hubs_own_pages_get_one(url: str, member: Member) -> None:
    async with live_socket(url, key=member.key, origin=url) as socket:
        assert (await socket.follow("jobs"))["type"] == "following"


async def test_another_host_gets_no_socket(url: str, member: Member) -> None:
    port = url.rsplit(":", 1)[1]
    with pytest.raises(InvalidStatus):
        async with live_socket(f"http://evil.example:{port}", key=member.key, host="127.0.0.1"):
            pass


@pytest.mark.parametrize("path", ["/api/v1/ws", "/hub/api/v1/ws"])
async def test_a_public_address_with_a_sub_path_has_a_socket_whether_the_proxy_strips_it(
    database: TestDatabase, valkey_url: str, tmp_path: Path, member: Member, path: str
) -> None:
    public = "https://hub.example.org/hub"
    settings = settings_for(database, tmp_path, valkey_url=valkey_url, public_url=public)
    async with (
        served_here(settings) as here,
        live_socket(here, key=member.key, path=path, origin="https://hub.example.org") as socket,
    ):
        assert (await socket.follow("jobs"))["type"] == "following"


@pytest.fixture
async def own_hub(own_hub_servers: OwnServers, tmp_path: Path) -> AsyncIterator[tuple[Settings, Resources, Member]]:
    """A hub on servers that may be killed."""
    from lyceum.hub.postgres import APP_ROLE
    from lyceum.kernel import migrate

    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    settings = settings_for(database, tmp_path, valkey_url=own_hub_servers.valkey.url)
    async with open_resources(settings, subscribers={}) as resources:
        yield settings, resources, make_member(database)


@pytest.mark.deep
async def test_when_valkey_is_away_sockets_stay_and_are_told_that_news_are_late(
    own_hub: tuple[Settings, Resources, Member], own_hub_servers: OwnServers, serve: Callable[..., ServedProcess]
) -> None:
    settings, resources, member = own_hub
    url = serve("lyceum.web", settings).url
    async with live_socket(url, key=member.key) as socket:
        await socket.follow("jobs")
        await asyncio.to_thread(own_hub_servers.kill_valkey)
        assert await socket.hear() == {"type": "late", "late": True}
        assert (await socket.follow("jobs"))["code"] == "late"
        await asyncio.to_thread(own_hub_servers.start_valkey)
        assert await socket.hear_of("late") == {"type": "late", "late": False}

        async def follows() -> bool:
            await socket.say("follow", topic="jobs")
            while (heard := await socket.hear())["type"] not in {"following", "refused"}:
                pass
            return bool(heard["type"] == "following")

        await until(follows, bool, seconds=20)
        job_id = await put(resources, member, Light())
        assert (await socket.hear_of("news"))["news"]["job"] == str(job_id)


async def test_what_was_told_while_the_reader_had_lost_its_connection_is_told_after_all(
    url: str, resources: Resources, member: Member
) -> None:
    stream = f"jobs/{member.org_id}"
    async with live_socket(url, key=member.key) as socket:
        await socket.follow("jobs")
        await told(resources, stream, b"0")
        assert (await socket.hear_of("news"))["news"] == 0
        assert resources.valkey is not None
        await resources.valkey.client_kill_filter(_type="pubsub")
        await told(resources, stream, b"1", b"2", b"3")
        assert await socket.hear() == {"type": "late", "late": True}
        assert await socket.hear() == {"type": "late", "late": False}
        await told(resources, stream, b"4", b"5")
        assert [(await socket.hear_of("news"))["news"] for _ in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.deep
async def test_whoever_followed_while_valkey_restarted_is_told_to_read_anew(
    own_hub: tuple[Settings, Resources, Member], own_hub_servers: OwnServers, serve: Callable[..., ServedProcess]
) -> None:
    settings, resources, member = own_hub
    url = serve("lyceum.web", settings).url
    async with live_socket(url, key=member.key) as socket:
        await socket.follow("jobs")
        await put(resources, member, Light())
        heard = await socket.hear_of("news")
        await asyncio.to_thread(own_hub_servers.kill_valkey)
        await asyncio.to_thread(own_hub_servers.start_valkey)
        # nothing of what was told before is kept over a restart, so nobody can say that nothing was missed
        await write_progress(resources.line, new_id(), 0.1, "wakes the line")
        missed = await socket.hear_of("missed")
        assert (missed["topic"], missed["position"]) == ("jobs", heard["position"])


async def test_who_answers_no_ping_is_closed_and_who_answers_stays(hub_settings: Settings, member: Member) -> None:
    async with (
        served_here(hub_settings, socket_ping_seconds=PING_SECONDS) as url,
        client_at(url) as asks,
        live_socket(url, key=member.key, ping_interval=None) as answering,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", hub_settings.port)
        writer.write(
            f"GET {SOCKET_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
            f"Authorization: Bearer {member.key}\r\n\r\n".encode()
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 101 ")
        await until(lambda: open_sockets(asks), lambda sockets: sockets == 2)
        # it says nothing more, as one whose network is gone; what it was sent ends with the server's own end
        async with asyncio.timeout(HEARD_SECONDS_MAX):
            told = await reader.read()
        assert b"keepalive ping timeout" in told
        await until(lambda: open_sockets(asks), lambda sockets: sockets == 1)
        await answering.say("follow", topic="jobs")
        assert (await answering.hear())["type"] == "following"
        writer.close()


async def open_sockets(asks: httpx.AsyncClient) -> float:
    [line] = [line for line in (await asks.get("/metrics")).text.splitlines() if line.startswith("lyceum_sockets ")]
    return float(line.split()[1])
