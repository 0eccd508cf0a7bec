"""What organisations kept before it was counted is counted by the migration, as the job would count it."""

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.kernel import migrate
from lyceum.kernel.history import migrations_folder
from make.accounts import Member, make_member

UPLOAD = """
    INSERT INTO uploads (id, org_id, created_by, file_name, state, bytes_declared, bytes_received, content_key, expires_at)
    VALUES (gen_random_uuid(), %s, %s, 'x', %s, %s, %s, CASE WHEN %s = 'open' THEN NULL ELSE 'x' END, now()) RETURNING id
"""
VERSION = """
    INSERT INTO dataset_versions
        (id, org_id, dataset_id, upload_id, number, delta_version, state, operation_id, file_name, byte_count)
    VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, gen_random_uuid(), 'x', %s) RETURNING id
"""
RUN = """
    INSERT INTO training_runs (id, org_id, dataset_version_id, target, time_limit_seconds, artifact)
    VALUES (gen_random_uuid(), %s, %s, 't', 1, %s)
"""


def _upload(database: TestDatabase, member: Member, state: str, *, declared: int, received: int | None) -> object:
    values = (member.org_id, member.user_id, state, declared, received, state)
    return rows_of(database, UPLOAD, *values)[0]["id"]


def test_what_was_kept_before_is_counted(empty_database: TestDatabase) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    engine = create_engine(empty_database.owner_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
    engine.dispose()
    member = make_member(empty_database)
    made = "INSERT INTO datasets (id, org_id, name) VALUES (gen_random_uuid(), %s, 'd') RETURNING id"
    dataset = rows_of(empty_database, made, member.org_id)[0]["id"]
    _upload(empty_database, member, "open", declared=1, received=None)
    _upload(empty_database, member, "complete", declared=10, received=10)
    _upload(empty_database, member, "swept", declared=100, received=100)
    used, waiting = [_upload(empty_database, member, "taken", declared=n, received=n) for n in (1000, 10_000)]
    of_dataset = (member.org_id, dataset)
    accepted = rows_of(empty_database, VERSION, *of_dataset, used, 1, 1, "accepted", 1000)[0]["id"]
    rows_of(empty_database, VERSION, *of_dataset, waiting, None, None, "pending", None)
    for artifact in (None, '{"path": "models/x", "byte_count": 500, "sha256": "00"}'):
        rows_of(empty_database, RUN, member.org_id, accepted, artifact)
    migrate.upgrade(empty_database.owner_url, app_role=empty_database.app_role)
    usage = rows_of(empty_database, "SELECT kind, byte_count, object_count FROM storage_usage ORDER BY kind")
    assert [tuple(row.values()) for row in usage] == [("models", 500, 1), ("tables", 1000, 1), ("uploads", 10_011, 3)]
    assert rows_of(empty_database, "SELECT * FROM definer.storage_recount(%s)", member.org_id) == []
