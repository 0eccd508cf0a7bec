"""Tables of a real MariaDB: no package of the lock brings a server of MySQL's protocol, Debian's `mariadb-server-core` does."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pymysql
import pytest
from msgspec import structs

from fixtures.app import free_port
from fixtures.machine import refuse_or_skip
from lyceum.data.datasets.databases.batches import write_rows
from lyceum.data.datasets.databases.errors import DatabaseAway, DatabaseRefused, RowsTooMany
from lyceum.data.datasets.databases.mysql import reading_mysql
from lyceum.data.datasets.databases.work import Reading
from lyceum.data.datasets.work import Intake

SERVER = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or shutil.which("mysqld")
START_SECONDS_MAX = 60
MAKE = """
CREATE DATABASE shop
CREATE TABLE shop.`order lines` (id bigint, small tinyint(1), price decimal(10, 2), ratio double, day date, at datetime(6),
    zoned timestamp NULL, name varchar(20) CHARACTER SET utf8mb4, doc json, raw blob, took time, note text) ENGINE=InnoDB
INSERT INTO shop.`order lines` VALUES (9007199254740993, 1, 1.25, 0.5, '2024-02-29', '2024-02-29 12:00:00.5',
    '2024-02-29 12:00:00', 'ä', '{"a": 1}', x'dead', '01:02:03', 'n'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL)
SET SESSION sql_mode = ''
INSERT INTO shop.`order lines` (id, day) VALUES (3, '0000-00-00')
"""


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    """A read of a server of this module's own, in which anybody may do anything."""
    if SERVER is None:
        refuse_or_skip("neither mariadbd nor mysqld is installed on this machine")
    folder, port = tmp_path_factory.mktemp("mysql"), free_port()
    command = [
        *(SERVER, "--no-defaults", "--user=root", f"--datadir={folder}", f"--socket={folder / 's'}"),
        *("--skip-grant-tables", "--skip-networking=0", "--bind-address=127.0.0.1", f"--port={port}"),
        f"--pid-file={folder / 'pid'}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(port, process, folder / "log")
        make(port)
        yield Reading(
            kind="mysql",
            host="localhost",
            port=port,
            addresses=("127.0.0.1",),
            user="any",
            password="any",
            database="shop",
            table=None,
            query=None,
            statement_seconds=1,
            rows_max=1_000_000,
            bytes_max=10**9,
            intake=Intake(
                upload_key="",
                file_name="t",
                format=None,
                table_key="tables/a/b",
                operation_id="1",
                leftovers_older_than_seconds=60.0,
            ),
        )
    finally:
        process.kill()
        process.wait()


def make(port: int) -> None:
    """Carry out the statements of `MAKE`: each begins on a line that is not indented."""
    with pymysql.connect(host="127.0.0.1", port=port, user="any", password="any", autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("SET SESSION time_zone = '+00:00'")
        for statement in MAKE.strip().replace("\n    ", " ").split("\n"):
            cursor.execute(statement)


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"The server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def read(work: Reading, path: Path) -> int:
    with reading_mysql(work) as (columns, fetch):
        return write_rows(
            path, columns, fetch, rows_max=work.rows_max, bytes_max=work.bytes_max, tell=lambda rows: None
        )


def test_a_table_of_mariadb_is_read_with_its_types(reading: Reading, tmp_path: Path) -> None:
    assert read(structs.replace(reading, table="shop.order lines"), tmp_path / "t") == 3
    first, second, third = pq.read_table(tmp_path / "t").to_pylist()
    assert (first["id"], first["small"], first["price"], first["name"]) == (9007199254740993, 1, 1.25, "ä")
    assert (first["day"].isoformat(), first["at"].isoformat()) == ("2024-02-29", "2024-02-29T12:00:00.500000")
    assert first["zoned"].isoformat() == "2024-02-29T12:00:00+00:00"
    assert (first["doc"], first["raw"], first["took"]) == ('{"a": 1}', "\\xdead", "1:02:03")
    assert set(second.values()) == {2, None}
    assert third["day"] is None


def test_a_million_rows_are_read_as_they_come(reading: Reading, tmp_path: Path) -> None:
    query = "SELECT seq AS n, repeat('x', 100) AS t FROM seq_1_to_200000"
    work = structs.replace(reading, query=query, statement_seconds=60)
    assert read(work, tmp_path / "t") == 200_000


def test_more_rows_than_one_import_brings_are_not_read_to_their_end(reading: Reading, tmp_path: Path) -> None:
    query = "SELECT seq AS n, repeat('x', 1000) AS t FROM seq_1_to_100000000"
    with pytest.raises(RowsTooMany, match="more than 1,000 rows"):
        read(structs.replace(reading, query=query, rows_max=1000, statement_seconds=60), tmp_path / "t")


@pytest.mark.parametrize(
    "query, said",
    [
        ("SELECT 1; DROP TABLE `order lines`", "error in your SQL syntax"),
        ("WITH x AS (SELECT 1) DELETE FROM `order lines`", "error in your SQL syntax"),
        ("SELECT sleep(30)", "has not given the rows within 1 s"),
        ("SELECT * FROM nothing", "doesn't exist"),
    ],
)
def test_what_a_query_may_not_do_is_told(reading: Reading, tmp_path: Path, query: str, said: str) -> None:
    with pytest.raises(DatabaseRefused, match=said):
        read(structs.replace(reading, query=query), tmp_path / "t")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM `order lines` INTO OUTFILE '{}'",
        "SELECT 1 into/**/dumpfile '{}'",
        "SELECT 1 INTO /*!50000 OutFile */ '{}'",
        "SELECT 1 INTO -- x\nOUTFILE '{}'",
    ],
)
def test_no_query_writes_a_file_on_the_server(reading: Reading, tmp_path: Path, query: str) -> None:
    written = tmp_path / "written"
    with pytest.raises(DatabaseRefused, match="writes a file on the server"):
        read(structs.replace(reading, query=query.format(written)), tmp_path / "t")
    assert not written.exists()


def test_nothing_can_be_written(reading: Reading) -> None:
    with (
        pytest.raises(DatabaseRefused, match="READ ONLY transaction"),
        reading_mysql(structs.replace(reading, query="DELETE FROM `order lines`")),
    ):
        pass


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(reading: Reading, tmp_path: Path) -> None:
    with pytest.raises((DatabaseRefused, DatabaseAway), match="SSL is required"):
        read(structs.replace(reading, query="SELECT 1 AS n", tls="verify-full"), tmp_path / "t")


def test_a_server_that_is_not_there_is_told(reading: Reading, tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway, match="does not answer"):
        read(structs.replace(reading, query="SELECT 1 AS n", port=1), tmp_path / "t")
