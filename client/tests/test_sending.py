"""Content is sent first and made a version afterwards."""

from pathlib import Path
from typing import Any

from lyceum_client import Client


def test_what_is_sent_belongs_to_no_dataset_until_a_version_is_made_of_it(
    hub: Any, client: Client, tmp_path: Path
) -> None:
    content = "/api/v1/uploads/u1/content"
    hub.will("POST", "/api/v1/uploads", {"id": "u1", "put_url": content, "complete_needed": False})
    hub.will("PUT", content, {"id": "u1"})
    version = {"id": "v1", "dataset": "acme/flights", "state": "pending", "file_name": "flights.csv"}
    hub.will("POST", "/api/v1/datasets/acme/flights/versions", version)
    file = tmp_path / "flights.csv"
    file.write_text("a\n1\n")
    upload_id = client.datasets.send(file)
    assert hub.paths() == ["POST /api/v1/uploads", f"PUT {content}"]
    assert client.datasets.add_version("acme/flights", upload_id, file_format="csv").id == "v1"
    assert hub.asked[-1].json == {"upload_id": "u1", "format": "csv"}
