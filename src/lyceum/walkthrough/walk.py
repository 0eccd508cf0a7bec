"""The whole walkthrough: a hub, five steps, the results, and what is taken back when it does not end well."""

import json
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lyceum.kernel.config import Settings
from lyceum.walkthrough.errors import InputRefused, Stopped, WalkthroughFailed
from lyceum.walkthrough.hub import HubAtHand, hub_at_hand
from lyceum.walkthrough.interrupts import Interrupted, Interrupts
from lyceum.walkthrough.outputs import ResultsFolder, make_key, write_results
from lyceum.walkthrough.steps import Walk, check, serve, train, upload
from lyceum.walkthrough.summary import Findings, Results, json_object, short_report
from lyceum.walkthrough.table import TableToTry
from lyceum.walkthrough.undo import Undo
from lyceum.walkthrough.voice import Voice
from lyceum.walkthrough.watching import watch
from lyceum.walkthrough.wording import clean
from lyceum_client import Client


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the walkthrough is to be done. `keep_serving` waits for Ctrl-C after the report, `cleanup` undoes all then."""

    time_limit_seconds: float
    output: Path | None
    as_json: bool
    keep_serving: bool
    cleanup: bool


def walk_through(table: TableToTry, wishes: Wishes, *, settings: Settings, voice: Voice, out: IO[str]) -> None:
    """Do the walkthrough; the report goes to `out`.

    Raises `InputRefused`, `WalkthroughFailed`, `LyceumError`, `HubRefused`, `HubFailed`, and `Stopped`; in each case
    what was made before the report is taken back, or told to be there still.
    """
    ending = ExitStack()
    undo = Undo(ending, voice)
    try:
        with Interrupts().listened_to() as interrupts, ending:
            ending.callback(voice.close)
            folder = _prepared(wishes.output, undo, interrupts) if wishes.output else None
            hub = ending.enter_context(hub_at_hand(settings, voice))
            client = ending.enter_context(_client(hub.url, hub))
            predictions = ending.enter_context(_client(hub.predict_url, hub))
            walk = Walk(hub=client, predictions=predictions, table=table, voice=voice, interrupts=interrupts, undo=undo)
            _walk_with(hub, walk, wishes, folder, out)
    except Interrupted:
        raise Stopped(undo.stopped) from None
    if undo.remains:
        raise WalkthroughFailed(f"Still there, for you to remove: {undo.remains}.")


def _walk_with(hub: HubAtHand, walk: Walk, wishes: Wishes, folder: ResultsFolder | None, out: IO[str]) -> None:
    uploaded = upload(walk)
    name = uploaded.dataset.name
    folder = folder or _prepared(Path(f"lyceum-try-{name}"), walk.undo, walk.interrupts)
    checked = check(walk, uploaded)
    trained = train(walk, uploaded, time_limit_seconds=wishes.time_limit_seconds)
    served = serve(walk, trained, name=name)
    watched = watch(walk, trained, served)
    found = Findings(
        table=walk.table, uploaded=uploaded, checked=checked, trained=trained, served=served, watched=watched
    )
    results = _results(walk, found, folder, hub)
    walk.voice.close()
    if not wishes.cleanup:
        walk.undo.keep()
    try:
        _tell(found, results, wishes, hub, out)
        if wishes.keep_serving and (hub.started or wishes.cleanup):
            _wait_for_the_end(hub)
    except Interrupted:
        sys.stderr.write("\n")


def _client(url: str, hub: HubAtHand) -> Client:
    try:
        return Client(url, hub.api_key)
    except ValueError as error:
        raise InputRefused(str(error)) from None


def _prepared(path: Path, undo: Undo, interrupts: Interrupts) -> ResultsFolder:
    folder = ResultsFolder(path)
    with interrupts.held():
        undo.note(folder.remove, f"what is in {path}")
        folder.prepare()
    return folder


def _results(walk: Walk, found: Findings, folder: ResultsFolder, hub: HubAtHand) -> Results:
    with walk.interrupts.held():
        key = make_key(walk.hub, name=found.uploaded.dataset.name)
        if key is not None:
            walk.undo.note(lambda: walk.hub.keys.revoke(key.id), "the key of the notebook")
        return write_results(found, folder, hub_url=hub.url, secret=key.secret if key else None)


def _tell(found: Findings, results: Results, wishes: Wishes, hub: HubAtHand, out: IO[str]) -> None:
    if wishes.as_json:
        out.write(f"{json.dumps(json_object(found, results), indent=2, ensure_ascii=False)}\n")
        out.flush()
        return
    lines = ["", *map(clean, short_report(found, results)), "", "Ask it yourself:", results.curl, ""]
    cleanup = "the dataset and the model are archived, the key is revoked and the results are removed"
    if hub.started and wishes.keep_serving:
        lines.append("Serving until Ctrl-C." + (f" Then {cleanup}." if wishes.cleanup else ""))
    elif wishes.cleanup and wishes.keep_serving:
        lines.append(f"With Ctrl-C {cleanup}.")
    out.write("\n".join(lines) + "\n")
    out.flush()


def _wait_for_the_end(hub: HubAtHand) -> None:
    """Wait for `Interrupted`; raises `WalkthroughFailed` when a hub of our own ends before."""
    if hub.started:
        raise WalkthroughFailed(f"The hub has ended while it was serving: {hub.started.why_it_ended()}")
    while True:
        signal.pause()
