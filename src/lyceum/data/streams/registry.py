"""The schemas that messages name: of the organisation's registry on this hub, or of one elsewhere, by its REST API."""

import base64
import json
from typing import Any
from urllib.parse import quote

from lyceum.data.schemas.public import SchemaNotFound, written_by_number
from lyceum.data.streams.connecting import StreamPlan
from lyceum.data.streams.errors import BrokerAway, BrokerRefuses
from lyceum.data.streams.work import SchemaText
from lyceum.kernel.db import Scope
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

SCHEMA_BYTES_MAX = 2 * 1024**2
REFERENCES_MAX = 100
_OK = 200
_NOT_FOUND = 404
_REFUSED = frozenset({401, 403})


async def fetch_schema(resources: Resources, plan: StreamPlan, number: int) -> SchemaText:
    """Return the schema of a number, which may be missing; raises `BrokerAway`, `BrokerRefuses`, `AddressRefused`."""
    if plan.registry_url is None:
        return await _of_this_hub(resources, plan, number)
    base = plan.registry_url.rstrip("/")
    answer = await _ask(resources, plan, f"{base}/schemas/ids/{number}")
    if answer is None:
        return _missing(number)
    referred: dict[str, str] = {}
    await _refer(resources, plan, base, answer, referred)
    return SchemaText(
        type=str(answer.get("schemaType") or "AVRO"), text=str(answer["schema"]), referred=tuple(referred.items())
    )


async def _of_this_hub(resources: Resources, plan: StreamPlan, number: int) -> SchemaText:
    async with transaction(resources.database, Scope(org_id=plan.org_id), writes=False) as tx:
        try:
            found = await written_by_number(tx, plan.org_id, number)
        except SchemaNotFound:
            return _missing(number)
    referred = tuple((one.name, one.text) for one in found.referred)
    return SchemaText(type=found.type, text=found.text, referred=referred)


async def _refer(
    resources: Resources, plan: StreamPlan, base: str, schema: dict[str, Any], found: dict[str, str]
) -> None:
    """Fetch what a schema builds on, each after what it builds on itself."""
    for reference in schema.get("references") or ():
        name = str(reference["name"])
        if name in found or len(found) >= REFERENCES_MAX:
            continue
        subject = quote(str(reference["subject"]), safe="")
        inner = await _ask(resources, plan, f"{base}/subjects/{subject}/versions/{int(reference['version'])}")
        if inner is not None:
            await _refer(resources, plan, base, inner, found)
            found[name] = str(inner["schema"])


async def _ask(resources: Resources, plan: StreamPlan, url: str) -> dict[str, Any] | None:
    headers = {"accept": "application/vnd.schemaregistry.v1+json, application/json"}
    if plan.registry_username is not None or plan.secrets.registry_password is not None:
        pair = f"{plan.registry_username or ''}:{plan.secrets.registry_password or ''}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    # no redirects: what is sent along is for this registry alone
    outward = Outward.configured(resources.settings)
    answer = await outward.ask("GET", url, headers=headers, bytes_max=SCHEMA_BYTES_MAX, redirects_max=0)
    if answer.status == _NOT_FOUND:
        return None
    if answer.status in _REFUSED:
        raise BrokerRefuses(
            f"The schema registry refuses the hub: it answered {answer.status}; look at its user and password."
        )
    if answer.status != _OK:
        raise BrokerAway(f"The schema registry answered {answer.status}; it is asked again.")
    try:
        content = json.loads(answer.content)
    except ValueError:
        content = None
    if not isinstance(content, dict) or "schema" not in content:
        raise BrokerAway("What answers at the schema registry's address is no schema registry.")
    return content


def _missing(number: int) -> SchemaText:
    return SchemaText(type="", text="", missing=f"The registry has no schema {number}.")
