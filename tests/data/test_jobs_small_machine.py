"""A machine with 2 GiB of memory reads the files people ordinarily have."""

import random
from pathlib import Path

import pytest

from fixtures.app import client_of, running_app, running_worker
from fixtures.staffed import add_version, new_dataset
from lyceum import wiring
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from make.accounts import Member

MEMORY_BYTES = 2 * 1024**3
FILE_BYTES = 12 * 1024**2


@pytest.fixture
def _small_machine(hub_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(f"{MEMORY_BYTES}\n")
    monkeypatch.setattr("lyceum.kernel.machine.CGROUP_LIMITS", (limit,))
    monkeypatch.setenv("LYCEUM_HOME", str(hub_settings.home))


def _flights(bytes_min: int) -> bytes:
    """Return a CSV file of flights that is just larger than this."""
    chance = random.Random(0)
    lines, size = ["day,carrier,flight,origin,distance,delay,remark\n"], 0
    while size < bytes_min:
        day = f"2013-{chance.randrange(12) + 1:02}-{chance.randrange(28) + 1:02}"
        flight, carrier = chance.randrange(9000), chance.choice(("AA", "UA", "DL", ""))
        delay, remark = round(chance.gauss(10, 30), 1), chance.randbytes(8).hex()
        lines.append(f"{day},{carrier},{flight},JFK,{chance.randrange(4000)},{delay},{remark}\n")
        size += len(lines[-1])
    return "".join(lines).encode()


@pytest.mark.deep
@pytest.mark.usefixtures("_small_machine")
async def test_a_file_of_twelve_megabytes_is_read_on_a_machine_with_two_gibibytes(
    hub_settings: Settings, resources: Resources, member: Member
) -> None:
    content = _flights(FILE_BYTES)
    async with (
        running_app(hub_settings) as app,
        client_of(app, key=member.key) as client,
        running_worker(resources, *wiring.handlers().by_kind.values(), heavy_slots=1),
    ):
        version = await add_version(client, await new_dataset(client), "flights.csv", content)
    assert version["state"] == "accepted", version["error"]
    assert version["row_count"] == content.count(b"\n") - 1
