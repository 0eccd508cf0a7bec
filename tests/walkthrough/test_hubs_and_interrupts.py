"""Whose hub it is: one that runs is used and left running, one that was started ends; Ctrl-C leaves nothing behind."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from fixtures.app import ServedProcess, free_port
from fixtures.hubs import wait_until
from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubNotRunning
from lyceum_client import Client, NotFound
from make.walkthrough import learnable


def ports() -> dict[str, str]:
    return {"LYCEUM_PORT": str(free_port()), "LYCEUM_PREDICT_PORT": str(free_port())}


def test_a_hub_is_started_and_ends_with_ctrl_c_and_another_try_uses_it_and_leaves_it_running(
    open_terminal: Any, folder: Path, tmp_path: Path
) -> None:
    home = folder / "home"
    learnable().write_csv(tmp_path / "shop.csv")
    terminal = open_terminal(tmp_path, LYCEUM_HOME=str(home), HOME=str(folder), **ports())
    with terminal.running("shop.csv", "--target", "bought", "--time-limit", "2s") as first:
        printed = ""
        while "Serving until Ctrl-C" not in printed:
            line = first.stdout.readline()
            assert line, first.stderr.read()
            printed += line
        assert "Started a hub, ready after" in printed
        before = ask_hub(home, "status")

        second = terminal.run("shop.csv", "--target", "bought", "--time-limit", "2s", "--json")
        assert second.code == 0, second.err
        assert "Started a hub" not in second.err
        after = ask_hub(home, "status")
        assert (after["ready"], after["pid"], after["since"]) == (True, before["pid"], before["since"])
        assert second.json["dataset"]["address"] == "main/shop-2"
        # the prediction process answers under the address that was told
        assert second.json["model"]["endpoint"].startswith(f"http://127.0.0.1:{after['predict_port']}/api/v1/models/")

        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    with pytest.raises(HubNotRunning):
        ask_hub(home, "status")
    assert not any(str(home) in command for command in running_commands())


def test_ctrl_c_in_training_cancels_the_run_and_removes_what_was_made(
    terminal: Any, hub: Client, served_hub: ServedProcess, tmp_path: Path
) -> None:
    learnable(2000).write_csv(tmp_path / "shop.csv")
    with terminal.running("shop.csv", "--target", "bought", "--time-limit", "10m") as process:
        wait_until(lambda: any(run.state == "running" for run in hub.runs.list()))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "Stopped; nothing is left of it.\n"
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


def running_commands() -> list[str]:
    """Return the commands of all processes of this machine."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [command for command in found if str(os.getpid()) not in command]
