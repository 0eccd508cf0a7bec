"""The folder of results: report, notebook, and a key that may read and predict."""

import contextlib
import json
import os
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lyceum.walkthrough.errors import InputRefused
from lyceum.walkthrough.notebook import KEY_FILE, notebook_of, write_notebook
from lyceum.walkthrough.report.page import report_page
from lyceum.walkthrough.summary import Findings, Results
from lyceum_client import Client, LyceumError, NewApiKey

REPORT_FILE = "report.html"
NOTEBOOK_FILE = "notebook.ipynb"
FILES = (REPORT_FILE, NOTEBOOK_FILE, KEY_FILE)
KEY_SCOPES = ("datasets:read", "runs:read", "models:read", "models:predict")
KEY_DAYS = 30


def prepare_folder(folder: Path) -> Callable[[], None]:
    """Make the folder and return what removes our files from it, and it too when nothing else is in it.

    Raises `InputRefused` when it cannot be made.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputRefused(f"{folder} cannot be made ({error.strerror}); name another folder with --output.") from None

    def remove() -> None:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()

    return remove


def make_key(hub: Client, *, name: str) -> NewApiKey | None:
    """Make a key for the notebook and the curl; None when the key in use may not make keys."""
    expires_at = datetime.now(UTC) + timedelta(days=KEY_DAYS)
    try:
        return hub.keys.create(f"lyceum try {name}"[:100], scopes=KEY_SCOPES, expires_at=expires_at)
    except LyceumError:
        return None


def write_results(found: Findings, folder: Path, *, hub_url: str, secret: str | None) -> Results:
    """Write report, notebook and key into the folder; raises `InputRefused` when that cannot be done."""
    curl = _curl(found, folder / KEY_FILE if secret else None)
    results = Results(html=folder / REPORT_FILE, notebook=folder / NOTEBOOK_FILE, web=hub_url, curl=curl)
    try:
        if secret:
            _write_private(folder / KEY_FILE, secret)
        write_notebook(notebook_of(found, hub_url=hub_url), results.notebook)
        results.html.write_text(report_page(found, curl=curl, web=hub_url), encoding="utf-8")
    except OSError as error:
        raise InputRefused(
            f"The results cannot be written to {folder} ({error.strerror}); name another folder with --output."
        ) from None
    return results


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")


def _curl(found: Findings, key_file: Path | None) -> str:
    """Return a command that asks for the first sample row; the key comes from its file, so that no history keeps it."""
    key = f"$(cat {shlex.quote(str(key_file))})" if key_file else "$LYCEUM_API_KEY"
    body = json.dumps({"rows": [found.served.answers[0].row]}, ensure_ascii=False)
    return (
        f'curl -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(body)} \\\n  {shlex.quote(found.served.endpoint)}"
    )
