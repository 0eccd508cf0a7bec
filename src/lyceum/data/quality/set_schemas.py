"""Whole sets of checks over HTTP: files, plans, and what comes from other tools."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lyceum.data.quality.schemas import Check

TEXT_CHARS_MAX = 8_000_000

ForeignText = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX)]


class ChangedCheck(BaseModel):
    """A check that a file has with another definition."""

    id: str
    before: dict[str, Any]
    after: dict[str, Any]


class SetPlan(BaseModel):
    """What a file changes of a dataset's checks, by what they are called; carried out where it `is_applied`."""

    added: list[dict[str, Any]]
    changed: list[ChangedCheck]
    dropped: list[dict[str, Any]]
    unchanged_count: int
    is_applied: bool


class NewImport(BaseModel):
    """A file of another tool, as its text."""

    model_config = ConfigDict(extra="forbid")

    text: ForeignText = Field(
        description="A suite of Great Expectations, or a data contract of Soda or the open standard (ODCS)."
    )
    file_name: str = Field(default="the file", min_length=1, max_length=200, description="For what is said of it.")
    table: str | None = Field(default=None, max_length=200, description="Which table of a contract that has several.")
    dry_run: bool = Field(default=False, description="Say what would come of it, and keep nothing.")


class NotTaken(BaseModel):
    """Something of the file that was not taken over, and why."""

    what: str
    why: str


class Imported(BaseModel):
    """What came of a file of another tool; kept where it `is_applied`."""

    tool: str
    added: list[dict[str, Any]]
    known: list[str] = Field(description="What checks are called that the dataset has already.")
    left_out: list[NotTaken]
    is_applied: bool


class NewOutsideRun(BaseModel):
    """What another tool found in a version."""

    model_config = ConfigDict(extra="forbid")

    tool: Literal["dbt"] = "dbt"
    text: ForeignText = Field(description="`run_results.json` of dbt.")


class Suggestion(BaseModel):
    """A check that the latest version's profile suggests, and why; what `finds_fault` does not hold there."""

    name: str
    definition: dict[str, Any]
    reason: str
    finds_fault: bool


class SuggestionList(BaseModel):
    """What is suggested, and the names of what is suggested no more; there are few enough for one page."""

    items: list[Suggestion]
    refused: list[str]


class AcceptedSuggestion(BaseModel):
    """A suggestion to keep, as it is or edited."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=500)
    definition: dict[str, Any] | None = Field(default=None, description="What to keep in its place.")


SuggestionNames = Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=200)]


class SuggestionsDecided(BaseModel):
    """What becomes of suggestions, by their names."""

    model_config = ConfigDict(extra="forbid")

    accept: Annotated[list[AcceptedSuggestion], Field(max_length=200)] = []
    refuse: SuggestionNames = Field(default=[], description="They are suggested no more.")
    suggest_again: SuggestionNames = Field(default=[], description="What was refused before.")


class SuggestionsKept(BaseModel):
    """The checks that suggestions became, and what is suggested from now on."""

    kept: list[Check]
    suggestions: SuggestionList
