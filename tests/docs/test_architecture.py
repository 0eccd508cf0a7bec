"""The page of the architecture shows the layers as the import contracts have them."""

import re
import tomllib

from fixtures.servers import REPOSITORY


def test_the_layers_stand_in_the_order_of_the_contract() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = text.split("| layer | what it is |\n|---|---|\n", 1)[1].split("\n\n", 1)[0].splitlines()
    shown = [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in rows]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    assert contract["name"] == "Layers import downward"
    assert shown == [set(layer.replace("lyceum.", "").split(" | ")) for layer in contract["layers"]]
