"""What others may care about in datasets."""

from uuid import UUID

from lyceum.kernel.events import Event


class ColumnsMarked(Event, frozen=True, kw_only=True):
    """Columns of a dataset that has versions are marked as personal from now on: what was said of them before may tell values."""

    name = "datasets.columns_marked"
    dataset_id: UUID
    columns: tuple[str, ...]
