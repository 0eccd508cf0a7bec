"""The process in which a query of a person runs; imports nothing of the product, reads JSON, writes JSON."""

import ctypes
import json
import resource
import signal
import sys
from typing import Any

SPARE_MB = 1_536
"""Address space beside what DuckDB counts: the interpreter, the library, stacks of threads."""
PR_SET_PDEATHSIG = 1
FILE_BYTES_MAX = 4 * 2**30


def main() -> None:
    """Answer the one question that stands on standard input."""
    if sys.platform == "linux":
        # whoever asked may be killed; nobody else would end the query then
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    asked = json.load(sys.stdin)
    bytes_max = (asked["memory_mb"] + SPARE_MB) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (bytes_max, bytes_max))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
    seconds = int(asked["seconds"] * asked["threads"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    json.dump(answer(asked), sys.stdout)


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the count and the first rows, or why the query is refused."""
    import duckdb

    try:
        connection = opened(asked)
        statements = connection.extract_statements(asked["query"])
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return {"refused": "it is not a single SELECT"}
        inner = statements[0].query.strip().rstrip(";")
        # the line break ends a comment that the query may end with
        wrapped = f"SELECT * FROM (\n{inner}\n) AS found"  # noqa: S608 - running it, locked in, is what this is for
        if len(connection.extract_statements(wrapped)) != 1:
            return {"refused": "it is not a single SELECT"}
        counted = connection.execute(f"SELECT count(*) FROM (\n{inner}\n) AS found").fetchall()[0][0]  # noqa: S608
        cursor = connection.execute(f"{wrapped} LIMIT {int(asked['sample_rows'])}")
        names = [column[0] for column in cursor.description][: asked["columns"]]
        rows = cursor.fetchall()
    except duckdb.Error as wrong:
        return {"refused": str(wrong).splitlines()[0]}
    except MemoryError:
        return {"refused": f"it needs more than {asked['memory_mb']} MB of memory"}
    cut = asked["cell_chars"]
    return {"count": counted, "sample": [{n: cell(v, cut) for n, v in zip(names, row)} for row in rows]}  # noqa: B905


def opened(asked: dict[str, Any]) -> Any:
    """Return a connection that holds `data` and can reach nothing else."""
    import duckdb

    path = asked["folder"].replace("'", "''")
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{asked['memory_mb']}MB",
            "threads": asked["threads"],
            "temp_directory": f"{asked['folder']}/spilt",
            "max_temp_directory_size": "4GB",
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW data AS SELECT * FROM read_parquet('{path}/data.parquet')")  # noqa: S608 - our path
    connection.execute(f"SET allowed_paths = ['{path}/data.parquet']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def cell(value: object, chars_max: int) -> object:
    """Return a value as JSON has it, long ones cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


if __name__ == "__main__":
    main()
