"""Erasing a person from a table, in a process of its own, and what is said of the versions that had them."""

from lyceum.data.datasets.intake import profile_of
from lyceum.data.datasets.personal.rewriting import erase_rows, is_written_by
from lyceum.data.datasets.personal.work import Erased, Erasing, VersionWithout
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import files_of, scan_version
from lyceum.data.datasets.workplaces import workplace
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

PROFILED_MAX = 20
"""Versions whose profiles are made anew; those of earlier ones lose what they show of values."""


def erase(work: Erasing, side: ChildSide) -> Erased:
    """Erase them; running it again erases what a killed attempt has left."""
    store = table_store(open_storage(settings()))
    with workplace(settings().home) as folder:
        erase_rows(
            store,
            work.table_key,
            work.erasure_id,
            column=work.column,
            value=work.value,
            folder=folder,
            stop_if_asked=side.stop_if_asked,
        )
    had = []
    for version_id, delta_version in work.versions.items():
        files = files_of(store, work.table_key, delta_version)
        if any(is_written_by(file.name, work.erasure_id) for file in files):
            had.append((version_id, delta_version, sum(file.rows for file in files)))
    anew = {version_id for version_id, _, _ in had[-PROFILED_MAX:]}
    return Erased(
        versions=[
            VersionWithout(
                version_id=version_id,
                row_count=rows,
                profile=profile_of(scan_version(store, work.table_key, delta_version)) if version_id in anew else None,
            )
            for version_id, delta_version, rows in had
        ]
    )
