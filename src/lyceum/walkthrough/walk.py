"""The whole walkthrough: a hub, four steps, the results, and what is taken back when it does not end well."""

import json
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lyceum.kernel.config import Settings
from lyceum.walkthrough.hub import HubAtHand, hub_at_hand
from lyceum.walkthrough.interrupts import Interrupted, Interrupts
from lyceum.walkthrough.outputs import make_key, prepare_folder, write_results
from lyceum.walkthrough.steps import Walk, check, serve, train, upload
from lyceum.walkthrough.summary import Findings, Results, json_object, short_report
from lyceum.walkthrough.table import TableToTry
from lyceum.walkthrough.voice import Voice
from lyceum_client import Client


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the walkthrough is to be done. `keep_serving` waits for Ctrl-C after the report, `cleanup` removes all then."""

    time_limit_seconds: float
    output: Path | None
    as_json: bool
    keep_serving: bool
    cleanup: bool


def walk_through(table: TableToTry, wishes: Wishes, *, settings: Settings, voice: Voice, out: IO[str]) -> None:
    """Do the walkthrough; the report goes to `out`.

    Raises `InputRefused`, `WalkthroughFailed`, `LyceumError`, `HubRefused`, `HubFailed`, and `Interrupted` when it was
    stopped before the report; in each case nothing it made is left.
    """
    with Interrupts().listened_to() as interrupts, ExitStack() as ending:
        ending.callback(voice.close)
        hub = ending.enter_context(hub_at_hand(settings, voice))
        client = ending.enter_context(Client(hub.url, hub.api_key))
        predictions = ending.enter_context(Client(hub.predict_url, hub.api_key))
        undo = ending.enter_context(ExitStack())
        walk = Walk(hub=client, predictions=predictions, table=table, voice=voice, interrupts=interrupts, undo=undo)
        found = _steps(walk, wishes)
        results = _results(walk, wishes, found, hub)
        voice.close()
        _tell(found, results, wishes, hub, out)
        if not wishes.cleanup:
            undo.pop_all()
        if wishes.keep_serving and (hub.is_ours or wishes.cleanup):
            _wait_for_the_end()


def _steps(walk: Walk, wishes: Wishes) -> Findings:
    uploaded = upload(walk)
    checked = check(walk, uploaded)
    trained = train(walk, uploaded, time_limit_seconds=wishes.time_limit_seconds)
    served = serve(walk, trained, name=uploaded.dataset.name)
    return Findings(table=walk.table, uploaded=uploaded, checked=checked, trained=trained, served=served)


def _results(walk: Walk, wishes: Wishes, found: Findings, hub: HubAtHand) -> Results:
    folder = wishes.output or Path(f"lyceum-try-{found.uploaded.dataset.name}")
    with walk.interrupts.held():
        walk.undo.callback(prepare_folder(folder))
        key = make_key(walk.hub, name=found.uploaded.dataset.name)
        if key is not None:
            walk.take_back_with(lambda: walk.hub.keys.revoke(key.id), "The key of the notebook")
    return write_results(found, folder.resolve(), hub_url=hub.url, secret=key.secret if key else None)


def _tell(found: Findings, results: Results, wishes: Wishes, hub: HubAtHand, out: IO[str]) -> None:
    if wishes.as_json:
        out.write(f"{json.dumps(json_object(found, results), indent=2, ensure_ascii=False)}\n")
        out.flush()
        return
    lines = ["", *short_report(found, results), ""]
    if hub.is_ours and wishes.keep_serving:
        lines.append("Serving until Ctrl-C." + (" Then all of this is removed." if wishes.cleanup else ""))
    elif wishes.cleanup and wishes.keep_serving:
        lines.append("Ctrl-C removes all of this from the hub.")
    out.write("\n".join(lines) + "\n")
    out.flush()


def _wait_for_the_end() -> None:
    try:
        while True:
            signal.pause()
    except Interrupted:
        sys.stderr.write("\n")
