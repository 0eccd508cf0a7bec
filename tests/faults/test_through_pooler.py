"""The whole suite with PgBouncer in transaction mode between the hubs and their PostgreSQL, shared or of one test's own.

What stays out has no pooler to go through: a hub that starts its embedded PostgreSQL (`lyceum up` without a database's
address) is that server's only client and reaches it over its socket; so do the tests of it (`tests/hub`, `tests/backup`).
Migrations, backups and whatever else works as the tables' owner take the direct way, as in the product, and so do tests
of the database's own behaviour that open it by hand; those to which the pooler matters run both ways in every run.
"""

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
