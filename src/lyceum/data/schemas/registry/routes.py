"""The Confluent Schema Registry's REST API, so that its clients work as they are.

The document of this API is Confluent's, and the hub's does not repeat it.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from lyceum.accounts.edge import Power, Tx, Who, api_router, needs
from lyceum.accounts.public import Actor, require
from lyceum.data.schemas import queries, service
from lyceum.data.schemas.comparing import in_binary
from lyceum.data.schemas.engine.public import InvalidSchema, Mode, SchemaType
from lyceum.data.schemas.errors import (
    CompatibilityInvalid,
    CompatibilityNotSet,
    SchemaNotFound,
    SchemaVersionInvalid,
    WriteModeInvalid,
    WriteModeNotSet,
)
from lyceum.data.schemas.queries import Reference, Registered, SubjectVersion
from lyceum.data.schemas.registry.edge import RegistryRoute, registry_response
from lyceum.data.schemas.registry.errors import PartUnsupported
from lyceum.data.schemas.registry.schemas import RegistryQuery, SentCompatibility, SentMode, SentSchema
from lyceum.data.schemas.service import NewSchema, Verdict

SERIALIZED = "serialized"
WRITE_MODES = ("READWRITE", "READONLY")
_NUMBER_MAX = 2**31 - 1

Asked = Annotated[RegistryQuery, Query()]

router = api_router("/schema-registry", tags=["schema registry"], include_in_schema=False)
router.route_class = RegistryRoute


@router.get("/")
@needs(Power.DATASETS_READ)
async def read_registry() -> Response:
    """Say that there is a registry."""
    return registry_response({})


@router.get("/schemas/types")
@needs(Power.DATASETS_READ)
async def list_registry_types() -> Response:
    """List what schemas may be written in."""
    return registry_response([str(one) for one in SchemaType])


@router.get("/contexts")
@needs(Power.DATASETS_READ)
async def list_registry_contexts() -> Response:
    """List the contexts: there is one, without a name."""
    return registry_response(["."])


@router.get("/schemas/ids/{number}")
@needs(Power.DATASETS_READ)
async def read_registry_schema(tx: Tx, who: Who, number: str, asked: Asked) -> Response:
    """Read a schema by its id."""
    org_id = require(who, Power.DATASETS_READ)
    schema = await queries.schema_for(tx, org_id, _id(number))
    return registry_response(await _schema_out(tx, org_id, schema, asked.form) | {"guid": str(schema.id)})


@router.get("/schemas/ids/{number}/schema")
@needs(Power.DATASETS_READ)
async def read_registry_schema_text(tx: Tx, who: Who, number: str, asked: Asked) -> Response:
    """Read the text of a schema by its id."""
    org_id = require(who, Power.DATASETS_READ)
    schema = await queries.schema_for(tx, org_id, _id(number))
    return _text_response((await _schema_out(tx, org_id, schema, asked.form))["schema"])


@router.get("/schemas/ids/{number}/subjects")
@needs(Power.DATASETS_READ)
async def list_registry_subjects_of_schema(tx: Tx, who: Who, number: str, asked: Asked) -> Response:
    """List the subjects that have a schema."""
    org_id = require(who, Power.DATASETS_READ)
    found = await queries.list_versions_of_schema(
        tx, org_id, _id(number), subject=asked.subject, with_deleted=asked.deleted
    )
    return registry_response(list(dict.fromkeys(one.subject for one in found)))


@router.get("/schemas/ids/{number}/versions")
@needs(Power.DATASETS_READ)
async def list_registry_versions_of_schema(tx: Tx, who: Who, number: str, asked: Asked) -> Response:
    """List the versions that have a schema."""
    org_id = require(who, Power.DATASETS_READ)
    found = await queries.list_versions_of_schema(
        tx, org_id, _id(number), subject=asked.subject, with_deleted=asked.deleted
    )
    return registry_response([{"subject": one.subject, "version": one.number} for one in found])


@router.get("/schemas/guids/{guid}")
@needs(Power.DATASETS_READ)
async def read_registry_schema_by_guid(tx: Tx, who: Who, guid: UUID, asked: Asked) -> Response:
    """Read a schema by what it is called on every hub."""
    org_id = require(who, Power.DATASETS_READ)
    schema = await queries.schema_by_id(tx, org_id, guid)
    return registry_response(await _schema_out(tx, org_id, schema, asked.form) | {"guid": str(schema.id)})


@router.get("/subjects")
@needs(Power.DATASETS_READ)
async def list_registry_subjects(tx: Tx, who: Who, asked: Asked) -> Response:
    """List the subjects."""
    found = await queries.list_subjects(
        tx,
        require(who, Power.DATASETS_READ),
        prefix=asked.prefix.removeprefix(":*:"),
        limit=asked.limit if asked.limit >= 0 else queries.SUBJECTS_MAX,
        offset=asked.offset,
        with_deleted=asked.deleted,
        deleted_alone=asked.deleted_alone,
    )
    return registry_response(found)


@router.get("/subjects/{subject:path}/versions")
@needs(Power.DATASETS_READ)
async def list_registry_versions(tx: Tx, who: Who, subject: str, asked: Asked) -> Response:
    """List the numbers of a subject's versions."""
    org_id = require(who, Power.DATASETS_READ)
    found = await queries.versions_for(tx, org_id, subject, with_deleted=asked.deleted)
    return registry_response([one.number for one in found])


@router.get("/subjects/{subject:path}/versions/{number}")
@needs(Power.DATASETS_READ)
async def read_registry_version(tx: Tx, who: Who, subject: str, number: str, asked: Asked) -> Response:
    """Read a version of a subject."""
    org_id = require(who, Power.DATASETS_READ)
    version = await queries.version_for(tx, org_id, subject, _number(number), with_deleted=asked.deleted)
    return registry_response(await _version_out(tx, org_id, version, asked.form))


@router.get("/subjects/{subject:path}/versions/{number}/schema")
@needs(Power.DATASETS_READ)
async def read_registry_version_text(tx: Tx, who: Who, subject: str, number: str, asked: Asked) -> Response:
    """Read the text of a version's schema."""
    org_id = require(who, Power.DATASETS_READ)
    version = await queries.version_for(tx, org_id, subject, _number(number), with_deleted=asked.deleted)
    return _text_response((await _schema_out(tx, org_id, version, asked.form))["schema"])


@router.get("/subjects/{subject:path}/versions/{number}/referencedby")
@needs(Power.DATASETS_READ)
async def list_registry_referring(tx: Tx, who: Who, subject: str, number: str) -> Response:
    """List the ids of the schemas that build on a version."""
    org_id = require(who, Power.DATASETS_READ)
    version = await queries.version_for(tx, org_id, subject, _number(number), with_deleted=True)
    return registry_response(await queries.list_referring(tx, org_id, [version.id]))


@router.post("/subjects/{subject:path}/versions")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def register_schema(tx: Tx, who: Who, subject: str, sent: SentSchema, asked: Asked) -> Response:
    """Register a schema as the next version of a subject; what the subject has already keeps its id."""
    made = await service.register(tx, who, subject, _new(sent, normalize=asked.normalize))
    # without the text: clients would take what was sent in one form for what they get in another
    return registry_response({"id": made.schema_number, "version": made.number, "guid": str(made.schema_id)})


@router.post("/subjects/{subject:path}")
@needs(Power.DATASETS_READ)
async def look_up_schema(tx: Tx, who: Who, subject: str, sent: SentSchema, asked: Asked) -> Response:
    """Find the version of a subject that has a schema."""
    wanted = _new(sent, normalize=asked.normalize)
    found = await service.find_registered(tx, who, subject, wanted, with_deleted=asked.deleted)
    return registry_response(await _version_out(tx, require(who, Power.DATASETS_READ), found, asked.form))


@router.delete("/subjects/{subject:path}/versions/{number}")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def delete_registry_version(tx: Tx, who: Who, subject: str, number: str, asked: Asked) -> Response:
    """Delete a version; one that was deleted before, for good."""
    deleted = await service.delete_version(tx, who, subject, _number(number), permanent=asked.permanent)
    return registry_response(deleted)


@router.delete("/subjects/{subject:path}")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def delete_registry_subject(tx: Tx, who: Who, subject: str, asked: Asked) -> Response:
    """Delete a subject; one that was deleted before, for good."""
    return registry_response(await service.delete_subject(tx, who, subject, permanent=asked.permanent))


@router.post("/compatibility/subjects/{subject:path}/versions/{number}")
@needs(Power.DATASETS_READ)
async def try_schema_with_version(
    tx: Tx, who: Who, subject: str, number: str, sent: SentSchema, asked: Asked
) -> Response:
    """Say whether a schema could follow a version."""
    verdict = await service.try_out(
        tx, who, subject, _new(sent, normalize=asked.normalize), against=_number(number), alone=True
    )
    return _verdict_out(verdict, verbose=asked.verbose)


@router.post("/compatibility/subjects/{subject:path}/versions")
@needs(Power.DATASETS_READ)
async def try_schema_with_subject(tx: Tx, who: Who, subject: str, sent: SentSchema, asked: Asked) -> Response:
    """Say whether a schema could follow the versions that the subject's mode names."""
    wanted = _new(sent, normalize=asked.normalize)
    return _verdict_out(
        await service.try_out(tx, who, subject, wanted, against=None, alone=False), verbose=asked.verbose
    )


@router.get("/config")
@needs(Power.DATASETS_READ)
async def read_registry_compatibility(tx: Tx, who: Who) -> Response:
    """Read which changes are allowed to subjects that say nothing."""
    mode = await queries.compatibility_of(tx, require(who, Power.DATASETS_READ), None)
    return registry_response({"compatibilityLevel": mode})


@router.get("/config/{subject:path}")
@needs(Power.DATASETS_READ)
async def read_subject_compatibility(tx: Tx, who: Who, subject: str, asked: Asked) -> Response:
    """Read which changes a subject allows."""
    org_id = require(who, Power.DATASETS_READ)
    row = await queries.find_subject(tx, org_id, subject)
    if not asked.by_default and (row is None or row.compatibility is None):
        raise CompatibilityNotSet(f"Subject '{subject[:200]}' does not have subject-level compatibility configured.")
    return registry_response({"compatibilityLevel": await queries.compatibility_of(tx, org_id, row)})


@router.put("/config")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def set_registry_compatibility(tx: Tx, who: Who, sent: SentCompatibility) -> Response:
    """Say which changes are allowed to subjects that say nothing."""
    return await _set_compatibility(tx, who, None, sent)


@router.put("/config/{subject:path}")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def set_subject_compatibility(tx: Tx, who: Who, subject: str, sent: SentCompatibility) -> Response:
    """Say which changes a subject allows."""
    return await _set_compatibility(tx, who, subject, sent)


@router.delete("/config")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def reset_registry_compatibility(tx: Tx, who: Who) -> Response:
    """Allow again what is allowed by default."""
    return registry_response({"compatibilityLevel": await service.set_compatibility(tx, who, None, None)})


@router.delete("/config/{subject:path}")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def reset_subject_compatibility(tx: Tx, who: Who, subject: str) -> Response:
    """Have a subject allow what the registry does."""
    row = await queries.find_subject(tx, require(who, Power.DATASETS_READ), subject)
    if row is None or row.compatibility is None:
        raise CompatibilityNotSet(f"Subject '{subject[:200]}' does not have subject-level compatibility configured.")
    return registry_response({"compatibilityLevel": await service.set_compatibility(tx, who, subject, None)})


@router.get("/mode")
@needs(Power.DATASETS_READ)
async def read_registry_mode(tx: Tx, who: Who) -> Response:
    """Read whether schemas are taken by subjects that say nothing."""
    mode = await queries.write_mode_of(tx, require(who, Power.DATASETS_READ), None)
    return registry_response({"mode": mode})


@router.get("/mode/{subject:path}")
@needs(Power.DATASETS_READ)
async def read_subject_mode(tx: Tx, who: Who, subject: str, asked: Asked) -> Response:
    """Read whether a subject takes schemas."""
    org_id = require(who, Power.DATASETS_READ)
    row = await queries.find_subject(tx, org_id, subject)
    if not asked.by_default and (row is None or row.write_mode is None):
        raise WriteModeNotSet(f"Subject '{subject[:200]}' does not have subject-level mode configured.")
    return registry_response({"mode": await queries.write_mode_of(tx, org_id, row)})


@router.put("/mode")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def set_registry_mode(tx: Tx, who: Who, sent: SentMode) -> Response:
    """Say whether schemas are taken by subjects that say nothing."""
    await service.set_write_mode(tx, who, None, _write_mode(sent))
    return registry_response({"mode": sent.mode.upper()})


@router.put("/mode/{subject:path}")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def set_subject_mode(tx: Tx, who: Who, subject: str, sent: SentMode) -> Response:
    """Say whether a subject takes schemas."""
    await service.set_write_mode(tx, who, subject, _write_mode(sent))
    return registry_response({"mode": sent.mode.upper()})


@router.delete("/mode/{subject:path}")
@needs(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def reset_subject_mode(tx: Tx, who: Who, subject: str) -> Response:
    """Have a subject take schemas when the registry does."""
    row = await queries.find_subject(tx, require(who, Power.DATASETS_READ), subject)
    if row is None or row.write_mode is None:
        raise WriteModeNotSet(f"Subject '{subject[:200]}' does not have subject-level mode configured.")
    return registry_response({"mode": await service.set_write_mode(tx, who, subject, None)})


async def _set_compatibility(tx: Tx, who: Actor, subject: str | None, sent: SentCompatibility) -> Response:
    try:
        mode = Mode(sent.compatibility.upper())
    except ValueError:
        raise CompatibilityInvalid(
            f"Invalid compatibility level; valid are {', '.join(one.lower() for one in Mode)}."
        ) from None
    await service.set_compatibility(tx, who, subject, mode)
    return registry_response({"compatibility": mode})


def _write_mode(sent: SentMode) -> str:
    mode = sent.mode.upper()
    if mode not in WRITE_MODES:
        raise WriteModeInvalid(f"Invalid mode; this registry has {' and '.join(WRITE_MODES)}.")
    return mode


def _new(sent: SentSchema, *, normalize: bool) -> NewSchema:
    if sent.rules or (sent.metadata and any(sent.metadata.values())):
        raise PartUnsupported("This registry keeps no metadata and no rules with a schema; send it without.")
    try:
        kind = SchemaType((sent.type or "AVRO").upper())
    except ValueError:
        raise InvalidSchema(f"Invalid schema type {sent.type!r:.50}; there are AVRO, JSON and PROTOBUF.") from None
    references = tuple(Reference(one.name, one.subject, one.version) for one in sent.references or ())
    return NewSchema(kind, sent.text, references, normalize)


def _id(text: str) -> int:
    if not text.isdecimal() or int(text[:11]) > _NUMBER_MAX:
        raise SchemaNotFound(f"Schema {text[:20]} not found.")
    return int(text)


def _number(text: str) -> int | None:
    """Return the number of a version in a path, None for the newest."""
    if text in {"latest", "-1"}:
        return None
    if not text.isdecimal() or not 0 < int(text[:11]) <= _NUMBER_MAX:
        raise SchemaVersionInvalid(
            f"The specified version '{text[:20]}' is not a valid version id: a number from 1, or 'latest'."
        )
    return int(text)


async def _schema_out(tx: Tx, org_id: UUID, schema: SubjectVersion | Registered, form: str) -> dict[str, Any]:
    schema_id = schema.schema_id if isinstance(schema, SubjectVersion) else schema.id
    references = await queries.references_of(tx, org_id, schema_id)
    text = schema.text
    if form == SERIALIZED and schema.type is SchemaType.PROTOBUF:
        text = await in_binary(await queries.written(tx, org_id, schema))
    out: dict[str, Any] = {"schema": text}
    if schema.type is not SchemaType.AVRO:
        out["schemaType"] = schema.type
    if references:
        out["references"] = [{"name": one.name, "subject": one.subject, "version": one.version} for one in references]
    return out


async def _version_out(tx: Tx, org_id: UUID, version: SubjectVersion, form: str) -> dict[str, Any]:
    about = {
        "subject": version.subject,
        "version": version.number,
        "id": version.schema_number,
        "guid": str(version.schema_id),
    }
    deleted = {"deleted": True} if version.is_deleted else {}
    return about | await _schema_out(tx, org_id, version, form) | deleted


def _text_response(text: str) -> Response:
    return Response(text, media_type="application/vnd.schemaregistry.v1+json")


def _verdict_out(verdict: Verdict, *, verbose: bool) -> Response:
    out: dict[str, Any] = {"is_compatible": not verdict.breaks}
    if verbose:
        told = [f"{one.direction}: {one.says} {one.fix} (version {verdict.version})" for one in verdict.breaks]
        out["messages"] = [*told, *([f"{{compatibility: '{verdict.mode}'}}"] if told else [])]
    return registry_response(out)
