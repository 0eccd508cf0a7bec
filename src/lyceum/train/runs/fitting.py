"""A training in a process of its own: read the version, hold rows out, fit, export, score what will be served."""

import asyncio
import tempfile
from pathlib import Path

import msgspec

from lyceum.data.datasets.rows.public import scan_unmasked
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import Storage, StoredFile, open_storage
from lyceum.serve.runtime.public import OnnxModel
from lyceum.serve.watching.public import reference_key, training_reference
from lyceum.train.engine.public import (
    ColumnsLeftOut,
    FittedModel,
    MemberFinished,
    NotExportable,
    TableUnusable,
    TargetUnusable,
    TrainingCancelled,
    TrainingEvent,
    TrainingStarted,
    fit,
)
from lyceum.train.runs.holdout import Split, hold_out
from lyceum.train.runs.masking import masked_report
from lyceum.train.runs.report import member_facts, report_of
from lyceum.train.runs.work import FitOutcome, FitWork


class FitRefused(Exception):
    """The table or the target cannot be learned from; trying again would not help."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def fit_table(work: FitWork, side: ChildSide) -> FitOutcome:
    """Train, export and report. Raises `FitRefused` for a table that cannot be learned from."""
    storage = open_storage(settings())
    side.event({"kind": "progress", "fraction": 0.0, "note": "reading the table"})
    table = scan_unmasked(storage, work.table_key, work.delta_version).collect()
    try:
        split = hold_out(table, target=work.target, seed=work.seed)
        model = fit(
            split.training,
            target=work.target,
            task=split.target.task,
            time_limit_seconds=work.time_limit_seconds,
            seed=work.seed,
            leave_out=work.leave_out,
            on_event=lambda event: _tell(event, side),
            should_stop=lambda: side.should_stop,
        )
    except TrainingCancelled:
        side.stop_if_asked()
        raise
    except (TargetUnusable, TableUnusable) as error:
        raise FitRefused(getattr(error, "code", "table_unusable"), f"{error}.") from error
    side.event({"kind": "progress", "fraction": 0.97, "note": "exporting and comparing"})
    return _exported(model, split, storage, work)


def _exported(model: FittedModel, split: Split, storage: Storage, work: FitWork) -> FitOutcome:
    with tempfile.TemporaryDirectory(prefix="lyceum-fit-") as folder:
        path = Path(folder) / "model.onnx"
        try:
            exported = model.export_onnx(path)
        except NotExportable as error:
            raise FitRefused("not_exportable", str(error)) from error
        served = OnnxModel.load(path)
        report = masked_report(report_of(model, exported, served, split), work.marks)
        described = Path(folder) / "model.reference"
        described.write_bytes(training_reference(served, split.training, split.held_out).to_bytes())
        stored, key = asyncio.run(_store(storage, work.artifact_folder, path, described))
    artifact = {
        "path": key,
        "reference_path": reference_key(key),
        "sha256": stored.sha256,
        "byte_count": stored.byte_count,
        "signature": served.signature.to_json(),
    }
    return FitOutcome(report=report, artifact=msgspec.to_builtins(artifact))


async def _store(storage: Storage, folder: str, path: Path, described: Path) -> tuple[StoredFile, str]:
    # Named by content: a run tried again never changes a file that something may point at.
    digest = await storage.digest(path)
    key = f"{folder}/{digest}.onnx"
    await storage.put_file(reference_key(key), described)
    return await storage.put_file(key, path), key


def _tell(event: TrainingEvent, side: ChildSide) -> None:
    match event:
        case TrainingStarted():
            facts = {
                "task": event.task,
                "metric": event.metric.name,
                "greater_is_better": event.metric.greater_is_better,
            }
            side.event({"kind": "facts", "facts": facts})
        case ColumnsLeftOut():
            side.event({"kind": "facts", "facts": {"columns_left_out": dict(event.columns)}})
        case MemberFinished():
            side.event({"kind": "member", "member": member_facts(event.row)})
            used = min(1.0, event.seconds_used / event.time_limit_seconds)
            side.event({"kind": "progress", "fraction": used * 0.95, "note": f"tried {event.row.member}"})
        case _:
            return
