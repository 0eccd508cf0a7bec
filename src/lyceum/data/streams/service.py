"""Writes of streams: make, change, pause, resume, remove, and decide on what could not be taken."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import addresses_of_datasets, dataset_ref_for, require_awake_by_id
from lyceum.data.streams import queries
from lyceum.data.streams.connecting import SEALED_AS, StreamSecrets, host_and_port
from lyceum.data.streams.errors import DeadLetterDecided, StreamExists, StreamInvalid, TooManyStreams
from lyceum.data.streams.jobs import count_held
from lyceum.data.streams.models import StreamRow
from lyceum.data.streams.schemas import (
    DeadLetterShown,
    NewStream,
    StreamChange,
    StreamDetail,
    StreamRegistry,
    StreamSecurity,
)
from lyceum.data.streams.trying import TryDeadLetter
from lyceum.kernel.http.revisions import require_revision
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources

STREAMS_MAX = 200
"""Of an organisation."""


async def make_stream(
    tx: AsyncSession, who: Actor, resources: Resources, org: str, name: str, wanted: NewStream
) -> StreamDetail:
    """Have a topic read into a dataset from now on.

    Raises `DatasetNotFound`, `DatasetDormant`, `StreamInvalid`, `AddressRefused`, `StreamExists`, `TooManyStreams`.
    """
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_WRITE)
    await require_awake_by_id(tx, dataset.id, dataset.address)
    _check(resources, wanted.servers, wanted.registry, wanted.security)
    if int(await tx.scalar(select(func.count()).select_from(StreamRow)) or 0) >= STREAMS_MAX:
        raise TooManyStreams(f"An organisation has at most {STREAMS_MAX} streams; remove one first.")
    stream_id = new_id()
    new_fields = wanted.new_fields or ("dead_letter" if wanted.format == "json" else "add")
    values = {
        "id": stream_id,
        "org_id": dataset.org_id,
        "dataset_id": dataset.id,
        "name": wanted.name,
        "servers": wanted.servers,
        "topic": wanted.topic,
        "group_name": wanted.group or f"lyceum-{stream_id}",
        "format": wanted.format,
        "new_fields": new_fields,
        "start_at": wanted.start,
        "flush_rows": wanted.flush_rows,
        "flush_seconds": wanted.flush_seconds,
        "consumers": wanted.consumers,
        "dead_letters_max": wanted.dead_letters_max,
        "created_by": who.user_id,
        **_of_registry(wanted.registry),
        **_of_security(wanted.security),
        "secrets_sealed": _sealed(resources, stream_id, _secrets(wanted.registry, wanted.security)),
    }
    made = await tx.scalar(insert(StreamRow).values(values).on_conflict_do_nothing().returning(StreamRow.id))
    if made is None:
        raise StreamExists(f"The dataset {dataset.address} has a stream {wanted.name!r}; take another name.")
    return await queries.stream_by_id(tx, dataset.org_id, stream_id)


async def change_stream(
    tx: AsyncSession, who: Actor, resources: Resources, stream_id: UUID, wanted: StreamChange, *, if_match: str | None
) -> StreamDetail:
    """Change what is sent of a stream, which is read by the new words within seconds.

    Raises `StreamNotFound`, `StreamInvalid`, `StreamExists`, `AddressRefused`, and what `require_revision` raises.
    """
    row = await queries.stream_row_for(tx, who, stream_id)
    before = await queries.stream_by_id(tx, row.org_id, stream_id)
    require_revision(if_match, row.revision, newest=before)
    changes = wanted.model_dump(exclude_unset=True, exclude={"registry", "security"})
    if None in changes.values():
        raise StreamInvalid("Leave out what is to stay; nothing of a stream can be null.")
    _check(resources, wanted.servers or row.servers, wanted.registry, wanted.security)
    note_audit(before=before)
    if "name" in changes:
        await _refuse_twin(tx, row, changes["name"])
    if wanted.registry is not None:
        changes |= _of_registry(wanted.registry)
    if wanted.security is not None:
        changes |= _of_security(wanted.security)
    if wanted.registry is not None or wanted.security is not None:
        kept = await _kept_secrets(tx, resources, stream_id)
        changes["secrets_sealed"] = _sealed(resources, stream_id, _merged(kept, wanted.registry, wanted.security))
    for column, value in changes.items():
        setattr(row, column, value)
    row.revision += 1
    await tx.flush()
    return await queries.stream_by_id(tx, row.org_id, stream_id)


async def pause_stream(tx: AsyncSession, who: Actor, stream_id: UUID) -> StreamDetail:
    """Have nobody read a stream until it is resumed; what was read by then still becomes a version."""
    row = await queries.stream_row_for(tx, who, stream_id)
    if row.state != "paused":
        row.state = "paused"
        row.revision += 1
        await tx.flush()
    return await queries.stream_by_id(tx, row.org_id, stream_id)


async def resume_stream(tx: AsyncSession, who: Actor, stream_id: UUID) -> StreamDetail:
    """Have a stream read again that was paused, or that the hub has stopped; raises `StreamInvalid`."""
    row = await queries.stream_row_for(tx, who, stream_id)
    if row.state != "running":
        addresses = await addresses_of_datasets(tx, [row.dataset_id])
        await require_awake_by_id(tx, row.dataset_id, addresses[row.dataset_id])
        held = await count_held(tx, stream_id)
        if held > row.dead_letters_max:
            raise StreamInvalid(
                f"{held:,} messages are held and {row.dead_letters_max:,} may be; try them again, give them up, or allow more."
            )
        row.state, row.error, row.error_at = "running", None, None
        row.revision += 1
        await tx.flush()
    return await queries.stream_by_id(tx, row.org_id, stream_id)


async def remove_stream(tx: AsyncSession, who: Actor, stream_id: UUID) -> None:
    """Forget a stream with its dead letters; the rows that came by it stay. Raises `StreamNotFound`."""
    row = await queries.stream_row_for(tx, who, stream_id)
    await tx.execute(delete(StreamRow).where(StreamRow.id == row.id))


async def try_dead_letter(tx: AsyncSession, who: Actor, letter_id: UUID) -> DeadLetterShown:
    """Have a message tried again; raises `DeadLetterNotFound`, `DeadLetterDecided`, `DatasetDormant`."""
    row = await queries.letter_row_for(tx, who, letter_id, locked=True)
    if row.state != "held":
        raise DeadLetterDecided(f"This message is not held any more: it is {row.state.replace('_', ' ')}.")
    if len(row.content) != row.byte_count:
        raise DeadLetterDecided("Only the first bytes of this message were kept, so it cannot be tried again here.")
    stream = await tx.get_one(StreamRow, row.stream_id)
    addresses = await addresses_of_datasets(tx, [stream.dataset_id])
    await require_awake_by_id(tx, stream.dataset_id, addresses[stream.dataset_id])
    row.state, row.decided_by, row.decided_at = "trying", who.user_id, datetime.now(UTC)
    await enqueue(tx, TryDeadLetter(letter_id=row.id))
    await tx.flush()
    return queries.as_letter(row)


async def give_up_dead_letter(tx: AsyncSession, who: Actor, letter_id: UUID) -> DeadLetterShown:
    """Throw a message's content away for good; raises `DeadLetterNotFound`, `DeadLetterDecided`."""
    row = await queries.letter_row_for(tx, who, letter_id, locked=True)
    if row.state != "held":
        raise DeadLetterDecided(f"This message is not held any more: it is {row.state.replace('_', ' ')}.")
    # the row stays: where it was read from is not to be held a second time
    row.state, row.decided_by, row.decided_at, row.content = "given_up", who.user_id, datetime.now(UTC), b""
    await tx.flush()
    return queries.as_letter(row)


def _check(
    resources: Resources, servers: list[str], registry: StreamRegistry | None, security: StreamSecurity | None
) -> None:
    for server in servers:
        host_and_port(server)
    if registry is not None and registry.url is not None:
        Outward.configured(resources.settings).checked(registry.url)
    if registry is not None and registry.url is None and (registry.username or registry.password):
        raise StreamInvalid("The organisation's own registry takes no user and no password; leave them out.")
    if security is not None:
        _check_security(security)


def _check_security(security: StreamSecurity) -> None:
    with_user = security.protocol.startswith("sasl")
    given = (security.mechanism, security.username, security.password)
    if with_user and None in given:
        raise StreamInvalid(f"The protocol {security.protocol} needs a mechanism, a user name and a password.")
    if not with_user and given != (None, None, None):
        raise StreamInvalid(f"The protocol {security.protocol} takes no mechanism, user name or password.")
    of_tls = (security.authorities, security.certificate, security.key)
    if not security.protocol.endswith("tls") and of_tls != (None, None, None):
        raise StreamInvalid(f"The protocol {security.protocol} takes no certificates; use one with TLS.")
    if (security.certificate is None) != (security.key is None):
        raise StreamInvalid("A certificate and its key go together.")


def _of_registry(registry: StreamRegistry) -> dict[str, Any]:
    return {"registry_url": registry.url, "registry_username": registry.username}


def _of_security(security: StreamSecurity) -> dict[str, Any]:
    return security.model_dump(include={"protocol", "mechanism", "username", "authorities", "certificate"})


def _secrets(registry: StreamRegistry | None, security: StreamSecurity | None) -> StreamSecrets:
    def plain(secret: Any) -> str | None:
        return secret.get_secret_value() if secret is not None else None

    return StreamSecrets(
        password=plain(security.password) if security is not None else None,
        key=plain(security.key) if security is not None else None,
        registry_password=plain(registry.password) if registry is not None else None,
    )


def _merged(kept: StreamSecrets, registry: StreamRegistry | None, security: StreamSecurity | None) -> StreamSecrets:
    new = _secrets(registry, security)
    return StreamSecrets(
        password=new.password if security is not None else kept.password,
        key=new.key if security is not None else kept.key,
        registry_password=new.registry_password if registry is not None else kept.registry_password,
    )


def _sealed(resources: Resources, stream_id: UUID, secrets: StreamSecrets) -> bytes | None:
    if secrets == StreamSecrets():
        return None
    return resources.sealer.seal(SEALED_AS, stream_id.hex, msgspec.json.encode(secrets))


async def _kept_secrets(tx: AsyncSession, resources: Resources, stream_id: UUID) -> StreamSecrets:
    sealed = await tx.scalar(select(StreamRow.secrets_sealed).where(StreamRow.id == stream_id))
    opened = resources.sealer.opened(SEALED_AS, stream_id.hex, bytes(sealed)) if sealed is not None else None
    return msgspec.json.decode(opened, type=StreamSecrets) if opened is not None else StreamSecrets()


async def _refuse_twin(tx: AsyncSession, row: StreamRow, name: str) -> None:
    twin = select(StreamRow.id).where(
        StreamRow.dataset_id == row.dataset_id, func.lower(StreamRow.name) == name.lower(), StreamRow.id != row.id
    )
    if await tx.scalar(twin) is not None:
        raise StreamExists(f"The dataset has a stream {name!r}; take another name.")
