"""Schemas of datasets and of subjects, as rows."""

import hashlib
from uuid import UUID

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.data.schemas.engine.public import TableColumn, avro_of_columns
from lyceum.kernel.ids import new_id
from make.accounts import Member


def make_schema(
    database: TestDatabase, owner: Member, *, dataset_id: UUID | None = None, subject: str = ""
) -> tuple[str, int]:
    """Register the columns of a dataset, or a schema of a subject; return the subject's name and the schema's number."""
    name = subject or f"datasets/of-{dataset_id}"
    text = avro_of_columns([TableColumn("a", "integer", is_nullable=False)])
    org_id, subject_id, schema_id = owner.org_id, new_id(), new_id()
    [registry] = rows_of(
        database,
        "INSERT INTO schema_registries (org_id, last_schema_number) VALUES (%s, 1) ON CONFLICT (org_id) DO UPDATE "
        "SET last_schema_number = schema_registries.last_schema_number + 1 RETURNING last_schema_number",
        org_id,
    )
    number = registry["last_schema_number"]
    rows_of(
        database,
        "INSERT INTO schema_subjects (id, org_id, name, dataset_id, last_number) VALUES (%s, %s, %s, %s, 1)",
        *(subject_id, org_id, name, dataset_id),
    )
    digest = hashlib.sha256(f"{name}{text}".encode()).digest()
    rows_of(
        database,
        "INSERT INTO registered_schemas (id, org_id, number, type, text, digest) VALUES (%s, %s, %s, 'AVRO', %s, %s)",
        *(schema_id, org_id, number, text, digest),
    )
    rows_of(
        database,
        "INSERT INTO schema_versions (id, org_id, subject_id, schema_id, dataset_id, dataset_version, number, major, minor, patch)"
        " VALUES (%s, %s, %s, %s, %s, 1, 1, 1, 0, 0)",
        *(new_id(), org_id, subject_id, schema_id, dataset_id),
    )
    return name, number
