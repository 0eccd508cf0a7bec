"""Models and their versions as rows, written as the owner of the tables; no file belongs to them."""

from uuid import UUID

from psycopg.types.json import Jsonb

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from make.accounts import Member
from make.train import PARITY, SHA256


def make_registered(
    database: TestDatabase, owner: Member, *, versions: int = 1, visibility: str = "private", alias: str = "champion"
) -> tuple[UUID, str]:
    """Make a model with so many versions, the newest of which the alias names; return its id and address."""
    model_id = new_id()
    name = f"model-{model_id.hex[-12:]}"
    statement = "INSERT INTO models (id, org_id, name, visibility, created_by) VALUES (%s, %s, %s, %s, %s)"
    rows_of(database, statement, model_id, owner.org_id, name, visibility, owner.user_id)
    for number in range(1, versions + 1):
        version_id = new_id()
        statement = """
            INSERT INTO model_versions (id, org_id, model_id, number, operation_id, format, artifact_path,
                                        artifact_sha256, artifact_bytes, signature, parity, origin)
            VALUES (%s, %s, %s, %s, %s, 'onnx', 'models/none.onnx', %s, 10, '{}', %s, '{}')
        """
        rows_of(database, statement, version_id, owner.org_id, model_id, number, new_id(), SHA256, Jsonb(PARITY))
        statement = """
            INSERT INTO model_aliases (org_id, model_id, alias, version_id) VALUES (%s, %s, %s, %s)
            ON CONFLICT (model_id, alias) DO UPDATE SET version_id = excluded.version_id
        """
        rows_of(database, statement, owner.org_id, model_id, alias, version_id)
    return model_id, f"{owner.org_name}/{name}"
