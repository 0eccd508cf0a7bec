"""The schemas that messages name: of the organisation's registry on this hub, or of one elsewhere, by its REST API."""

import asyncio
import base64
from urllib.parse import quote

import msgspec

from lyceum.data.schemas.public import SchemaNotFound, written_by_number
from lyceum.data.streams.connecting import StreamPlan
from lyceum.data.streams.errors import BrokerAway, BrokerRefuses
from lyceum.data.streams.work import SchemaText
from lyceum.kernel.db import Scope
from lyceum.kernel.outward import AnswerTooLarge, Outward
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

ANSWER_BYTES_MAX = 4 * 1024**2
SCHEMA_CHARACTERS_MAX = 2_000_000
"""Of a schema with all that it builds on."""
REFERENCES_MAX = 100
ASKED_SHARE = 2 / 3
"""Of a lease: how long a schema may take, so that the consumer keeps its place meanwhile."""
_OK = 200
_NOT_FOUND = 404
_REFUSED = frozenset({401, 403})


class _Reference(msgspec.Struct, frozen=True):
    name: str
    subject: str
    version: int


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    """A schema as registries send it."""

    schema: str
    schema_type: str | None = None
    references: list[_Reference] | None = None


async def fetch_schema(resources: Resources, plan: StreamPlan, number: int) -> SchemaText:
    """Return the schema of a number, which may be missing; raises `BrokerAway`, `BrokerRefuses`, `AddressRefused`."""
    seconds_max = resources.settings.job_lease_seconds * ASKED_SHARE
    try:
        async with asyncio.timeout(seconds_max):
            if plan.registry_url is None:
                found = await _of_this_hub(resources, plan, number)
            else:
                found = await _elsewhere(resources, plan, plan.registry_url.rstrip("/"), number)
    except TimeoutError:
        raise BrokerAway(
            f"The schema registry has not answered in full within {seconds_max:g} s; it is asked again."
        ) from None
    except AnswerTooLarge:
        return _missing(_too_large(number))
    if len(found.text) + sum(len(text) for _, text in found.referred) > SCHEMA_CHARACTERS_MAX:
        return _missing(_too_large(number))
    return found


async def _elsewhere(resources: Resources, plan: StreamPlan, base: str, number: int) -> SchemaText:
    answer = await _ask(resources, plan, f"{base}/schemas/ids/{number}")
    if answer is None:
        return _missing(f"The registry has no schema {number}.")
    referred: dict[str, str] = {}
    asked: set[str] = set()
    await _refer(resources, plan, base, answer, referred, asked)
    if len(asked) > REFERENCES_MAX:
        return _missing(f"Schema {number} builds on more than {REFERENCES_MAX} others, which are not read.")
    return SchemaText(type=answer.schema_type or "AVRO", text=answer.schema, referred=tuple(referred.items()))


async def _of_this_hub(resources: Resources, plan: StreamPlan, number: int) -> SchemaText:
    async with transaction(resources.database, Scope(org_id=plan.org_id), writes=False) as tx:
        try:
            found = await written_by_number(tx, plan.org_id, number)
        except SchemaNotFound:
            return _missing(f"The registry has no schema {number}.")
    referred = tuple((one.name, one.text) for one in found.referred)
    return SchemaText(type=found.type, text=found.text, referred=referred)


async def _refer(
    resources: Resources, plan: StreamPlan, base: str, schema: _Answer, found: dict[str, str], asked: set[str]
) -> None:
    """Fetch what a schema builds on, each after what it builds on itself; one that is not there is left out."""
    for reference in schema.references or ():
        # also those that are asked for just now: schemas may build on each other in a ring
        if reference.name in asked or len(asked) > REFERENCES_MAX:
            continue
        asked.add(reference.name)
        subject = quote(reference.subject, safe="")
        inner = await _ask(resources, plan, f"{base}/subjects/{subject}/versions/{reference.version}")
        if inner is not None:
            await _refer(resources, plan, base, inner, found, asked)
            found[reference.name] = inner.schema


async def _ask(resources: Resources, plan: StreamPlan, url: str) -> _Answer | None:
    headers = {"accept": "application/vnd.schemaregistry.v1+json, application/json"}
    if plan.registry_username is not None or plan.secrets.registry_password is not None:
        pair = f"{plan.registry_username or ''}:{plan.secrets.registry_password or ''}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    # no redirects: what is sent along is for this registry alone
    outward = Outward.configured(resources.settings)
    answer = await outward.ask("GET", url, headers=headers, bytes_max=ANSWER_BYTES_MAX, redirects_max=0)
    if answer.status == _NOT_FOUND:
        return None
    if answer.status in _REFUSED:
        raise BrokerRefuses(
            f"The schema registry refuses the hub: it answered {answer.status}; look at its user and password."
        )
    if answer.status != _OK:
        raise BrokerAway(f"The schema registry answered {answer.status}; it is asked again.")
    try:
        return msgspec.json.decode(answer.content, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokerAway("What answers at the schema registry's address is no schema registry.") from None


def _too_large(number: int) -> str:
    return f"Schema {number} has more than {SCHEMA_CHARACTERS_MAX:,} characters with all it builds on, and is not read."


def _missing(why: str) -> SchemaText:
    return SchemaText(type="", text="", missing=why)
