"""The note of the newest backup in the hub's home: left by whoever made it, read by whoever tells of it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

NOTE_FILE = "last-backup.json"


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The newest backup that was made of this hub, and where it is."""

    id: str
    made_at: str
    to: str
    encrypted: bool

    @property
    def age_seconds(self) -> float:
        return (datetime.now(UTC) - datetime.fromisoformat(self.made_at)).total_seconds()


def last_backup(home: Path) -> LastBackup | None:
    """Return the newest backup that was made of the hub in `home`, None when there is none."""
    try:
        return LastBackup(**json.loads((home / NOTE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
