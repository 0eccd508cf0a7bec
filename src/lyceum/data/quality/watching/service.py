"""Writes of watching: how a dataset is watched, and what people say of an anomaly."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import dataset_ref_for, marks_of_dataset, writing_to
from lyceum.data.quality.events import AnomalyAnswered, WatchEnded
from lyceum.data.quality.watching.errors import AnomalyNotFound, AnomalyTooOld, DetectorMissing
from lyceum.data.quality.watching.jobs import METRICS, begin_watch, judged_source, usual_again, watch_soon
from lyceum.data.quality.watching.models import AnomalyRow, DatasetWatchRow
from lyceum.data.quality.watching.queries import as_anomaly, as_watch
from lyceum.data.quality.watching.schemas import Anomaly, AnomalyAnswer, Watch, WatchChange
from lyceum.kernel.events import publish


async def change_watch(tx: AsyncSession, who: Actor, org: str, name: str, wanted: WatchChange) -> Watch:
    """Say how a dataset is watched; versions that were not watched yet soon are.

    Raises `DatasetNotFound`, and `DetectorMissing` for one that needs what is not installed.
    """
    _require_installed(wanted.detectors)
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_ref_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        await begin_watch(tx, dataset.id, dataset.org_id)
        row = await tx.get_one(DatasetWatchRow, dataset.id, with_for_update=True, populate_existing=True)
        before = {"enabled": row.enabled, "alarm_share": row.alarm_share, "detectors": row.detectors}
        note_audit(before=before, after=wanted)
        row.enabled, row.alarm_share, row.detectors = wanted.enabled, wanted.alarm_share, list(wanted.detectors)
        row.revision += 1
        await tx.flush()
        if row.enabled:
            await watch_soon(tx, dataset.id)
        elif before["enabled"]:
            # nothing would ever tell that it is as usual again
            await publish(tx, WatchEnded(dataset_id=dataset.id, kind=METRICS, subject=METRICS))
        return await as_watch(row)


async def answer_anomaly(
    tx: AsyncSession, who: Actor, org: str, name: str, anomaly_id: UUID, wanted: AnomalyAnswer
) -> Anomaly:
    """Have the detectors learn what a person says of an anomaly; one that was expected ends its incident.

    Raises `DatasetNotFound`, `AnomalyNotFound`, and `AnomalyTooOld` for one that the detectors have forgotten.
    """
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_ref_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        watch = await tx.get(DatasetWatchRow, dataset.id, with_for_update=True, populate_existing=True)
        row = await tx.get(AnomalyRow, anomaly_id, populate_existing=True)
        if watch is None or watch.state is None or row is None or row.dataset_id != dataset.id:
            raise AnomalyNotFound(f"{dataset.address} has no anomaly {anomaly_id}.")
        note_audit(before={"answer": row.answer}, after=wanted)
        if row.answer == wanted.answer:
            return as_anomaly(row, await marks_of_dataset(tx, row.dataset_id))
        learned = await asyncio.to_thread(_learned, watch.state, row.at_seconds, wanted.answer)
        if learned is None:
            raise AnomalyTooOld(
                f"The detectors of {dataset.address} no longer remember version {row.version_number}; answer a newer one."
            )
        watch.state = learned
        watch.revision += 1
        row.answer, row.answered_at = wanted.answer, datetime.now(UTC)
        await tx.flush()
        await publish(
            tx,
            AnomalyAnswered(
                dataset_id=dataset.id,
                anomaly_id=row.id,
                version_number=row.version_number,
                judged_source=judged_source(dataset.id, row.version_number),
                source=f"answer:{row.id}:{watch.revision}",
                answer=wanted.answer,
                user_id=who.user_id,
            ),
        )
        if wanted.answer != "not_expected" and row.version_number == watch.watched_number:
            why = f"answer:{row.id}:{watch.revision}"
            await publish(tx, usual_again(dataset.id, None, why, row.version_number))
        return as_anomaly(row, await marks_of_dataset(tx, row.dataset_id))


def _require_installed(detectors: Iterable[str]) -> None:
    from lyceum.data.quality.anomalies.public import NETWORK, is_available

    if NETWORK in detectors and not is_available():
        raise DetectorMissing(
            f'The detector "{NETWORK}" needs PyTorch, which this hub does not have: leave it out, or have lyceum-hub[torch] '
            "installed."
        )


def _learned(kept: bytes, at_seconds: float, answer: str) -> bytes | None:
    from lyceum.data.quality.anomalies.public import Answer, StateUnreadable, answered, decoded, encoded

    try:
        return encoded(answered(decoded(kept), at_seconds, Answer(answer)))
    except (KeyError, StateUnreadable):
        return None
