"""What checks compare a version with: earlier versions of its dataset, and other datasets."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.data.datasets.public import VersionTable, earlier_version_by_id, version_table_for
from lyceum.data.quality.work import TableAt
from lyceum.kernel.problems import Invalid, NotFound

VERSION_NAMED = re.compile(r"@([1-9][0-9]{0,8})")


async def references(tx: AsyncSession, version_id: UUID, definitions: Iterable[dict[str, Any]]) -> dict[str, TableAt]:
    """Return the versions that checks compare with: `previous`, or a version's number such as `@3`."""
    names = {definition["reference"] for definition in definitions if definition.get("reference")}
    found: dict[str, TableAt] = {}
    for name in sorted(names):
        number = VERSION_NAMED.fullmatch(name)
        if name != "previous" and number is None:
            continue
        table = await earlier_version_by_id(tx, version_id, int(number[1]) if number else None)
        if table is not None:
            found[name] = at(table)
    return found


async def tables_looked_up(tx: AsyncSession, who: Actor, addresses: Iterable[str]) -> dict[str, VersionTable]:
    """Return the latest versions of those datasets that `who` may read, by the addresses that checks have for them."""
    found: dict[str, VersionTable] = {}
    for address in addresses:
        try:
            found[address] = await version_table_for(tx, who, address)
        except (Invalid, NotFound):
            # the check says so in its result
            continue
    return found


def looked_up_in(definitions: Iterable[dict[str, Any]]) -> list[str]:
    """Return the addresses of the other datasets that checks look keys up in."""
    return sorted({each["to"] for each in definitions if each.get("kind") == "referential"})


def at(table: VersionTable) -> TableAt:
    """Return where the rows of a version of the same dataset lie."""
    return TableAt(table_key=table.table_key, delta_version=table.delta_version)


def looked_up_at(table: VersionTable, org_id: UUID) -> TableAt:
    """Return where the rows of a version of another dataset lie, for checks of an organisation."""
    hidden = () if table.org_id == org_id else tuple(table.marks)
    return TableAt(table_key=table.table_key, delta_version=table.delta_version, hidden=hidden)
