"""Passwords and the signing key that a hub makes for itself, kept in `secrets.json`."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lyceum.hub.errors import HubRefused
from lyceum.hub.folders import prepare_folders
from lyceum.kernel.config import Settings

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Random, URL-safe, 256 bits each; never shown in full."""

    admin_password: str
    owner_password: str
    app_password: str
    valkey_password: str
    secret_key: str

    def __repr__(self) -> str:
        return "Credentials(…)"

    @classmethod
    def made(cls, *, secret_key: str | None = None) -> "Credentials":
        """Return new ones, with this signing key when one is given."""
        fresh = cls(**{name: secrets.token_urlsafe(KEY_BYTES) for name in cls.__dataclass_fields__})
        return fresh if secret_key is None else replace(fresh, secret_key=secret_key)


def load_credentials(file: Path) -> tuple[Credentials, bool]:
    """Return the hub's credentials, and whether they were made just now.

    Raises `HubRefused` when the file cannot be read, belongs to somebody else, or is open to others.
    """
    names = list(Credentials.__dataclass_fields__)
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        _refuse_open(file)
        return Credentials(**{name: str(held[name]) for name in names}), False
    except FileNotFoundError:
        made = Credentials.made()
        save_credentials(file, made)
        return made, True
    except (ValueError, KeyError, TypeError):
        raise HubRefused(
            f"{file} is damaged: restore it from a backup, or remove it and new passwords are made at the next start."
        ) from None
    except OSError as error:
        raise HubRefused(f"{file} cannot be read ({error.strerror}): start the hub as its owner.") from None


def save_credentials(file: Path, made: Credentials) -> None:
    """Write credentials to a file that its owner alone may read."""
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(asdict(made), handle, indent=2)
        handle.flush()
        os.fsync(descriptor)
    partial.rename(file)


def secret_key_of(settings: Settings, credentials: Credentials | None = None) -> str:
    """Return the key a hub signs with: what its settings say, else that of its credentials, by default those in its home.

    Raises what `load_credentials` raises.
    """
    if settings.secret_key:
        return settings.secret_key.get_secret_value()
    return (credentials or load_credentials(prepare_folders(settings.home).secrets)[0]).secret_key


def _refuse_open(file: Path) -> None:
    found = file.stat()
    if found.st_mode & 0o077:
        raise HubRefused(f"{file} can be read by other accounts: run `chmod 600 {file}` and start again.")
