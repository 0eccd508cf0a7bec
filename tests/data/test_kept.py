"""What a dataset's versions keep is counted by the size of their tables, in place of the uploads they were made of."""

from collections.abc import Callable

import httpx
import polars as pl

from fixtures.staffed import StaffedHub, add_version, csv_of, new_dataset, ok
from lyceum.files import kept
from lyceum.kernel.resources import open_resources
from make.accounts import Member


async def test_a_table_takes_the_place_of_its_upload(
    hub_client: Callable[..., httpx.AsyncClient], owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        before = await ok(client.get("/api/v1/storage"))
        address = await new_dataset(client)
        content = csv_of(pl.DataFrame({"x": range(2000), "y": ["a"] * 2000}))
        version = await add_version(client, address, "t.csv", content)
        refused = await add_version(client, address, "t.csv", b'a,b\n"1,2\n')
        assert (version["state"], refused["state"]) == ("accepted", "rejected")
        after = await ok(client.get("/api/v1/storage"))
        folder = staffed_hub.settings.home / "files" / "tables"
        files = [path.stat().st_size for path in folder.rglob("v*.parquet") if owner.org_id.hex in _plain(path.parts)]
        assert after["tables"]["byte_count"] == sum(files) > 0
        assert after["tables"]["object_count"] == before["tables"]["object_count"] + 1
        # what could not be read is kept until its time is over
        assert after["uploads"]["byte_count"] == before["uploads"]["byte_count"] + len(b'a,b\n"1,2\n')
    async with open_resources(staffed_hub.settings, subscribers={}) as resources:
        assert (await kept.recount(resources))["corrected"] == 0


def _plain(parts: tuple[str, ...]) -> set[str]:
    return {part.replace("-", "") for part in parts}
