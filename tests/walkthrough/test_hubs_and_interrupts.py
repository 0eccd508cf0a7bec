"""Whose hub it is: one that runs is used and left running, one that was started ends; Ctrl-C leaves nothing behind."""

import os
import signal
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fixtures.app import ServedProcess, free_port
from fixtures.hubs import wait_until
from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubNotRunning
from lyceum.kernel.config import Settings
from lyceum.walkthrough.hub import hub_at_hand
from lyceum.walkthrough.voice import PlainVoice
from lyceum_client import Client, NotFound
from make.walkthrough import learnable


def ports() -> dict[str, str]:
    return {"LYCEUM_PORT": str(free_port()), "LYCEUM_PREDICT_PORT": str(free_port())}


@pytest.mark.deep
def test_a_hub_is_started_and_ends_with_ctrl_c_and_another_try_uses_it_and_leaves_it_running(
    open_terminal: Any, folder: Path, tmp_path: Path
) -> None:
    home = folder / "home"
    learnable().write_csv(tmp_path / "shop.csv")
    variables = {"LYCEUM_HOME": str(home), "HOME": str(folder)}
    terminal = open_terminal(tmp_path, **variables)
    starter = open_terminal(tmp_path, LYCEUM_HOST="127.0.0.2", **variables, **ports())
    with starter.running("shop.csv", "--target", "bought", "--time-limit", "2s") as first:
        assert "Started a hub, ready after" in printed_before_serving(first)
        before = ask_hub(home, "status")

        second = terminal.run("shop.csv", "--target", "bought", "--time-limit", "2s", "--json")
        assert second.code == 0, second.err
        assert "Started a hub" not in second.err
        after = ask_hub(home, "status")
        assert (after["ready"], after["pid"], after["since"]) == (True, before["pid"], before["since"])
        assert second.json["dataset"]["address"] == "main/shop-2"
        # where that hub listens, which is not where one started from this terminal would
        assert second.json["model"]["endpoint"].startswith(f"http://127.0.0.2:{after['predict_port']}/api/v1/models/")

        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    with pytest.raises(HubNotRunning):
        ask_hub(home, "status")
    assert not any(str(home) in command for command in running_commands())


@pytest.mark.deep
def test_a_hub_that_ends_while_it_serves_is_told(open_terminal: Any, folder: Path, tmp_path: Path) -> None:
    home = folder / "home"
    learnable().write_csv(tmp_path / "shop.csv")
    terminal = open_terminal(tmp_path, LYCEUM_HOME=str(home), HOME=str(folder), **ports())
    with terminal.running("shop.csv", "--target", "bought", "--time-limit", "1s") as process:
        printed_before_serving(process)
        os.kill(ask_hub(home, "status")["pid"], signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == f"The hub has ended while it was serving: exit code 0; its logs are in {home}/logs.\n"
    assert (tmp_path / "lyceum-try-shop" / "report.html").exists()


@pytest.mark.parametrize(
    "status, reached",
    [
        ({"host": "127.0.0.5"}, "127.0.0.5"),
        ({"host": "::1"}, "[::1]"),
        ({"host": "0.0.0.0"}, "127.0.0.1"),
        ({"host": "::"}, "127.0.0.1"),
        ({}, "127.0.0.9"),
    ],
)
def test_a_running_hub_is_reached_where_it_listens(
    status: dict[str, Any], reached: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("LYCEUM_URL", "LYCEUM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    answers = {
        "status": {"ready": True, "port": 8100, "predict_port": 8101, **status},
        "admin-key": {"key": "lyk_1"},
    }
    monkeypatch.setattr("lyceum.walkthrough.hub.ask_hub", lambda _home, command: answers[command])
    settings = Settings(home=tmp_path, host="127.0.0.9", port=9000, public_url="https://hub.example.org")
    with hub_at_hand(settings, PlainVoice(StringIO())) as hub:
        assert (hub.url, hub.predict_url) == (f"http://{reached}:8100", f"http://{reached}:8101")
        assert hub.started is None


@pytest.mark.deep
def test_ctrl_c_in_training_cancels_the_run_and_removes_what_was_made(
    terminal: Any, hub: Client, served_hub: ServedProcess, tmp_path: Path
) -> None:
    learnable(2000).write_csv(tmp_path / "shop.csv")
    with terminal.running("shop.csv", "--target", "bought", "--time-limit", "10m") as process:
        wait_until(lambda: any(run.state == "running" for run in hub.runs.list()))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "Stopped; what it had made was taken back.\n"
    assert "4 Serve" not in out
    run = next(hub.runs.list())
    wait_until(lambda: hub.runs.get(run.id).state == "cancelled")
    assert list(hub.datasets.list()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["shop.csv"]
    try:
        hub.models.get(f"{hub.me().organisation}/shop")
    except NotFound:
        return
    raise AssertionError("a model was made")


@pytest.mark.deep
@pytest.mark.parametrize(
    "reader, options, is_taken_back", [(("head", "-n1"), (), True), (("true",), ("--json",), False)]
)
def test_a_reader_that_goes_away_ends_it_quietly(
    terminal: Any,
    hub: Client,
    tmp_path: Path,
    reader: tuple[str, ...],
    options: tuple[str, ...],
    *,
    is_taken_back: bool,
) -> None:
    learnable().write_csv(tmp_path / "shop.csv")
    with terminal.running("shop.csv", "--target", "bought", "--time-limit", "1s", *options) as process:
        with subprocess.Popen(reader, stdin=process.stdout, stdout=subprocess.PIPE, text=True) as reading:
            process.stdout.close()
            read, _ = reading.communicate(timeout=60)
        err = process.stderr.read()
        assert process.wait(60) == 141, "as a shell tells of a program that wrote to nobody"
    assert read == ("" if options else "1 Upload shop.csv\n")
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert (err == "") == is_taken_back
    assert (list(hub.datasets.list()) == []) == is_taken_back


def printed_before_serving(process: "subprocess.Popen[str]") -> str:
    """Return what the command prints until it serves."""
    assert process.stdout
    assert process.stderr
    printed = ""
    while "Serving until Ctrl-C" not in printed:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        printed += line
    return printed


def running_commands() -> list[str]:
    """Return the commands of all processes of this machine."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [command for command in found if str(os.getpid()) not in command]
