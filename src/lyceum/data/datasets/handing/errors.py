"""Why a file of a table is not handed out."""

from lyceum.kernel.problems import Forbidden


class FileAddressInvalid(Forbidden):
    """An address of a table's file that was changed, or has run out."""

    title = "The address opens nothing"
    code = "file_address_invalid"


class ColumnsMasked(Forbidden):
    """The files hold columns that this reader sees masked."""

    title = "The files hold columns that are masked"
    code = "columns_masked"
