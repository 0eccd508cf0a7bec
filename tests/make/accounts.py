"""People, organisations, keys and set-up links, written as the owner of the tables."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from fixtures.servers import TestDatabase
from lyceum.accounts.policy import ALL_SCOPES, Actor, powers_of
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.security import digest_of, new_key, new_token


@dataclass(frozen=True, slots=True)
class Member:
    """A person in an organisation, with a key that acts for both."""

    org_id: UUID
    org_name: str
    user_id: UUID
    key_id: UUID
    key: str
    role: str
    scopes: tuple[str, ...]

    @property
    def scope(self) -> Scope:
        return Scope(org_id=self.org_id, user_id=self.user_id)

    @property
    def actor(self) -> Actor:
        powers = powers_of(self.role, list(self.scopes), operates_hub=False)
        return Actor(self.org_id, self.org_name, self.user_id, self.key_id, powers, scopes=frozenset(self.scopes))

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}


def make_organisation(database: TestDatabase, *, name: str | None = None) -> tuple[UUID, str]:
    """Make an organisation and return its id and name."""
    org_id, org_name = new_id(), name or f"org-{secrets.token_hex(6)}"
    _execute(database, "INSERT INTO organisations (id, name, title) VALUES (%s, %s, %s)", org_id, org_name, org_name)
    return org_id, org_name


def make_user(database: TestDatabase, *, email: str | None = None) -> UUID:
    """Make a person and return their id."""
    user_id = new_id()
    statement = "INSERT INTO users (id, email, display_name) VALUES (%s, %s, %s)"
    _execute(database, statement, user_id, email or f"{user_id.hex}@example.org", "A member")
    return user_id


def make_member(
    database: TestDatabase,
    *,
    organisation: tuple[UUID, str] | None = None,
    role: str = "owner",
    scopes: tuple[str, ...] = ALL_SCOPES,
) -> Member:
    """Make a person with a key in an organisation, a new one unless it is given."""
    org_id, org_name = organisation or make_organisation(database)
    user_id = make_user(database)
    statement = "INSERT INTO memberships (org_id, user_id, role) VALUES (%s, %s, %s)"
    _execute(database, statement, org_id, user_id, role)
    key_id, key = make_key(database, org_id=org_id, user_id=user_id, scopes=scopes)
    return Member(org_id, org_name, user_id, key_id, key, role, scopes)


def make_key(
    database: TestDatabase,
    *,
    org_id: UUID,
    user_id: UUID,
    scopes: tuple[str, ...] = ALL_SCOPES,
    expires_in: timedelta | None = None,
) -> tuple[UUID, str]:
    """Make a key and return its id and its secret."""
    key_id, key = new_id(), new_key()
    expires_at = datetime.now(UTC) + expires_in if expires_in else None
    statement = """
        INSERT INTO api_keys (id, org_id, user_id, name, prefix, digest, scopes, expires_at)
        VALUES (%s, %s, %s, 'a key', %s, %s, %s, %s)
    """
    values = (key_id, org_id, user_id, key.prefix, key.digest, Jsonb(list(scopes)), expires_at)
    _execute(database, statement, *values)
    return key_id, key.secret


def make_setup_link(database: TestDatabase, *, expires_in: timedelta = timedelta(minutes=30)) -> str:
    """Make a set-up link and return its token."""
    token = new_token()
    statement = "INSERT INTO setup_links (digest, expires_at) VALUES (%s, %s)"
    _execute(database, statement, digest_of(token), datetime.now(UTC) + expires_in)
    return token


def _execute(database: TestDatabase, statement: str, *values: object) -> None:
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        connection.execute(statement, values)


def make_group(database: TestDatabase, owner: Member, *members: Member, name: str = "") -> UUID:
    """Make a group of an owner's organisation with these members of it, and return its id."""
    group_id = new_id()
    made = "INSERT INTO groups (id, org_id, name) VALUES (%s, %s, %s)"
    _execute(database, made, group_id, owner.org_id, name or group_id.hex)
    for member in members:
        added = "INSERT INTO group_members (group_id, user_id, org_id) VALUES (%s, %s, %s)"
        _execute(database, added, group_id, member.user_id, owner.org_id)
    return group_id


def make_grant(
    database: TestDatabase,
    owner: Member,
    kind: str,
    object_id: UUID,
    *,
    to: Member | None = None,
    group_id: UUID | None = None,
    role: str = "viewer",
    ends_in: timedelta | None = None,
) -> UUID:
    """Grant an object of an owner's organisation to somebody, or to a group, and return the grant's id."""
    grant_id = new_id()
    ends_at = datetime.now(UTC) + ends_in if ends_in else None
    statement = """
        INSERT INTO grants (id, org_id, kind, object_id, user_id, group_id, role, ends_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    """
    user_id = to.user_id if to is not None else None
    _execute(database, statement, grant_id, owner.org_id, kind, object_id, user_id, group_id, role, ends_at)
    return grant_id


def email_of(database: TestDatabase, user_id: UUID) -> str:
    """Return a person's address."""
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        row = connection.execute("SELECT email FROM users WHERE id = %s", (user_id,)).fetchone()
    assert row is not None
    return str(row[0])
