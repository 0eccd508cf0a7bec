"""The two commands on a machine that has nothing: a minimal Debian in its own namespaces, as root and as anyone."""

import json
import os
from pathlib import Path

import pytest

from fresh.debian import ORDINARY_ACCOUNT, FreshMachine, fresh_machine

SECONDS_MAX = 1500
KILLED_AFTER_SECONDS = 30
SHELLS_CODE_FOR_KILLED = 137

pytestmark = [
    pytest.mark.deep,
    pytest.mark.timeout(SECONDS_MAX + 1300),
    pytest.mark.skipif(os.geteuid() != 0, reason="a root of its own takes root"),
]


@pytest.fixture(scope="module", params=["root", ORDINARY_ACCOUNT])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FreshMachine:
    return fresh_machine(tmp_path_factory.mktemp("fresh"), request.param)


def test_make_try_mends_a_killed_set_up_and_goes_from_the_sample_to_an_endpoint(machine: FreshMachine) -> None:
    killed = machine.run(
        f"timeout --signal=KILL {KILLED_AFTER_SECONDS} sh scripts/setup.sh hub", seconds_max=SECONDS_MAX
    )
    assert killed.code == SHELLS_CODE_FOR_KILLED
    ended = machine.run('make try TRY_ARGS="--exit --json"', seconds_max=SECONDS_MAX)
    assert ended.code == 0, ended.errors[-4000:]
    told = json.loads(ended.output)
    assert told["run"]["score"] > told["run"]["baseline"]
    assert told["model"]["endpoint"]
    assert told["model"]["parity"]


def test_a_file_with_a_space_reaches_try_as_one_word(machine: FreshMachine) -> None:
    ended = machine.run("""make try TRY_ARGS="'no such file.csv' --target price --exit" """, seconds_max=SECONDS_MAX)
    assert ended.code != 0
    assert "no such file.csv" in ended.errors + ended.output


def test_make_test_sets_up_and_passes(machine: FreshMachine) -> None:
    chosen = "tests/kernel tests/hub tests/train/test_openmp.py"
    ended = machine.run(f'make test TEST_ARGS="{chosen}"', seconds_max=SECONDS_MAX)
    assert ended.code == 0, ended.output[-6000:] + ended.errors[-2000:]
    assert " passed" in ended.output


def test_a_python_without_venv_gets_one_sentence(tmp_path: Path) -> None:
    machine = fresh_machine(tmp_path, "root")
    ended = machine.run("rm -r /usr/lib/python3.11/ensurepip && make try", seconds_max=SECONDS_MAX)
    assert ended.code != 0
    said = ended.errors.splitlines()
    assert said[0].endswith("has no venv: run `apt-get install python3.11-venv` as root, or install uv.")
    assert all(line.startswith("make: ") for line in said[1:])


@pytest.mark.soak
def test_the_whole_suite_passes(machine: FreshMachine) -> None:
    ended = machine.run("make test", seconds_max=SECONDS_MAX)
    assert ended.code == 0, ended.output[-6000:] + ended.errors[-2000:]
