"""Every page in a real browser, on a hub that has something of everything: by desktop and phone, light and dark."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from fixtures.app import rows_of
from fixtures.queue import put_dead_job
from fixtures.web import LOOKS, OpenTab, WebHub, faults_of_pages
from fixtures.web_people import Staff, signed_in, staff
from lyceum_client import Client
from make.accounts import make_group
from make.incidents import make_incident
from make.personal import make_personal
from make.walkthrough import learnable

__all__ = ["staff"]

ORGANISATION = "Weather office"
PAGES = [
    ("/", "Overview"),
    ("/datasets", "Datasets"),
    ("/datasets/{address}", "{address}"),
    ("/datasets/{address}?tab=profile", "{address}"),
    ("/datasets/{address}?tab=schema", "{address}"),
    ("/datasets/{address}?tab=checks", "{address}"),
    ("/datasets/{address}?tab=checks&check=new", "{address}"),
    ("/datasets/{address}?tab=checks&check=suggested", "{address}"),
    ("/datasets/{address}?tab=checks&check=import", "{address}"),
    ("/datasets/{address}?tab=runs", "{address}"),
    ("/datasets/{address}?tab=anomalies", "{address}"),
    ("/datasets/{address}?tab=sources", "{address}"),
    ("/datasets/{address}?tab=settings", "{address}"),
    ("/datasets/{address}?tab=versions", "{address}"),
    ("/datasets/{address}?tab=lineage", "{address}"),
    ("/runs", "Runs"),
    ("/runs/{run}", "bought"),
    ("/models", "Models"),
    ("/models/{address}", "{address}"),
    ("/models/{address}?tab=report", "{address}"),
    ("/models/{address}?tab=versions", "{address}"),
    ("/incidents", "Incidents"),
    ("/incidents/rules", "Alert rules"),
    ("/incidents/{incident}", "delay.mean"),
    ("/jobs", "Jobs"),
    ("/inbox", "Inbox"),
    ("/settings", "Settings"),
    *((f"/settings?tab={tab}", "Settings") for tab in ("security", "sessions", "keys", "notifications", "data")),
    *(
        (f"/organisation?tab={tab}", ORGANISATION)
        for tab in ("members", "invitations", "roles", "groups", "requests", "destinations", "settings")
    ),
    ("/organisation?tab=requests&view=mine", ORGANISATION),
    ("/organisation?tab=requests&view=shared", ORGANISATION),
    ("/organisation?tab=new", "New organisation"),
    ("/admin/users", "People"),
    ("/admin/organisations", "Organisations"),
    ("/admin/queue", "Queue"),
    ("/admin/queue?state=dead", "Queue"),
    ("/admin/schedules", "Schedules"),
    ("/admin/audit", "Audit log"),
    ("/admin/storage", "Storage"),
    ("/admin/health", "Health"),
    ("/admin/mail", "Letters"),
    ("/admin/mail?form=text", "Letters"),
    ("/admin/sign-on", "Sign-on"),
    ("/admin/programs", "Programs"),
]


@pytest.fixture(scope="module")
def furnished(web_hub: WebHub, staff: Staff) -> dict[str, str]:
    """What stands in the addresses of pages of a hub with a table, a training, a model, a group, and the rest by row."""
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("customers").address
        client.datasets.wait(client.datasets.upload(learnable(600), address))
        run = client.runs.start(address, target="bought", time_limit_seconds=4)
        client.runs.wait(run.id)
        client.runs.register(run.id, "customers")
    make_group(web_hub.database, staff.ada, staff.grace)
    # hers, since an authenticator app is among it; what is the hub's is seen by both
    make_personal(web_hub.database, staff.grace)
    put_dead_job(web_hub.database, "notify.mail_notice")
    [dataset] = rows_of(web_hub.database, "SELECT id FROM datasets WHERE name = 'customers'")
    incident = make_incident(web_hub.database, staff.ada, dataset["id"], evidence=Jsonb({"value": 41, "high": 19}))
    return {"address": address, "run": run.id, "incident": str(incident)}


@pytest.mark.deep
@pytest.mark.parametrize("name, look", LOOKS)
@pytest.mark.timeout(400)
def test_every_page_fits_is_usable_by_all_and_stays_where_it_is(
    open_tab: OpenTab, web_hub: WebHub, furnished: dict[str, str], name: str, look: dict[str, Any]
) -> None:
    tab = signed_in(open_tab, web_hub, "ada", **look)
    pages = [(address.format(**furnished), heading.format(**furnished)) for address, heading in PAGES]
    assert faults_of_pages(tab, pages, shots=name) == {}
