"""Taking a table back to an earlier version, in a process of its own: one commit, and no row is copied."""

from lyceum.data.datasets.history.work import TakenBack, TakingBack
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import TableChanged, newest_version, take_back
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

COMMIT_ATTEMPTS_MAX = 20


def restore(work: TakingBack, _side: ChildSide) -> TakenBack:
    """Commit the version; running it again commits nothing twice."""
    store = table_store(open_storage(settings()))
    for _ in range(COMMIT_ATTEMPTS_MAX):
        newest = newest_version(store, work.table_key) or 0
        try:
            version = take_back(store, work.table_key, work.operation_id, to=work.to_delta_version, base=newest)
        except TableChanged:
            continue
        return TakenBack(delta_version=version)
    raise RuntimeError(f"{COMMIT_ATTEMPTS_MAX} other versions were committed first, one after the other")
