from collections.abc import Iterator
from pathlib import Path

import pytest

from lyceum.pages import web_app


@pytest.fixture(autouse=True)
def _no_web_app(tmp_path: Path) -> Iterator[None]:
    """The plain pages are what a hub has whose web app is not built."""
    # not by `monkeypatch`, which a fixture of a test may undo earlier than it thinks when it is asked for here first
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(web_app, "BUILT", tmp_path / "not-built")
        yield
