"""Taking a table back to an earlier version, in a process of its own: one commit, and no row is copied."""

from lyceum.data.datasets.history.work import TakenBack, TakingBack
from lyceum.data.datasets.judging import are_good, judged
from lyceum.data.datasets.newest import on_newest
from lyceum.data.datasets.rows.public import StagedRows, table_store
from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import scan_version, take_back
from lyceum.data.datasets.work import Judgement
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage


def restore(work: TakingBack, _side: ChildSide) -> TakenBack:
    """Commit the version; running it again commits nothing twice."""
    store = table_store(open_storage(settings()))
    judgements = _judged(store, work) if work.questions else ()
    if not are_good(judgements):
        return TakenBack(delta_version=None, judgements=judgements)

    def taken_back(newest: int | None) -> int:
        return take_back(store, work.table_key, work.operation_id, to=work.to_delta_version, base=newest or 0)

    return TakenBack(delta_version=on_newest(store, work.table_key, taken_back), judgements=judgements)


def _judged(store: TableStore, work: TakingBack) -> tuple[Judgement, ...]:
    rows = scan_version(store, work.table_key, work.to_delta_version)
    return judged(work.questions, StagedRows(rows, work.table_schema, work.line_of_first_row))
