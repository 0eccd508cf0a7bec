"""Where backups are kept: a folder or a prefix in a bucket, one hub's alone.

objects/<two letters>/<name>     pieces of content, written once
backups/<id>.objects             the names of the objects one backup needs, readable without a key
backups/<id>.json[.age]          its manifest, written last: without it there is no backup
lock                             held while somebody writes or removes
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from lyceum.backup.errors import BackupDamaged, BackupRefused
from lyceum.backup.keys import BackupKeys
from lyceum.backup.manifest import Manifest, sealed, unsealed_manifest, unsealed_names
from lyceum.kernel.objects import folder_of, open_objects
from lyceum.kernel.problems import first_line

_MANIFEST = re.compile(r"backups/(\d{8}T\d{6}\.\d{3}Z)\.json(\.age)?")
_LIST = re.compile(r"backups/(\d{8}T\d{6}\.\d{3}Z)\.objects")


@dataclass(frozen=True, slots=True)
class Held:
    """A backup in a destination, by its manifest's name alone."""

    id: str
    manifest_name: str

    @property
    def is_encrypted(self) -> bool:
        return self.manifest_name.endswith(".age")


@dataclass(frozen=True, slots=True)
class Destination:
    """A place of backups; `folder` is set when it lies on this machine."""

    name: str
    store: ObjectStore = field(repr=False)
    folder: Path | None

    def object_sizes(self) -> dict[str, int]:
        """Return the size of every piece that is there, by its name."""
        return {
            meta["path"].rpartition("/")[2]: meta["size"]
            for batch in obstore.list(self.store, "objects/")
            for meta in batch
        }

    def put_object(self, name: str, content: bytes) -> None:
        """Keep a piece; it appears whole or not at all."""
        obstore.put(self.store, _object_path(name), content, use_multipart=False)

    def object_or_none(self, name: str) -> bytes | None:
        """Return a piece as it is kept, None when it is not there."""
        return self._read(_object_path(name))

    def delete_object(self, name: str) -> None:
        """Remove a piece; one that is not there is fine."""
        self._delete(_object_path(name))

    def backups(self) -> list[Held]:
        """Return the backups that are there, oldest first."""
        found = (_MANIFEST.fullmatch(meta["path"]) for batch in obstore.list(self.store, "backups/") for meta in batch)
        return sorted((Held(name[1], name[0]) for name in found if name), key=lambda held: held.id)

    def backup(self, wanted: str | None) -> Held:
        """Return the backup with this id, the newest for None; raises `BackupRefused` when there is none."""
        held = self.backups()
        if not held:
            raise BackupRefused(f"There is no backup in {self.name}: make one with `lyceum backup create`.")
        found = held[-1] if wanted is None else next((one for one in held if one.id == wanted), None)
        if found is None:
            raise BackupRefused(
                f"There is no backup {wanted} in {self.name}; `lyceum backup list` shows those there are."
            )
        return found

    def manifest(self, held: Held, keys: BackupKeys) -> Manifest:
        """Return a backup's manifest; raises `BackupRefused` without the right key, `BackupDamaged`."""
        text = self._read(held.manifest_name)
        if text is None:
            raise BackupDamaged(f"The object {held.manifest_name} is missing from {self.name}.")
        if held.is_encrypted:
            if not keys.identities:
                raise BackupRefused(
                    f"The backup {held.id} is encrypted: name the file with its AGE-SECRET-KEY with --key-file."
                )
            text = keys.decrypted(text)
            if text is None:
                raise BackupDamaged(
                    f"The object {held.manifest_name} cannot be opened: the key is another one's, or the object is damaged."
                )
        manifest = unsealed_manifest(text, name=held.manifest_name)
        if manifest.id != held.id:
            raise BackupDamaged(f"The object {held.manifest_name} is the manifest of another backup ({manifest.id}).")
        return manifest

    def keep(self, manifest: Manifest, keys: BackupKeys) -> None:
        """Write what makes a backup of objects that are there: first the names of them, last the manifest."""
        self._put_whole(_list_path(manifest.id), sealed(sorted(manifest.object_names())))
        self._settle()
        text, path = sealed(manifest), f"backups/{manifest.id}.json"
        if keys.encrypts:
            self._put_whole(f"{path}.age", keys.encrypted(text))
        else:
            self._put_whole(path, text)
        self._settle()

    def needed_names(self, held: Held) -> set[str]:
        """Return the objects a backup needs, without its key; raises `BackupDamaged`."""
        text = self._read(_list_path(held.id))
        if text is None:
            raise BackupDamaged(f"The object {_list_path(held.id)} is missing from {self.name}.")
        return set(unsealed_names(text, name=_list_path(held.id)))

    def forget(self, held: Held) -> None:
        """Remove what makes a backup of its objects, the manifest first; the objects stay."""
        self._delete(held.manifest_name)
        self._delete(_list_path(held.id))

    def lists_without_backup(self) -> list[str]:
        """Return the paths of lists whose manifest was never written."""
        ids = {held.id for held in self.backups()}
        paths = (meta["path"] for batch in obstore.list(self.store, "backups/") for meta in batch)
        return [path for path in paths if (found := _LIST.fullmatch(path)) and found[1] not in ids]

    def delete_path(self, path: str) -> None:
        """Remove something beside the objects; what is not there is fine."""
        self._delete(path)

    def _put_whole(self, path: str, content: bytes) -> None:
        # what decides about a backup is never replaced; in one request, which is what makes that a condition
        obstore.put(self.store, path, content, mode="create", use_multipart=False)

    def _settle(self) -> None:
        """Have what was written outlive a loss of power, before what refers to it is written."""
        if self.folder is not None:
            os.sync()

    def _read(self, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(self.store, path).bytes())
        except FileNotFoundError:
            return None

    def _delete(self, path: str) -> None:
        try:
            obstore.delete(self.store, path)
        except FileNotFoundError:
            return


def open_destination(url: str, options: Mapping[str, str]) -> Destination:
    """Return the place at a folder's path, `file://…` or `s3://bucket/prefix`; a folder is made, for its owner alone.

    Raises `BackupRefused` when it cannot be reached.
    """
    folder = folder_of(url)
    try:
        if folder is not None:
            folder = folder.expanduser().absolute()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        destination = Destination(str(folder or url), open_objects(str(folder or url), options), folder)
        # asked for now, so that a wrong address or key is told before anything is done
        next(iter(obstore.list(destination.store, "backups/")), None)
    except (OSError, BaseError, ValueError) as error:
        raise BackupRefused(f"Backups cannot be kept in {url}: {first_line(error)}") from None
    return destination


def _object_path(name: str) -> str:
    return f"objects/{name[:2]}/{name}"


def _list_path(backup_id: str) -> str:
    return f"backups/{backup_id}.objects"
