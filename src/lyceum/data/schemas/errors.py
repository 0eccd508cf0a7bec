"""What the schema registry can refuse."""

from collections.abc import Iterable

from lyceum.data.schemas.engine.public import Break
from lyceum.kernel.problems import Conflict, Invalid, NotFound


class SubjectNotFound(NotFound):
    """No such subject, or none with a version that is not deleted."""

    code = "schema_subject_not_found"


class SchemaVersionNotFound(NotFound):
    """The subject has no such version."""

    code = "schema_version_not_found"


class SchemaNotFound(NotFound):
    """No such schema, or none under the subject."""

    code = "schema_not_found"


class SubjectDeleted(NotFound):
    """The subject is deleted already."""

    code = "schema_subject_deleted"


class SubjectNotDeleted(NotFound):
    """To be deleted for good, a subject has to be deleted first."""

    code = "schema_subject_not_deleted"


class SchemaVersionDeleted(NotFound):
    """The version is deleted already."""

    code = "schema_version_deleted"


class SchemaVersionNotDeleted(NotFound):
    """To be deleted for good, a version has to be deleted first."""

    code = "schema_version_not_deleted"


class SchemaVersionInvalid(Invalid):
    """Text that is no number of a version."""

    code = "schema_version_invalid"


class CompatibilityNotSet(NotFound):
    """The subject says nothing of which changes it allows."""

    code = "schema_compatibility_not_set"


class WriteModeNotSet(NotFound):
    """The subject says nothing of whether it takes schemas."""

    code = "schema_write_mode_not_set"


class CompatibilityInvalid(Invalid):
    """Text that names no mode of compatibility."""

    code = "schema_compatibility_invalid"


class WriteModeInvalid(Invalid):
    """Text that names no mode of writing that this registry has."""

    code = "schema_write_mode_invalid"


class SubjectReadOnly(Invalid):
    """The subject takes no schemas in this way."""

    code = "schema_subject_read_only"


class SchemaReferred(Invalid):
    """Other schemas build on it."""

    code = "schema_referred"


class SchemaIncompatible(Conflict):
    """The schema breaks what the subject's mode keeps; `breaks` lists each break, and what would fix it."""

    code = "schema_incompatible"

    def __init__(self, subject: str, mode: str, breaks: Iterable[Break], *, version: int) -> None:
        self.breaks = list(breaks)
        shown = [
            {"direction": one.direction, "kind": one.kind, "at": one.at, "says": one.says, "fix": one.fix}
            for one in self.breaks
        ]
        count = len(self.breaks)
        super().__init__(
            f"The schema breaks {mode} compatibility with version {version} of {subject} in "
            f"{f'{count} ways' if count != 1 else 'one way'}. {self.breaks[0].says} {self.breaks[0].fix}",
            breaks=shown,
            mode=mode,
            version=version,
        )
