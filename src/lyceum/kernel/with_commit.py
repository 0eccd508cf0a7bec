"""Statements that go out in the message that commits: what is written last in a transaction takes no trip of its own."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.pq import Escaping
from psycopg.pq.abc import Escaping as Escapes
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from lyceum.kernel.db import ScopedSession, say_past_sqlalchemy

Value = str | int | bytes | UUID | None

_WAITING = "with_commit"


def send_with_commit(tx: AsyncSession, statement: str, values: Sequence[Value]) -> None:
    """Have a statement of this program sent right before `tx` commits; `{}` stands for each of the values.

    It belongs to the transaction: where it fails, nothing is committed and the block's end raises what it raised.
    """
    tx.info.setdefault(_WAITING, []).append((statement, tuple(values)))


@event.listens_for(ScopedSession, "before_commit")
def _send(session: Session) -> None:
    if session.in_nested_transaction() or _WAITING not in session.info:
        return
    waiting: list[tuple[str, tuple[Value, ...]]] = session.info.pop(_WAITING)
    session.flush()
    session.connection()
    _, connection, raw = session.info["begun"]
    escaping = Escaping(raw.pgconn)
    said = [statement.format(*(_literal(escaping, value) for value in values)) for statement, values in waiting]
    # a message of several statements takes no parameters; after its COMMIT there is nothing left for SQLAlchemy's to do
    say_past_sqlalchemy(connection, raw, "; ".join([*said, "COMMIT"]), told_as="COMMIT")


def _literal(escaping: Escapes, value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, UUID):
        return f"'{UUID(int=value.int)}'"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    # PostgreSQL keeps no NUL in a text
    return bytes(escaping.escape_literal(value.replace("\0", "\ufffd").encode("utf-8", errors="replace"))).decode()
