"""Reading files as tables: the door of this package."""

from lyceum.data.datasets.reading.columns import POLARS_TYPES, Column, ColumnType, column_type_of, free_name
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits
from lyceum.data.datasets.reading.source import FileFormat
from lyceum.data.datasets.reading.staging import StagedTable, stage_table
from lyceum.data.datasets.scanning import scan_local_files
from lyceum.data.datasets.space import DiskFull

__all__ = [
    "POLARS_TYPES",
    "Column",
    "ColumnType",
    "DiskFull",
    "FileFormat",
    "ReadingLimits",
    "StagedTable",
    "UnreadableTable",
    "column_type_of",
    "free_name",
    "scan_local_files",
    "stage_table",
]
