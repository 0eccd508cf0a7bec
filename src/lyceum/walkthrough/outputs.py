"""The folder of results: report, notebook, and a key that may read and predict."""

import contextlib
import hashlib
import json
import os
import shlex
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lyceum.walkthrough.errors import InputRefused
from lyceum.walkthrough.notebook import KEY_FILE, notebook_of, notebook_text
from lyceum.walkthrough.report.page import report_page
from lyceum.walkthrough.summary import Findings, Results
from lyceum_client import Client, LyceumError, NewApiKey

REPORT_FILE = "report.html"
NOTEBOOK_FILE = "notebook.ipynb"
FILES = (REPORT_FILE, NOTEBOOK_FILE, KEY_FILE)
NOTE_FILE = ".lyceum-try.json"
KEY_SCOPES = ("datasets:read", "runs:read", "models:read", "models:predict")
KEY_DAYS = 30


class ResultsFolder:
    """The folder the results go to. Nothing is replaced or removed there but what a try wrote and nobody changed since.

    A file beside the results notes the SHA-256 of each: so a later try knows them from a person's own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folders_made: list[Path] = []
        self._written: dict[str, str] = {}

    def prepare(self) -> None:
        """Make the folder and try to write to it; raises `InputRefused` when it cannot be used."""
        self._refuse_files_of_others()
        try:
            missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                self._folders_made.append(folder)
            with tempfile.NamedTemporaryFile(dir=self.path, prefix=".lyceum-try-"):
                pass
        except OSError as error:
            raise self._unusable(error) from None

    def write(self, texts: Mapping[str, str]) -> None:
        """Write the files, readable by their owner alone where they are secret.

        Files of an earlier try are replaced. Raises `InputRefused` when the folder cannot be used.
        """
        self._refuse_files_of_others()
        note = {name: _digest(text.encode()) for name, text in texts.items()}
        try:
            for name in FILES:
                (self.path / name).unlink(missing_ok=True)
            for name, text in {NOTE_FILE: f"{json.dumps(note, indent=1)}\n", **texts}.items():
                self._write(name, text)
        except OSError as error:
            raise self._unusable(error) from None

    def remove(self) -> None:
        """Remove what was written here, and the folders that were made when nothing else is in them.

        Raises `OSError` naming what stays: what cannot be removed, and what was changed since it was written.
        """
        staying = []
        for name, digest in self._written.items():
            path = self.path / name
            try:
                if not os.path.lexists(path):
                    continue
                if _digest_of(path) != digest:
                    staying.append(f"{path} was changed since and stays")
                    continue
                path.unlink()
            except OSError as error:
                staying.append(f"{path}: {error.strerror}")
        for folder in reversed(self._folders_made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if staying:
            raise OSError("; ".join(staying))

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        if name == NOTE_FILE:
            path.unlink(missing_ok=True)
        # exclusively: what came there since we looked is not ours, and neither is what a link points at
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if name == KEY_FILE else 0o666)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._written[name] = _digest(text.encode())

    def _refuse_files_of_others(self) -> None:
        ours = _digests_noted(self.path / NOTE_FILE)
        for name in (NOTE_FILE, *FILES):
            path = self.path / name
            if not os.path.lexists(path) or (name == NOTE_FILE and ours is not None):
                continue
            if ours is None or ours.get(name) is None or _digest_of(path) != ours[name]:
                why = "was changed since a try wrote it" if ours and name in ours else "is there already"
                raise InputRefused(f"{path} {why}; move it away, or name another folder with --output.")

    def _unusable(self, error: OSError) -> InputRefused:
        return InputRefused(
            f"The results cannot be written to {self.path} ({error.strerror}); name another folder with --output."
        )


def key_name(dataset: str) -> str:
    """Return the name of the key that a walkthrough makes for a dataset of this name."""
    return f"lyceum try {dataset}"[:100]


def make_key(hub: Client, *, name: str) -> NewApiKey | None:
    """Make a key for the notebook and the curl; None when the key in use may not make keys."""
    expires_at = datetime.now(UTC) + timedelta(days=KEY_DAYS)
    try:
        return hub.keys.create(key_name(name), scopes=KEY_SCOPES, expires_at=expires_at)
    except LyceumError:
        return None


def write_results(found: Findings, folder: ResultsFolder, *, hub_url: str, secret: str | None) -> Results:
    """Write report, notebook and key into the folder; raises `InputRefused` when that cannot be done."""
    place = folder.path.resolve()
    curl = _curl(found, place / KEY_FILE if secret else None)
    texts = {
        NOTEBOOK_FILE: notebook_text(notebook_of(found, hub_url=hub_url)),
        REPORT_FILE: report_page(found, curl=curl, web=hub_url),
    }
    folder.write(texts | ({KEY_FILE: f"{secret}\n"} if secret else {}))
    return Results(html=place / REPORT_FILE, notebook=place / NOTEBOOK_FILE, web=hub_url, curl=curl)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str | None:
    """Return the digest of an ordinary file; None for anything else, and for what cannot be read."""
    try:
        return None if path.is_symlink() or not path.is_file() else _digest(path.read_bytes())
    except OSError:
        return None


def _digests_noted(note: Path) -> dict[str, str] | None:
    """Return the digests an earlier try noted; None when there is no such note."""
    try:
        noted = None if note.is_symlink() else json.loads(note.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(noted, dict) or not all(isinstance(digest, str) for digest in noted.values()):
        return None
    return noted


def _curl(found: Findings, key_file: Path | None) -> str:
    """Return a command that asks for the first sample row; the key comes from its file, so that no history keeps it."""
    key = f"$(cat {shlex.quote(str(key_file))})" if key_file else "$LYCEUM_API_KEY"
    body = json.dumps({"rows": [found.served.answers[0].row]}, ensure_ascii=False)
    if not body.isprintable():
        body = json.dumps(json.loads(body))
    return (
        f'curl -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(body)} \\\n  {shlex.quote(found.served.endpoint)}"
    )
