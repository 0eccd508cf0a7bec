"""Why a text is no schema."""

from lyceum.kernel.problems import Invalid


class InvalidSchema(Invalid):
    """The text is no schema of its type, or refers to something that is not there."""

    code = "schema_invalid"
    title = "This is no schema"
