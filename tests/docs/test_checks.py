"""The page of checks is what the code says, and each of its examples is one that can be run."""

import json
import re
import subprocess
import sys

from fixtures.servers import REPOSITORY
from lyceum.data.quality.engine.public import KINDS, checks_from_plain

PAGE = REPOSITORY / "docs" / "reference" / "checks.md"
EXAMPLE = re.compile(r"```json\n(.+?)\n```")


def test_the_page_of_checks_is_what_the_code_says() -> None:
    run = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "check_page.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_kind_has_an_example_that_can_be_used() -> None:
    examples = [json.loads(found) for found in EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))]
    assert [example["kind"] for example in examples] == list(KINDS)
    assert len(checks_from_plain(examples)) == len(KINDS)
