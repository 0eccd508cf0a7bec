"""`lyceum sample remove` takes away what `lyceum try` made of the sample, and nothing else."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fixtures.app import ServedProcess
from lyceum.cli import app
from lyceum_client import Client
from make.accounts import Member
from make.walkthrough import learnable


def run(served_hub: ServedProcess, member: Member, *arguments: str) -> str:
    variables = {"LYCEUM_URL": served_hub.url, "LYCEUM_API_KEY": member.key}
    ended = CliRunner(env=variables).invoke(app, arguments)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


@pytest.mark.deep
@pytest.mark.timeout(200)
def test_the_sample_goes_and_other_datasets_stay(
    served_hub: ServedProcess, member: Member, hub: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tried = run(served_hub, member, "try", "--time-limit", "8s", "--exit")
    opened = hub.incidents.list(dataset=f"{member.org_name}/flights-predictions", states=["open"])
    shown = re.search(r"incident \S+/incidents/(\S+)\n", tried)
    assert shown is not None
    assert shown[1] in {str(incident.id) for incident in opened}
    assert re.search(r"temp and \d more inputs have moved since training", tried)
    scored = re.search(r"ROC AUC (\S+) on [\d,]+ later rows, (\S+) on those held out", tried)
    assert scored is not None, tried
    assert float(scored[1]) < float(scored[2])
    learnable().write_csv(tmp_path / "mine.csv")
    mine = hub.datasets.create("mine").address
    hub.datasets.wait(hub.datasets.upload(tmp_path / "mine.csv", mine))
    said = run(served_hub, member, "sample", "remove")
    assert said.splitlines() == [
        "Removed the key lyceum try flights.",
        f"Removed the model {member.org_name}/flights.",
        f"Removed the dataset {member.org_name}/flights-predictions.",
        f"Removed the dataset {member.org_name}/flights.",
    ]
    ours = [dataset.address for dataset in hub.datasets.list() if dataset.organisation == member.org_name]
    assert ours == [mine]
    assert [model.address for model in hub.models.list() if model.organisation == member.org_name] == []
    assert [key.name for key in hub.keys.list() if key.name.startswith("lyceum try") and key.revoked_at is None] == []
    assert run(served_hub, member, "sample", "remove") == "There is nothing of the sample on this hub.\n"
