"""The whole suite with PgBouncer in transaction mode between every hub and its PostgreSQL."""

import subprocess
import sys

import pytest

from fixtures.servers import REPOSITORY

SECONDS_MAX = 2_400


@pytest.mark.soak
@pytest.mark.timeout(SECONDS_MAX + 60)
def test_the_whole_suite_passes_through_a_transaction_pooler() -> None:
    chosen = ("-m", "not deep and not soak", "--hypothesis-profile=ci", "--through-pooler")
    command = (sys.executable, "-m", "pytest", "-q", "-n", "2", *chosen)
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
