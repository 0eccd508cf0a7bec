"""Checks of whichever tool a file was written for."""

from collections.abc import Mapping

from lyceum.data.quality.ascode.great_expectations import from_great_expectations
from lyceum.data.quality.ascode.imported import Imported
from lyceum.data.quality.ascode.odcs import from_odcs
from lyceum.data.quality.ascode.soda import from_soda
from lyceum.data.quality.ascode.yaml_text import plain_yaml
from lyceum.data.quality.engine.public import InvalidCheck


def from_other_tool(text: str, *, file_name: str, table: str | None = None) -> tuple[str, Imported]:
    """Return whose checks these are, and what comes of them; `table` names one of a contract's.

    Raises `InvalidCheck` for what is neither a suite of Great Expectations, nor a contract of Soda or of the open standard.
    """
    if text.lstrip()[:1] == "{" and '"expectations"' in text:
        return "Great Expectations", from_great_expectations(text)
    told = plain_yaml(text, file_name=file_name)
    if isinstance(told, Mapping) and told.get("kind") == "DataContract":
        return "the Open Data Contract Standard", from_odcs(text, file_name=file_name, table=table)
    if isinstance(told, Mapping) and "dataset" in told:
        return "Soda", from_soda(text, file_name=file_name)
    raise InvalidCheck(
        f"{file_name} is neither a suite of Great Expectations nor a data contract of Soda or the open standard (ODCS)."
    )
