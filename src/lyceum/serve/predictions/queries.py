"""The one read of the prediction path: which version an address stands for, as far as the caller may see it."""

import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import find_organisation_id

DEFAULT_ALIAS = "champion"
LATEST = "latest"
_WHICH = re.compile(r"(?P<number>\d{1,9})|(?P<alias>[a-z][a-z0-9_-]{0,62})")

# The alias wins over the newest version; an alias or number that was asked for by name must be there.
_VERSION = text("""
    SELECT m.name, v.id, v.number, v.artifact_path, v.artifact_sha256, v.artifact_bytes
    FROM models m
    JOIN model_versions v ON v.model_id = m.id
    LEFT JOIN model_aliases a ON a.model_id = m.id AND a.version_id = v.id AND a.alias = :alias
    WHERE m.org_id = :org_id AND m.name_key = lower(:name) AND m.archived_at IS NULL
      AND (CAST(:number AS integer) IS NULL OR v.number = :number)
      AND (NOT :alias_needed OR a.alias IS NOT NULL)
    ORDER BY (a.alias IS NOT NULL) DESC, v.number DESC
    LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A model version and where its artefact lies; `address` is `org/name`."""

    id: UUID
    address: str
    number: int
    artifact_path: str
    artifact_sha256: str
    artifact_bytes: int


async def find_version(tx: AsyncSession, org: str, name: str, which: str | None) -> ServedVersion | None:
    """Return the version that `which` (an alias, a number, `latest`) names; without it the champion, else the latest.

    None also where row-level security hides the model from whom `tx` works for.
    """
    named = _WHICH.fullmatch(which) if which is not None else None
    org_id = await find_organisation_id(tx, org)
    if org_id is None or (which is not None and named is None):
        return None
    number = int(named["number"]) if named and named["number"] else None
    alias = named["alias"] if named else DEFAULT_ALIAS
    asked = {
        "org_id": org_id,
        "name": name,
        "number": number,
        "alias": alias,
        "alias_needed": named is not None and alias not in {None, LATEST},
    }
    row = (await tx.execute(_VERSION, asked)).one_or_none()
    if row is None:
        return None
    return ServedVersion(
        id=row.id,
        address=f"{org}/{row.name}",
        number=row.number,
        artifact_path=row.artifact_path,
        artifact_sha256=row.artifact_sha256,
        artifact_bytes=row.artifact_bytes,
    )
