"""What those above hold of pushes; `public` is for what the pushes themselves stand on."""

from lyceum.data.datasets.pushes.bodies import RECORDS_BODY, form_of
from lyceum.data.datasets.pushes.errors import MediaTypeUnknown, RecordsUnreadable
from lyceum.data.datasets.pushes.keeping import keep_records, make_version_of_kept
from lyceum.data.datasets.pushes.queries import RecordColumns, record_columns_for
from lyceum.data.datasets.pushes.records import Columns, Form, read_records
from lyceum.data.datasets.pushes.service import require_few
from lyceum.data.datasets.pushes.together import PushesTogether

__all__ = [
    "RECORDS_BODY",
    "Columns",
    "Form",
    "MediaTypeUnknown",
    "PushesTogether",
    "RecordColumns",
    "RecordsUnreadable",
    "form_of",
    "keep_records",
    "make_version_of_kept",
    "read_records",
    "record_columns_for",
    "require_few",
]
