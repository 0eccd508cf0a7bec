"""`lyceum move`: a hub's database and files to other places; its settings follow once everything is there."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from lyceum.backup.contents import Contents
from lyceum.backup.files import write_private
from lyceum.backup.snapshot import snapshot_of
from lyceum.backup.transfer import Transferred, transfer_database, transfer_files
from lyceum.hub.at_rest import hub_at_rest, running_postgres
from lyceum.hub.credentials import load_credentials
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.folders import folders_of, prepare_folders
from lyceum.hub.managed import managed_database, prepare_managed
from lyceum.hub.postgres import APP_ROLE
from lyceum.hub.server_home import postgres_folder_name
from lyceum.hub.switching import arriving_folder, settle, take_place
from lyceum.kernel.config import CONFIG_FILE, ENV_PREFIX, Settings
from lyceum.kernel.storage import open_storage

DATABASE_SETTINGS = ("database_url", "database_owner_url", "database_direct_url")
STORAGE_SETTINGS = ("storage_url", "storage_options")


@dataclass(frozen=True, slots=True)
class Move:
    """Where to: the settings of the hub afterwards, and which of its two parts move."""

    after: Settings
    database: bool
    storage: bool

    @property
    def setting_names(self) -> tuple[str, ...]:
        return (*(DATABASE_SETTINGS if self.database else ()), *(STORAGE_SETTINGS if self.storage else ()))


@dataclass(frozen=True, slots=True)
class Moved:
    """What is at the new place, the file that was changed, and the variables that would win over it."""

    what: Transferred
    settings_file: Path
    in_environment: tuple[str, ...]


def move_hub(before: Settings, move: Move) -> Moved:
    """Copy the parts of a hub that does not run, compare them, and change its settings; what it came from stays.

    Done again after an interruption it goes on. Raises `HubRefused` when the hub runs or other data lies there,
    `HubFailed`, and what copying raises.
    """
    _refuse_same(before, move)
    settings_file = before.home / CONFIG_FILE
    text = changed_settings(settings_file, _values(move))
    with hub_at_rest(before) as data, snapshot_of(data.owner_url) as snapshot:
        files = _move_files(before, move, snapshot.contents)
        tables = (0, 0)
        if move.database:
            with _target_database(move.after) as (owner_url, app_role):
                tables = transfer_database(snapshot, owner_url, app_role=app_role)
        # the last step, and the only one that the hub notices
        if move.database and move.after.database_url is None:
            take_place(before.home)
        # there are passwords in it
        write_private(settings_file, text.encode())
    in_environment = tuple(
        f"{ENV_PREFIX}{name.upper()}" for name in move.setting_names if os.environ.get(f"{ENV_PREFIX}{name.upper()}")
    )
    return Moved(Transferred(*tables, *files), settings_file, in_environment)


def changed_settings(file: Path, values: Mapping[str, Any]) -> str:
    """Return the text of the settings file with these values, None taking a setting out; the rest stays as it is.

    Raises `HubFailed` where the file is written in a way that this cannot follow.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    wanted = {name: value for name, value in tomllib.loads(text).items() if name not in values}
    wanted |= {name: value for name, value in values.items() if value is not None}
    for name in values:
        text = re.sub(rf"(?m)^{name}[ \t]*=.*\n?", "", text)
        text = re.sub(rf"(?ms)^\[{name}\]\s*?\n.*?(?=^\[|\Z)", "", text)
    lines = [f"{name} = {_as_toml(value)}\n" for name, value in values.items() if value is not None]
    text = "".join(lines) + text
    try:
        is_as_wanted = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        is_as_wanted = False
    if not is_as_wanted:
        raise HubFailed(
            f"{file} sets {' or '.join(values)} over several lines: write each on one line there, then move again."
        )
    return text


def _move_files(before: Settings, move: Move, contents: Contents) -> tuple[int, int]:
    if not move.storage:
        return 0, 0
    return transfer_files(open_storage(before), open_storage(move.after), contents.keeps)


@contextmanager
def _target_database(after: Settings) -> Iterator[tuple[str, str]]:
    if after.database_url is not None:
        database = managed_database(after)
        prepare_managed(database)
        yield database.owner_url, database.app
        return
    if (after.home / "servers" / postgres_folder_name()).is_dir():
        raise HubRefused(
            f"{after.home / 'servers'} still holds the embedded database of before: move that folder away first."
        )
    credentials, _ = load_credentials(folders_of(after.home).secrets)
    arriving = arriving_folder(after.home)
    try:
        with running_postgres(prepare_folders(arriving), credentials, logs=after.home / "logs") as postgres:
            yield postgres.owner_url(), APP_ROLE
    except BaseException:
        settle(after.home)
        raise


def _refuse_same(before: Settings, move: Move) -> None:
    if move.database and before.database_url == move.after.database_url:
        raise HubRefused("The hub's database is there already: name another one.")
    if move.storage and open_storage(before).url == open_storage(move.after).url:
        raise HubRefused("The hub's files are there already: name another place.")


def _values(move: Move) -> dict[str, Any]:
    return {name: _plain(getattr(move.after, name)) for name in move.setting_names}


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()} or None
    return value


def _as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)} = {_as_toml(part)}' for name, part in value.items())}}}"
    # a string of JSON is one of TOML
    return json.dumps(value)
