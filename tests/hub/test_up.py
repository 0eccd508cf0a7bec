"""`lyceum up` as a person runs it: everything serves, everything is said, everything stops."""

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from fixtures.commands import TRAINS_NOTHING, up
from fixtures.hubs import StartHub, wait_until
from fixtures.processes import is_alive


def answer_of(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def test_up_serves_says_what_a_person_needs_and_stops(start_hub: StartHub) -> None:
    hub = up(start_hub)
    status = hub.status()
    assert answer_of(f"{status['url']}/health/ready") == {"status": "ready"}
    assert answer_of(f"http://127.0.0.1:{status['predict_port']}/health/live") == {"status": "live"}
    wait_until(lambda: "/setup?token=" in hub.output, said=lambda: hub.output)
    for said in (status["url"], str(hub.home), "LYCEUM_HOST=0.0.0.0", "mail", "lyceum try", "30 minutes"):
        assert said in hub.output
    assert status["host"] == "127.0.0.1"
    assert [child["name"] for child in status["children"]] == ["api", "predict", "worker", "valkey", "postgres"]
    assert hub.interrupt() == 0
    assert hub.output.endswith("Stopped.\n")
    assert not any(is_alive(child["pid"]) for child in status["children"])


@pytest.mark.deep
def test_callers_wait_while_a_killed_program_starts_again_and_nobody_takes_its_port(start_hub: StartHub) -> None:
    hub = up(start_hub, None, **TRAINS_NOTHING)
    for name, port in (("api", hub.status()["port"]), ("predict", hub.status()["predict_port"])):
        os.kill(hub.child(name)["pid"], signal.SIGKILL)
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", port), reuse_port=False)
        assert answer_of(f"http://127.0.0.1:{port}/health/live") == {"status": "live"}
        assert hub.child(name)["restarts"] == 1
    assert hub.interrupt() == 0


def test_a_later_start_finds_nothing_to_prepare_and_the_link_works_once(start_hub: StartHub) -> None:
    assert up(start_hub, None, **TRAINS_NOTHING).interrupt() == 0
    hub = up(start_hub, None, **TRAINS_NOTHING)
    wait_until(lambda: "/setup?token=" in hub.output, said=lambda: hub.output)
    assert "Tables" not in hub.output
    link = next(word for word in hub.output.split() if "/setup?token=" in word)
    with urllib.request.urlopen(link, timeout=10) as page:
        assert page.status == 200
    token = link.partition("=")[2]
    wanted = {"token": token, "email": "ada@example.org", "display_name": "Ada", "password": "a long enough password"}
    assert post(f"{hub.status()['url']}/api/v1/setup", wanted) == 201
    assert post(f"{hub.status()['url']}/api/v1/setup", wanted) != 201
    assert hub.interrupt() == 0
    again = up(start_hub, None, **TRAINS_NOTHING)
    again.interrupt()
    assert "/setup?token=" not in again.output


def post(url: str, content: dict[str, str]) -> int:
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            code: int = answer.status
    except urllib.error.HTTPError as error:
        return error.code
    return code


@pytest.mark.deep
def test_a_file_named_like_a_library_in_the_folder_one_stands_in_is_not_imported(
    start_hub: StartHub, folder: Path
) -> None:
    (folder / "sqlalchemy.py").write_text("raise SystemExit('imported by accident')")
    assert up(start_hub, None, **TRAINS_NOTHING).interrupt() == 0
