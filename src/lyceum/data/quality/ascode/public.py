"""Checks as files, those of other tools, and reports as other programs read them: the door of this package."""

from lyceum.data.quality.ascode.check_files import (
    checks_as_yaml,
    checks_in,
    reasoned_checks_as_yaml,
    suggestions_as_yaml,
)
from lyceum.data.quality.ascode.dbt import OutsideResult, from_dbt
from lyceum.data.quality.ascode.foreign import from_other_tool
from lyceum.data.quality.ascode.great_expectations import from_great_expectations
from lyceum.data.quality.ascode.imported import Imported, LeftOut, usable
from lyceum.data.quality.ascode.notebook import check
from lyceum.data.quality.ascode.odcs import from_odcs, to_odcs
from lyceum.data.quality.ascode.outputs import as_github_annotations, as_junit, as_markdown
from lyceum.data.quality.ascode.soda import from_soda

__all__ = [
    "Imported",
    "LeftOut",
    "OutsideResult",
    "as_github_annotations",
    "as_junit",
    "as_markdown",
    "check",
    "checks_as_yaml",
    "checks_in",
    "from_dbt",
    "from_great_expectations",
    "from_odcs",
    "from_other_tool",
    "from_soda",
    "reasoned_checks_as_yaml",
    "suggestions_as_yaml",
    "to_odcs",
    "usable",
]
