"""The README's programs are run as they are written, with a hub, a key and a table of houses, and in less time."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fixtures.app import ServedProcess, served
from fixtures.servers import REPOSITORY
from fixtures.staffed import StaffedHub
from make.accounts import Member

PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_CLIENT, OF_LIBRARY = 0, 1
HOUSES = 120


def program(which: int, placeholders: Mapping[str, str]) -> str:
    """Return a program of the README (the client's, or that of the library alone) with the reader's own values in it."""
    written = PROGRAM.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert len(written) == 2
    text: str = written[which]
    for placeholder, value in ({"time_limit_seconds=60": "time_limit_seconds=5", **placeholders}).items():
        assert text.count(placeholder) == 1, f"the README says {placeholder} no more"
        text = text.replace(placeholder, value)
    return text


def run(text: str, folder: Path) -> str:
    """Run a program in a folder and return what it printed."""
    ran = subprocess.run((sys.executable, "-c", text), cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """A folder with the table that the README speaks of."""
    random = np.random.default_rng(0)
    rooms, area = random.integers(1, 8, HOUSES), random.uniform(30, 250, HOUSES).round(1)
    price = (rooms * 20_000 + area * 1_500 + random.normal(0, 5_000, HOUSES)).round()
    pl.DataFrame({"rooms": rooms, "area": area, "price": price}).write_csv(tmp_path / "houses.csv")
    return tmp_path


@pytest.fixture
def api(staffed_hub: StaffedHub) -> Iterator[ServedProcess]:
    """The staffed hub's API on a real socket."""
    with served("lyceum.web", staffed_hub.settings) as process:
        yield process


def test_the_client_goes_from_a_table_to_a_prediction(api: ServedProcess, owner: Member, houses: Path) -> None:
    told = run(program(OF_CLIENT, {"http://127.0.0.1:8000": api.url, "lyk_…": owner.key}), houses)
    assert f"model='{owner.org_name}/houses', version=1" in told
    assert re.search(r"predictions=\(Prediction\(label=None, value=[\d.]+,", told)


@pytest.mark.deep
def test_the_library_does_without_a_hub(houses: Path) -> None:
    run(f'import polars\n\nframe = polars.read_csv("houses.csv")\n{program(OF_LIBRARY, {})}', houses)
    assert (houses / "price.onnx").stat().st_size > 0
