"""The schema registry as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class SchemaRegistryRow(Base):
    """An organisation's registry: what holds where a subject says nothing, and the last number given to a schema."""

    __tablename__ = "schema_registries"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    last_schema_number: Mapped[int] = mapped_column(server_default="0")
    compatibility: Mapped[str | None]
    write_mode: Mapped[str | None]


class SchemaSubjectRow(Base):
    """A subject: a name whose content is a line of schemas; that of a dataset's columns names the dataset."""

    __tablename__ = "schema_subjects"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str]
    dataset_id: Mapped[UUID | None] = mapped_column(ForeignKey("datasets.id"))
    compatibility: Mapped[str | None]
    write_mode: Mapped[str | None]
    last_number: Mapped[int] = mapped_column(server_default="0", default=0)
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class RegisteredSchemaRow(Base):
    """A schema, once however many subjects have it; `number` is what clients call its id."""

    __tablename__ = "registered_schemas"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    number: Mapped[int]
    type: Mapped[str]
    text: Mapped[str]
    digest: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class SchemaVersionRow(Base):
    """A schema as version `number` of a subject; deleted ones stay until they are deleted for good."""

    __tablename__ = "schema_versions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    subject_id: Mapped[UUID] = mapped_column(ForeignKey("schema_subjects.id"))
    schema_id: Mapped[UUID] = mapped_column(ForeignKey("registered_schemas.id"))
    dataset_id: Mapped[UUID | None] = mapped_column(ForeignKey("datasets.id"))
    dataset_version: Mapped[int | None]
    """The number of the dataset's version that first had these columns."""
    number: Mapped[int]
    major: Mapped[int]
    minor: Mapped[int]
    patch: Mapped[int]
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class SchemaReferenceRow(Base):
    """A version that a schema builds on, by the name it calls it."""

    __tablename__ = "schema_references"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    schema_id: Mapped[UUID] = mapped_column(ForeignKey("registered_schemas.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str]
    version_id: Mapped[UUID] = mapped_column(ForeignKey("schema_versions.id"))
