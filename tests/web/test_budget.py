"""What a page weighs before it can be used."""

import json
from pathlib import Path

import pytest

from fixtures.web import bytes_at_first

SCRIPT_BYTES_MAX = 200_000


def test_no_page_needs_more_script_than_it_may(web_built: Path) -> None:
    manifest = json.loads((web_built / ".vite" / "manifest.json").read_text(encoding="utf-8"))
    pages = [name for name in manifest if name.startswith("src/routes/") and name.endswith("=component")]
    assert len(pages) > 8
    weights = {page: bytes_at_first(web_built, page) for page in pages}
    assert {page: weight for page, weight in weights.items() if weight > SCRIPT_BYTES_MAX} == {}
    # a build that counts nothing would pass as well
    assert min(weights.values()) > 50_000


@pytest.mark.parametrize("ending", [".br", ".gz"])
def test_every_script_and_style_is_compressed_by_the_build(web_built: Path, ending: str) -> None:
    large = [path for path in (web_built / "assets").glob("*.[jc]s*") if path.suffix in {".js", ".css"}]
    missing = [p.name for p in large if p.stat().st_size > 1000 and not p.with_name(p.name + ending).is_file()]
    assert large
    assert missing == []
