"""Profiles, schemas and checks of tables, with no database: the door of this package."""

from lyceum.data.quality.engine.checks import (
    Check,
    InSet,
    InvalidCheck,
    NotNull,
    Range,
    RowCount,
    Unique,
    checks_from_plain,
    require_known_columns,
    with_distinct_ids,
)
from lyceum.data.quality.engine.notebook import check, spelt_out
from lyceum.data.quality.engine.profile import ColumnProfile, Histogram, TableProfile, ValueCount, profile_table
from lyceum.data.quality.engine.report import CheckReport, CheckResult, FailingRow
from lyceum.data.quality.engine.run import run_checks
from lyceum.data.quality.engine.schema import ColumnSchema, TableSchema, infer_schema
from lyceum.data.quality.engine.suggest import SuggestedCheck, suggest_checks

__all__ = [
    "Check",
    "CheckReport",
    "CheckResult",
    "ColumnProfile",
    "ColumnSchema",
    "FailingRow",
    "Histogram",
    "InSet",
    "InvalidCheck",
    "NotNull",
    "Range",
    "RowCount",
    "SuggestedCheck",
    "TableProfile",
    "TableSchema",
    "Unique",
    "ValueCount",
    "check",
    "checks_from_plain",
    "infer_schema",
    "profile_table",
    "require_known_columns",
    "run_checks",
    "spelt_out",
    "suggest_checks",
    "with_distinct_ids",
]
