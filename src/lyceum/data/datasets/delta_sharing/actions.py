"""The lines of a table that the protocol's two forms of answer are made of.

In the form `parquet` every client reads a table; `delta` also says which features of Delta it needs. The hub's tables
need one at most: times without a zone. Of deletion vectors and column mapping they have none.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import orjson

from lyceum.data.datasets.handing.public import HandedFile, HandedTable, ReadableVersion

NTZ = "timestamp_ntz"
CAPABILITIES = "delta-sharing-capabilities"


def wants_delta(capabilities: str, schema: str) -> bool:
    """Say whether to answer in the form `delta`: where nothing else is taken, or where more is said by it."""
    forms = _capability(capabilities, "responseformat")
    if "delta" not in forms:
        return False
    return "parquet" not in forms or (NTZ in schema and "timestampntz" in _capability(capabilities, "readerfeatures"))


def _capability(capabilities: str, name: str) -> frozenset[str]:
    said = dict(part.strip().lower().partition("=")[::2] for part in capabilities.split(";"))
    return frozenset(one.strip() for one in said.get(name, "").split(",") if one.strip())


def lines_of(
    version: ReadableVersion, handed: HandedTable, *, as_delta: bool, limit: int | None, with_files: bool
) -> Iterator[bytes]:
    """Yield the lines that describe a version: its protocol, its metadata, and its files until they hold `limit` rows."""
    make = _delta if as_delta else _parquet
    files = list(_until(handed.files, limit)) if with_files else []
    expires = int(handed.expires_at.timestamp() * 1000)
    for line in make(version, handed, files, expires):
        yield orjson.dumps(line) + b"\n"


def _until(files: tuple[HandedFile, ...], limit: int | None) -> Iterator[HandedFile]:
    rows = 0
    for file in files:
        if limit is not None and rows >= limit:
            return
        rows += file.row_count
        yield file


def _parquet(
    version: ReadableVersion, handed: HandedTable, files: list[HandedFile], expires: int
) -> Iterator[Mapping[str, Any]]:
    schema = json.loads(handed.schema)
    yield {"protocol": {"minReaderVersion": 1}}
    yield {"metaData": _metadata(version, _with_zones(schema)) | _sizes(version, handed)}
    for file in files:
        yield {
            "file": {
                "url": file.url,
                "id": file.name,
                "partitionValues": {},
                "size": file.byte_count,
                "stats": _stats(file),
                "version": version.table.number,
                "timestamp": _moment(version),
                "expirationTimestamp": expires,
            }
        }


def _delta(
    version: ReadableVersion, handed: HandedTable, files: list[HandedFile], expires: int
) -> Iterator[Mapping[str, Any]]:
    features = ["timestampNtz"] if NTZ in handed.schema else []
    protocol: dict[str, Any] = {"minReaderVersion": 1, "minWriterVersion": 2}
    if features:
        protocol = {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": features,
            "writerFeatures": features,
        }
    yield {"protocol": {"deltaProtocol": protocol}}
    metadata = _metadata(version, json.loads(handed.schema)) | {"createdTime": _moment(version), "configuration": {}}
    metadata["format"] = {"provider": "parquet", "options": {}}
    yield {"metaData": {"deltaMetadata": metadata} | _sizes(version, handed)}
    for file in files:
        add = {
            "path": file.url,
            "partitionValues": {},
            "size": file.byte_count,
            "modificationTime": _moment(version),
            "dataChange": True,
            "stats": _stats(file),
        }
        yield {
            "file": {
                "id": file.name,
                "version": version.table.number,
                "timestamp": _moment(version),
                "expirationTimestamp": expires,
                "deltaSingleAction": {"add": add},
            }
        }


def _metadata(version: ReadableVersion, schema: Mapping[str, Any]) -> dict[str, Any]:
    dataset_id: UUID = version.table.dataset_id
    return {
        "id": str(dataset_id),
        "name": version.table.address.partition("/")[2],
        "format": {"provider": "parquet"},
        "schemaString": json.dumps(schema),
        "partitionColumns": [],
    }


def _sizes(version: ReadableVersion, handed: HandedTable) -> dict[str, int]:
    return {
        "version": version.table.number,
        "size": sum(file.byte_count for file in handed.files),
        "numFiles": len(handed.files),
    }


def _stats(file: HandedFile) -> str:
    return json.dumps({"numRecords": file.row_count})


def _moment(version: ReadableVersion) -> int:
    return int(version.accepted_at.timestamp() * 1000) if version.accepted_at else 0


def _with_zones(schema: Any) -> Any:
    """Return a schema in whose form there are no times without a zone: they are called times all the same."""
    if isinstance(schema, dict):
        # what a column is called is no type
        return {name: part if name == "name" else _with_zones(part) for name, part in schema.items()}
    if isinstance(schema, list):
        return [_with_zones(part) for part in schema]
    return "timestamp" if schema == NTZ else schema
