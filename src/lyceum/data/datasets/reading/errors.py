"""Why a file cannot be read as a table."""

from lyceum.kernel.problems import Invalid


class UnreadableTable(Invalid):
    """The file cannot be read as a table; `code` says which of the known reasons, the text says where and what to do."""

    title = "The file cannot be read as a table"

    def __init__(self, code: str, detail: str, *, line: int | None = None) -> None:
        super().__init__(detail, **({} if line is None else {"line": line}))
        self.code = code
        self.line = line
