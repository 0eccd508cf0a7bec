"""Checks that a profile suggests: listed, kept as they are or edited, and refused for good."""

import asyncio
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import (
    DatasetRef,
    VersionTable,
    dataset_ref_for,
    profile_by_id,
    version_table_for,
    writing_to,
)
from lyceum.data.quality.definitions import free_id, says, usable
from lyceum.data.quality.errors import SuggestionNotFound
from lyceum.data.quality.models import RefusedSuggestionRow
from lyceum.data.quality.queries import as_check, check_rows
from lyceum.data.quality.schemas import Check
from lyceum.data.quality.service import checks_alone, new_row, refuse_too_many
from lyceum.data.quality.set_schemas import Suggestion, SuggestionList, SuggestionsDecided, SuggestionsKept
from lyceum.kernel.ids import new_id

REFUSED_MAX = 2_000
_BY_PERSON = "Edited from what was suggested: "


async def list_suggestions(tx: AsyncSession, who: Actor, org: str, name: str) -> SuggestionList:
    """Return what the latest version's profile suggests beyond the dataset's checks and what was refused.

    Raises `DatasetNotFound` and `VersionNotFound`.
    """
    table = await version_table_for(tx, who, f"{org}/{name}")
    kept = [row.definition for row in await check_rows(tx, table.dataset_id)]
    return await _suggested(tx, table, kept)


async def decide(tx: AsyncSession, who: Actor, org: str, name: str, wanted: SuggestionsDecided) -> SuggestionsKept:
    """Keep, edit and refuse suggestions, all of them or none.

    Raises `SuggestionNotFound` for a name that is not suggested, `InvalidCheck` and `TooManyChecks`.
    """
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_ref_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        table = await version_table_for(tx, writer, dataset.address)
        rows = await checks_alone(tx, dataset)
        await _forget_refusals(tx, dataset, wanted.suggest_again)
        before = await _suggested(tx, table, [row.definition for row in rows])
        known = {each.name: each for each in before.items}
        _require_known([*(each.name for each in wanted.accept), *wanted.refuse], known)
        taken, new = {row.definition["id"] for row in rows}, []
        refuse_too_many(len(rows) + len(wanted.accept))
        schema = table.table_schema.model_dump()
        for each in wanted.accept:
            suggested = known[each.name]
            edited = each.definition is not None and each.definition != suggested.definition
            definition = await asyncio.to_thread(usable, each.definition or suggested.definition, schema)
            definition["id"] = free_id(definition["id"], taken=taken)
            taken.add(definition["id"])
            reason = f"{_BY_PERSON}{suggested.reason}" if edited else suggested.reason
            new.append(new_row(dataset, writer, definition, origin="suggested", reason=reason))
        tx.add_all(new)
        # an edited check answers the suggestion: it does not come again as it was
        edited_names = [each.name for each in wanted.accept if each.definition is not None]
        await _refuse(tx, writer, dataset, [*wanted.refuse, *edited_names])
        await tx.flush()
        kept = await check_rows(tx, dataset.id)
        ids = {row.id for row in new}
        return SuggestionsKept(
            kept=[as_check(row, {}) for row in kept if row.id in ids],
            suggestions=await _suggested(tx, table, [row.definition for row in kept]),
        )


async def accept_all(tx: AsyncSession, who: Actor, org: str, name: str) -> list[Check]:
    """Keep all that is suggested; return all the dataset's checks."""
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_ref_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        table = await version_table_for(tx, writer, dataset.address)
        kept = [row.definition for row in await checks_alone(tx, dataset)]
        found = await _suggested(tx, table, kept)
        refuse_too_many(len(kept) + len(found.items))
        tx.add_all(
            new_row(dataset, writer, each.definition, origin="suggested", reason=each.reason) for each in found.items
        )
        await tx.flush()
        return [as_check(row, {}) for row in await check_rows(tx, dataset.id)]


async def _suggested(tx: AsyncSession, table: VersionTable, kept: list[dict[str, Any]]) -> SuggestionList:
    refused = await _refused(tx, table.dataset_id)
    profile = await profile_by_id(tx, table.version_id)
    found = await asyncio.to_thread(_suggestions, profile, has_earlier=table.number > 1)
    ids, said = {each["id"] for each in kept}, [says(each) for each in kept]
    items = [
        Suggestion(name=definition["id"], definition=definition, reason=reason, finds_fault=finds_fault)
        for definition, reason, finds_fault in found
        if definition["id"] not in {*ids, *refused} and says(definition) not in said
    ]
    return SuggestionList(items=items, refused=refused)


async def _refused(tx: AsyncSession, dataset_id: UUID) -> list[str]:
    query = select(RefusedSuggestionRow.name).where(RefusedSuggestionRow.dataset_id == dataset_id)
    return list(await tx.scalars(query.order_by(RefusedSuggestionRow.name).limit(REFUSED_MAX)))


async def _refuse(tx: AsyncSession, who: Actor, dataset: DatasetRef, names: Iterable[str]) -> None:
    rows = [
        {"id": new_id(), "org_id": dataset.org_id, "dataset_id": dataset.id, "name": each, "created_by": who.user_id}
        for each in dict.fromkeys(names)
    ]
    if rows:
        await tx.execute(insert(RefusedSuggestionRow).values(rows).on_conflict_do_nothing())


async def _forget_refusals(tx: AsyncSession, dataset: DatasetRef, names: list[str]) -> None:
    if names:
        row = RefusedSuggestionRow
        await tx.execute(delete(row).where(row.dataset_id == dataset.id, row.name.in_(names)))


def _require_known(names: Iterable[str], known: dict[str, Suggestion]) -> None:
    for each in names:
        if each not in known:
            raise SuggestionNotFound(f"{each[:100]!r} is not suggested, or not any more; look at the list again.")


def _suggestions(profile: dict[str, Any], *, has_earlier: bool) -> list[tuple[dict[str, Any], str, bool]]:
    from lyceum.data.quality.engine.public import TableProfile, suggest_checks

    suggested = suggest_checks(msgspec.convert(profile, TableProfile), has_earlier=has_earlier)
    return [(usable(msgspec.to_builtins(each.check), None), each.reason, each.finds_fault) for each in suggested]
