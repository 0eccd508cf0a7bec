"""What walkthroughs made of the packaged sample, found by its content and taken away again."""

import hashlib
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from lyceum.kernel.config import Settings
from lyceum.walkthrough.errors import WalkthroughFailed
from lyceum.walkthrough.hub import hub_at_hand
from lyceum.walkthrough.outputs import key_name
from lyceum.walkthrough.table import table_to_try
from lyceum.walkthrough.undo import Undo
from lyceum.walkthrough.voice import make_voice
from lyceum_client import Client, Dataset, Model


def remove_sample(settings: Settings) -> tuple[str, ...]:
    """Archive what was made of the sample in the organisation of the key, and revoke its keys; return what that was.

    A dataset or model that holds anything else besides is left alone. Raises what using a hub raises, and
    `WalkthroughFailed` with what could not be removed.
    """
    voice = make_voice(sys.stderr, is_terminal=lambda: False)
    removed: list[str] = []
    undo = Undo(ending := ExitStack(), voice)

    def take_back(action: Callable[[], object], what: str) -> None:
        def act() -> None:
            action()
            removed.append(what)

        undo.note(act, what)

    with hub_at_hand(settings, voice) as hub, Client(hub.url, hub.api_key) as client:
        with ending:
            organisation = client.me().organisation
            datasets, version_ids = _datasets(client, organisation)
            for dataset in datasets:
                take_back(partial(client.datasets.archive, dataset.address), f"the dataset {dataset.address}")
            for model in _models(client, organisation, version_ids):
                for watched in client.models.watch(model.address):
                    if watched.dataset:
                        take_back(partial(client.datasets.archive, watched.dataset), f"the dataset {watched.dataset}")
                take_back(partial(client.models.archive, model.address), f"the model {model.address}")
            names = {key_name(dataset.name) for dataset in datasets}
            for key in [key for key in client.keys.list() if key.name in names and key.revoked_at is None]:
                take_back(partial(client.keys.revoke, key.id), f"the key {key.name}")
        if undo.remains:
            raise WalkthroughFailed(f"Still there, for you to remove: {undo.remains}.")
    return tuple(removed)


def _datasets(client: Client, organisation: str) -> tuple[list[Dataset], set[str]]:
    """Return the datasets that hold the sample and nothing else, and the ids of their versions."""
    sample = hashlib.sha256(table_to_try(None, None).path.read_bytes()).hexdigest()
    found: list[Dataset] = []
    version_ids: set[str] = set()
    for dataset in client.datasets.list():
        versions = list(client.datasets.versions(dataset.address)) if dataset.organisation == organisation else []
        if versions and all(version.source.get("source_sha256") == sample for version in versions):
            found.append(dataset)
            version_ids |= {version.id for version in versions}
    return found, version_ids


def _models(client: Client, organisation: str, version_ids: set[str]) -> list[Model]:
    """Return the models all of whose versions were trained on these versions of datasets."""
    return [
        model
        for model in client.models.list()
        if model.organisation == organisation
        and (versions := list(client.models.versions(model.address)))
        and all(version.origin.get("dataset_version_id") in version_ids for version in versions)
    ]
