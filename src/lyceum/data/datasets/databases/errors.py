"""Why a table is not read from a database."""

from lyceum.kernel.problems import Invalid, NotFound, Unavailable


class DatabaseUrlInvalid(Invalid):
    """Text that is no address of a database the hub can read."""

    code = "database_url_invalid"


class QueryRefused(Invalid):
    """Something other than one query that reads."""

    code = "query_refused"


class ImportUnclear(Invalid):
    """Not exactly one place to read from, or not exactly one thing to read."""

    code = "import_unclear"


class SourceNotSet(NotFound):
    """The dataset has no database that it is read from."""

    code = "sql_source_not_set"


class DatabaseRefused(Invalid):
    """The database answered, and refused; asking again would not help."""

    title = "The database refused"
    code = "database_refused"


class DatabaseAway(Unavailable):
    """Nothing answers at the database's address, or the connection broke; it may answer later."""

    title = "The database does not answer"
    code = "database_away"


class RowsTooMany(Invalid):
    """More comes back than one import may bring."""

    title = "The database holds too much for one import"
    code = "sql_rows_too_many"


class ValueUnusable(Invalid):
    """A value that no column of a dataset can hold."""

    title = "A value cannot be kept"
    code = "sql_value_unusable"


class NothingRead(Invalid):
    """No row came back."""

    title = "The query gives no rows"
    code = "sql_no_rows"
