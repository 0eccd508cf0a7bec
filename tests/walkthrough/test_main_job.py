"""From a table to a live endpoint in one command, against a real hub."""

import json
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import nbclient
import nbformat
import pytest

from fixtures.app import ServedProcess
from lyceum_client import Client
from make.accounts import Member
from make.walkthrough import HOSTILE_NAMES, HOSTILE_VALUES, hostile, learnable

TARGET = HOSTILE_NAMES[0]


@pytest.fixture(scope="session")
def hostile_try(
    open_terminal: Callable[..., Any],
    served_hub: ServedProcess,
    own_member: Callable[[], Member],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Any, Client]]:
    """What came of trying a table full of traps, and a client with the same key."""
    member, place = own_member(), tmp_path_factory.mktemp("hostile")
    hostile().write_csv(place / "our table.v2.csv")
    terminal = open_terminal(place, LYCEUM_URL=served_hub.url, LYCEUM_API_KEY=member.key)
    ended = terminal.run("our table.v2.csv", "--target", TARGET, "--time-limit", "3s", "--json", "--exit")
    assert ended.code == 0, ended.err
    with Client(served_hub.url, member.key) as client:
        yield ended, client


def test_json_is_one_object_with_what_the_steps_found(hostile_try: tuple[Any, Client]) -> None:
    ended, client = hostile_try
    told = ended.json
    assert set(told) == {"dataset", "schema", "checks", "run", "model", "watch", "report"}
    assert told["watch"] is None
    assert told["dataset"]["rows"] == 240
    assert {column["name"] for column in told["schema"]} == set(HOSTILE_NAMES)
    assert told["checks"]["passed"] + told["checks"]["failed"] == len(told["checks"]["results"]) > 5
    run = told["run"]
    assert {"metric", "score", "baseline", "leaderboard", "fit_seconds"} <= set(run)
    assert run["metric"] == "roc_auc"
    assert run["score"] > 0.9 > run["baseline"]
    assert run["leaderboard"][0]["name"]
    model = told["model"]
    assert model["version"] == 1
    assert model["format"] == "onnx"
    assert model["parity"]["within_tolerance"]
    assert 0 < model["p50_ms"] < 1000
    assert client.models.get(model["name"]).aliases == {"champion": 1}


def test_progress_is_told_in_plain_lines_beside_the_json(hostile_try: tuple[Any, Client]) -> None:
    lines = hostile_try[0].err.splitlines()
    assert [line for line in lines if line[:1].isdigit()] == [
        "1 Upload our table.v2.csv",
        "2 Check",
        f"3 Train for {TARGET}, 3 s at most",
        "4 Serve",
    ]
    assert "\x1b" not in hostile_try[0].err
    assert any("same answers as in training" in line for line in lines)


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_names_and_values_are_text_in_the_report(hostile_try: tuple[Any, Client]) -> None:
    text = Path(hostile_try[0].json["report"]["html"]).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.elements & {"script", "img", "iframe", "link", "object"}
    assert not {name for name in page.attributes if name.startswith("on")} | page.attributes & {"src", "href"}
    shown = " ".join(page.texts)
    for name in HOSTILE_NAMES:
        assert name in shown
    assert HOSTILE_VALUES[0] in shown
    assert "49" not in [part.strip() for part in page.texts]
    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text


async def test_the_notebook_runs_as_it_is(hostile_try: tuple[Any, Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LYCEUM_API_KEY", raising=False)
    monkeypatch.delenv("LYCEUM_URL", raising=False)
    path = Path(hostile_try[0].json["report"]["notebook"])
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat has no types
    nbformat.validate(notebook)
    runner = nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    await runner.async_execute()
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "240 rows" in printed
    assert "predicted " in printed


def test_the_notebooks_key_reads_and_predicts_and_no_more(
    hostile_try: tuple[Any, Client], served_hub: ServedProcess
) -> None:
    file = Path(hostile_try[0].json["report"]["notebook"]).with_name("api-key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Client(served_hub.url, file.read_text(encoding="utf-8").strip()) as client:
        assert set(client.me().powers) == {"datasets:read", "runs:read", "models:read", "models:predict"}


@pytest.mark.deep
def test_the_report_for_people_names_what_matters_and_ends_with_a_curl_that_works(
    terminal: Any, hub: Client, tmp_path: Path
) -> None:
    learnable().write_parquet(tmp_path / "shop.parquet")
    ended = terminal.run("shop.parquet", "--target", "bought", "--time-limit", "3", "--exit")
    assert ended.code == 0, ended.err
    assert ended.err == ""
    for line in ("240 rows, 4 columns", "guessing gives", "Matters most    age", "ms for one row over HTTP"):
        assert line in ended.out
    curl = ended.out[ended.out.index("curl ") :]
    assert send(words_of(curl))["predictions"][0]["label"] in {"yes", "no"}
    assert sorted(file.name for file in (tmp_path / "lyceum-try-shop").iterdir()) == [
        ".lyceum-try.json",
        "api-key",
        "notebook.ipynb",
        "report.html",
    ]
    assert hub.datasets.get(f"{hub.me().organisation}/shop").latest_version == 1


def words_of(command: str) -> list[str]:
    """Return what a shell makes of the curl's arguments; curl itself need not be there."""
    show = f"{shlex.quote(sys.executable)} -c 'import json, sys; print(json.dumps(sys.argv[1:]))'"
    script = f'curl() {{ {show} "$@"; }}\n{command}'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    words: list[str] = json.loads(said)
    return words


def send(words: list[str]) -> Any:
    """Send what `curl -H HEADER … -d BODY URL` sends, and return the answer's JSON."""
    url, options = words[-1], words[:-1]
    pairs = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in pairs if option == "-H")
    (body,) = [value for option, value in pairs if option == "-d"]
    assert {option for option, _ in pairs} == {"-H", "-d"}
    return httpx.post(url, content=body.encode(), headers=headers, trust_env=False).raise_for_status().json()


@pytest.mark.deep
def test_what_is_there_already_is_left_alone_and_cleanup_leaves_nothing(
    terminal: Any, hub: Client, tmp_path: Path
) -> None:
    kept = hub.datasets.create("shop")
    learnable().write_csv(tmp_path / "shop.csv")
    ended = terminal.run("shop.csv", "--target", "spent", "--time-limit", "2s", "--exit", "--cleanup", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["dataset"]["address"] == f"{hub.me().organisation}/shop-2"
    assert ended.json["run"]["metric"] == "rmse"
    assert [dataset.id for dataset in hub.datasets.list()] == [kept.id]
    assert list(hub.models.list()) == []
    assert [key.name for key in hub.keys.list() if key.revoked_at is None and "try" in key.name] == []
    assert [file.name for file in tmp_path.iterdir()] == ["shop.csv"]
