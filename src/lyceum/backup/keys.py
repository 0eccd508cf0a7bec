"""Keys of backups: age's own (https://age-encryption.org), so that any age program opens what is encrypted here.

A recipient (`age1…`) is enough to make a backup; to read one takes the identity (`AGE-SECRET-KEY-1…`).
"""

import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lyceum.backup.errors import BackupRefused

RECIPIENT = "age1"
IDENTITY = "AGE-SECRET-KEY-1"


@dataclass(frozen=True, slots=True)
class BackupKeys:
    """Whom backups are encrypted for, and with what they are read; none of both for backups anybody can read."""

    recipients: tuple[str, ...] = ()
    identities: tuple[str, ...] = field(default=(), repr=False)

    @property
    def encrypts(self) -> bool:
        return bool(self.recipients)

    def encrypted(self, content: bytes) -> bytes:
        """Return the content for the holders of the recipients' identities alone."""
        import pyrage

        found: bytes = pyrage.encrypt(content, [pyrage.x25519.Recipient.from_str(text) for text in self.recipients])
        return found

    def decrypted(self, content: bytes) -> bytes | None:
        """Return what was encrypted; None when no identity opens it or it is damaged."""
        import pyrage

        try:
            found: bytes = pyrage.decrypt(content, [pyrage.x25519.Identity.from_str(text) for text in self.identities])
        except pyrage.DecryptError:
            return None
        return found

    def name_key(self, secret: str) -> bytes:
        """Return the key of the names of encrypted objects, so that a name tells nobody what the object holds.

        With other recipients it is another, so that no backup counts on objects its readers cannot open.
        """
        return hmac.digest(secret.encode(), f"backup {' '.join(sorted(self.recipients))}".encode(), "sha256")


NO_KEYS = BackupKeys()


def load_keys(file: Path | None) -> BackupKeys:
    """Return the keys in a file, one a line as age writes them; no file means no encryption. Raises `BackupRefused`."""
    if file is None:
        return NO_KEYS
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BackupRefused(
            f"The key file {file} cannot be read ({error}): name a file made by `lyceum backup key`."
        ) from None
    given = [line for line in lines if line and not line.startswith("#")]
    recipients = {line for line in given if line.startswith(RECIPIENT)}
    identities = [line for line in given if line.startswith(IDENTITY)]
    if not given or len(recipients) + len(identities) != len(given):
        raise BackupRefused(
            f"The key file {file} holds no key of age on each line: write {RECIPIENT}… to make backups, "
            f"or {IDENTITY}… to read them as well."
        )
    try:
        recipients |= {str(_identity(text).to_public()) for text in identities}
        _ = [_recipient(text) for text in recipients]
    except ValueError:
        raise BackupRefused(f"The key file {file} holds a key that was changed or cut short: copy it again.") from None
    return BackupKeys(tuple(sorted(recipients)), tuple(identities))


def make_key_file(file: Path) -> str:
    """Write a new identity to a file that only its owner may read; the recipient comes back. Raises `BackupRefused`."""
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupRefused(
            f"{file} is there already, and a key that is lost opens no backup: name another file."
        ) from None
    except OSError as error:
        raise BackupRefused(f"{file} cannot be written ({error.strerror}): name a file in a folder of yours.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(f"# public key: {recipient}\n{identity}\n")
        handle.flush()
        os.fsync(descriptor)
    return recipient


def _identity(text: str) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError as error:
        raise ValueError(str(error)) from None


def _recipient(text: str) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise ValueError(str(error)) from None
