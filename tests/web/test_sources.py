"""What the web app's sources and packages must hold: no registry, no style of a page's own, a lock for every platform."""

import json
import re
from pathlib import Path

import complete_lock
import pytest

WEB = Path(__file__).resolve().parents[2] / "web"
SOURCES = WEB / "src"


def test_the_locks_name_no_registry_and_hold_every_platform() -> None:
    for path in complete_lock.LOCKS:
        lock = json.loads(path.read_text(encoding="utf-8"))
        assert complete_lock.completed(lock) == lock, path
        assert all("resolved" not in entry for entry in lock["packages"].values())


def test_a_package_for_another_platform_gets_a_stub() -> None:
    lock = {"packages": {"node_modules/a": {"version": "1.0.0", "optionalDependencies": {"@a/darwin-arm64": "1.2.0"}}}}
    stub = complete_lock.completed(lock)["packages"]["node_modules/@a/darwin-arm64"]
    assert stub == {"version": "1.2.0", "optional": True, "os": ["darwin"], "cpu": ["arm64"]}


def test_pages_take_their_controls_from_the_design_system() -> None:
    own = re.compile(r"<(button|select|textarea|dialog)[\s>]")
    found = [
        f"{path.relative_to(SOURCES)}: <{match[1]}"
        for path in SOURCES.rglob("*.tsx")
        if path.relative_to(SOURCES).parts[0] != "ui"
        for match in own.finditer(path.read_text(encoding="utf-8"))
    ]
    # the field that opens the finder looks like an input and is one button of the shell
    assert found == ["shell/shell.tsx: <button"]


def test_every_component_is_shown_on_the_page_of_components() -> None:
    pages = list((SOURCES / "ui").rglob("showcase*.tsx"))
    shown = "".join(page.read_text(encoding="utf-8") for page in pages)
    left = {"frame.tsx", *(page.name for page in pages)}
    components = [path for path in (SOURCES / "ui").rglob("*.tsx") if path.name not in left]
    assert len(components) > 20
    missing = [path.stem for path in components if not re.search(rf'"\./(charts/)?{path.stem}"', shown)]
    # it needs no place of its own: it is in every page's frame
    assert missing in ([], ["page-head"])


@pytest.mark.parametrize("source", ["index.html", "public/theme.js", "bundling/sw.js"])
def test_nothing_is_loaded_from_elsewhere(source: str) -> None:
    assert not re.search(r"https?://", (WEB / source).read_text(encoding="utf-8"))
