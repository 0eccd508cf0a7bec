"""Reads of personal data's marks."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.personal.schemas import PersonalColumn, PersonalColumns
from lyceum.data.datasets.queries import dataset_row_for


async def list_personal_columns(tx: AsyncSession, who: Actor, org: str, name: str) -> PersonalColumns:
    """Return what is known of a dataset's columns, in the order of their names; raises `DatasetNotFound`."""
    dataset = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_READ)
    return as_columns(dataset.personal_columns)


def as_columns(personal: dict[str, Any]) -> PersonalColumns:
    """Return the entries as their readers see them."""
    return PersonalColumns(items=[PersonalColumn(name=name, **personal[name]) for name in sorted(personal)])
