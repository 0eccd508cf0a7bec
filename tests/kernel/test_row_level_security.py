"""Who sees which rows: proved as the app's role, directly and through a transaction pooler."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import ProgrammingError

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.accounts.models import ApiKeyRow, MembershipRow, OrganisationRow, UserRow
from lyceum.accounts.queries import find_actor
from lyceum.files.models import UploadRow
from lyceum.kernel import migrate
from lyceum.kernel.db import NOBODY, Database, Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.models import JobRow
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

NAMESPACE = "c.relnamespace = 'public'::regnamespace"


@pytest.fixture
def reached(open_either_way: Callable[[int], Database]) -> Database:
    """The database as the app's role, by both ways."""
    return open_either_way(4)


async def _names(reached: Database, scope: Scope, member: Member) -> dict[str, int]:
    """Return how many rows of a member's organisation the scope sees, by table."""
    counted = {}
    async with transaction(reached, scope) as tx:
        for table in ("memberships", "api_keys", "jobs", "uploads", "datasets", "dataset_versions", "models"):
            count = text(f"SELECT count(*) FROM {table} WHERE org_id = :org")
            counted[table] = int(await tx.scalar(count, {"org": member.org_id}) or 0)
    return counted


@pytest.fixture
def peopled(database: TestDatabase, member: Member) -> Iterator[Member]:
    """A member whose organisation has a row in every table."""
    dataset, model = new_id(), new_id()
    for statement, values in (
        ("INSERT INTO jobs (id, org_id, kind, args) VALUES (%s, %s, 'x', '{}')", (new_id(), member.org_id)),
        (
            "INSERT INTO uploads (id, org_id, created_by, file_name, expires_at) VALUES (%s, %s, %s, 'x', now())",
            (new_id(), member.org_id, member.user_id),
        ),
        ("INSERT INTO datasets (id, org_id, name) VALUES (%s, %s, 'd')", (dataset, member.org_id)),
        (
            """
            INSERT INTO dataset_versions
                (id, org_id, dataset_id, number, state, operation_id, delta_version, file_name)
            VALUES (%s, %s, %s, 1, 'accepted', %s, 0, 'x')
            """,
            (new_id(), member.org_id, dataset, new_id()),
        ),
        ("INSERT INTO models (id, org_id, name) VALUES (%s, %s, 'm')", (model, member.org_id)),
    ):
        rows_of(database, statement, *values)
    yield member
    # what is shown, other tests would see
    for table in ("datasets", "models"):
        rows_of(database, f"UPDATE {table} SET visibility = 'private' WHERE org_id = %s", member.org_id)


async def test_a_member_sees_the_rows_of_their_organisation(reached: Database, peopled: Member) -> None:
    assert set((await _names(reached, peopled.scope, peopled)).values()) == {1}


async def test_a_stranger_sees_none_of_them(reached: Database, peopled: Member, stranger: Member) -> None:
    assert set((await _names(reached, stranger.scope, peopled)).values()) == {0}


async def test_nobody_sees_nothing(reached: Database, peopled: Member) -> None:
    assert set((await _names(reached, NOBODY, peopled)).values()) == {0}
    async with transaction(reached, NOBODY) as tx:
        for row in (OrganisationRow, UserRow, MembershipRow, ApiKeyRow, JobRow, UploadRow):
            assert (await tx.execute(select(row).limit(1))).all() == []


@pytest.mark.parametrize("table", ["datasets", "models"])
async def test_what_is_internal_is_seen_by_everyone_signed_in_and_what_is_public_by_all(
    reached: Database, peopled: Member, stranger: Member, database: TestDatabase, table: str
) -> None:
    for visibility, to_stranger, to_nobody in (("private", 0, 0), ("internal", 1, 0), ("public", 1, 1)):
        rows_of(database, f"UPDATE {table} SET visibility = %s WHERE org_id = %s", visibility, peopled.org_id)
        assert (await _names(reached, stranger.scope, peopled))[table] == to_stranger
        assert (await _names(reached, NOBODY, peopled))[table] == to_nobody


async def test_seeing_is_not_changing(
    reached: Database, peopled: Member, stranger: Member, database: TestDatabase
) -> None:
    rows_of(database, "UPDATE datasets SET visibility = 'public' WHERE org_id = %s", peopled.org_id)
    async with transaction(reached, stranger.scope) as tx:
        for change in ("UPDATE datasets SET description = 'mine now'", "DELETE FROM datasets"):
            done: Any = await tx.execute(text(f"{change} WHERE org_id = :org"), {"org": peopled.org_id})
            assert done.rowcount == 0


async def test_a_stranger_changes_nothing(reached: Database, member: Member, stranger: Member) -> None:
    async with transaction(reached, stranger.scope) as tx:
        revoked: Any = await tx.execute(
            update(ApiKeyRow).where(ApiKeyRow.id == member.key_id).values(name="taken over")
        )
        assert revoked.rowcount == 0


async def test_rows_cannot_be_put_into_another_organisation(
    reached: Database, member: Member, stranger: Member
) -> None:
    async def plant() -> None:
        async with transaction(reached, stranger.scope) as tx:
            tx.add(JobRow(org_id=member.org_id, kind="x", args={}))
            await tx.flush()

    with pytest.raises(ProgrammingError, match="row-level security"):
        await plant()


async def test_rows_cannot_be_moved_into_another_organisation(
    reached: Database, member: Member, stranger: Member
) -> None:
    async def move() -> None:
        async with transaction(reached, stranger.scope) as tx:
            await tx.execute(update(ApiKeyRow).values(org_id=member.org_id))

    with pytest.raises(ProgrammingError, match="row-level security"):
        await move()


async def test_a_key_is_looked_up_before_anybody_is_known(reached: Database, member: Member) -> None:
    async with transaction(reached, NOBODY) as tx:
        assert await find_actor(tx, member.key) == member.actor
        assert (await find_actor(tx, member.key + "x")).org_id is None


async def test_a_worker_claims_jobs_of_every_organisation_and_runs_each_as_its_own(
    reached: Database, peopled: Member, stranger: Member, database: TestDatabase
) -> None:
    rows_of(database, "INSERT INTO jobs (id, org_id, kind, args) VALUES (%s, %s, 'x', '{}')", new_id(), stranger.org_id)
    rows_of(database, "UPDATE jobs SET state = 'done' WHERE org_id NOT IN (%s, %s)", peopled.org_id, stranger.org_id)
    claim = text("SELECT id, org_id FROM definer.jobs_claim(:worker, 100, 'light', '', '{normal}', '{x}', '15 s', 0)")
    async with transaction(reached, NOBODY) as tx:
        claimed = {row.org_id: row.id for row in await tx.execute(claim, {"worker": new_id()})}
        assert (await tx.execute(select(JobRow))).all() == []
    assert set(claimed) == {peopled.org_id, stranger.org_id}
    async with transaction(reached, peopled.scope) as tx:
        assert list(await tx.scalars(select(JobRow.id))) == [claimed[peopled.org_id]]


async def test_a_job_of_the_hub_itself_is_added_by_anyone_and_seen_by_nobody(reached: Database, member: Member) -> None:
    for scope in (NOBODY, member.scope):
        async with transaction(reached, scope) as tx:
            insert = text("INSERT INTO jobs (id, kind, args, state) VALUES (:id, 'x', '{}', 'done')")
            await tx.execute(insert, {"id": (job_id := new_id())})
            assert await tx.get(JobRow, job_id) is None


def test_the_owner_migrates_all_rows_and_passes_every_policy(fresh_database: TestDatabase) -> None:
    """Under forced row-level security this would change nothing, and say nothing."""
    members = [make_member(fresh_database) for _ in range(2)]
    changed = rows_of(fresh_database, "UPDATE api_keys SET name = 'migrated' RETURNING org_id")
    assert {row["org_id"] for row in changed} == {member.org_id for member in members}


def test_migrating_again_changes_nothing(fresh_database: TestDatabase) -> None:
    oid = "SELECT 'definer.key_lookup'::regproc::oid"
    before = rows_of(fresh_database, oid)
    migrate.upgrade(fresh_database.owner_url, app_role=fresh_database.app_role)
    assert rows_of(fresh_database, oid) == before


def test_changed_functions_are_applied_again(fresh_database: TestDatabase) -> None:
    before = rows_of(fresh_database, "SELECT 'definer.key_lookup'::regproc::oid")
    rows_of(fresh_database, "UPDATE applied_functions SET digest = 'of an earlier release'")
    migrate.upgrade(fresh_database.owner_url, app_role=fresh_database.app_role)
    assert rows_of(fresh_database, "SELECT 'definer.key_lookup'::regproc::oid") != before
    assert rows_of(fresh_database, "SELECT * FROM definer.jobs_depth()", role="app") == []


def test_a_later_releases_data_is_refused_in_one_sentence(fresh_database: TestDatabase) -> None:
    rows_of(fresh_database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrate.DatabaseTooNew, match="later release") as refused:
        migrate.upgrade(fresh_database.owner_url, app_role=fresh_database.app_role)
    assert "9999" in refused.value.detail


def test_every_table_of_an_organisation_has_a_policy_and_none_is_forced(database: TestDatabase) -> None:
    tables = rows_of(
        database,
        f"""
        SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS has_policy
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
        WHERE {NAMESPACE} AND c.relkind IN ('r', 'p')
        """,
        role="app",
    )
    assert len(tables) > 10
    # a partition is read through its table; past that it has no policy, so nobody of the app reads it
    bad = [
        t
        for t in tables
        if not t["relrowsecurity"] or t["relforcerowsecurity"] or t["has_policy"] == t["relispartition"]
    ]
    assert bad == []


def test_every_table_has_row_level_security_unless_the_app_cannot_read_it(database: TestDatabase) -> None:
    open_tables = rows_of(
        database,
        f"""
        SELECT c.relname FROM pg_class c
        WHERE {NAMESPACE} AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relrowsecurity
          AND has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
        """,
        database.app_role,
    )
    assert open_tables == []


def test_functions_past_row_level_security_are_fixed_audited_and_closed(database: TestDatabase) -> None:
    functions = rows_of(
        database,
        """
        SELECT p.proname, n.nspname, p.prosecdef, coalesce(p.proconfig, '{}') AS config,
               pg_get_userbyid(p.proowner) AS owner, has_function_privilege('public', p.oid, 'EXECUTE') AS open
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE (p.prosecdef OR n.nspname = 'definer') AND n.nspname <> 'pg_catalog'
        """,
    )
    assert len(functions) > 10
    for function in functions:
        assert function["nspname"] == "definer", function
        assert function["prosecdef"], function
        assert function["config"] == ["search_path=pg_catalog, pg_temp"], function
        assert function["owner"] == "lyceum_owner", function
        assert not function["open"], function


def test_the_apps_role_owns_nothing_and_cannot_pass_by(database: TestDatabase) -> None:
    role = rows_of(database, "SELECT * FROM pg_roles WHERE rolname = current_user", role="app")[0]
    assert role["rolname"] == database.app_role
    assert not any(role[right] for right in ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole"))
    owned = "SELECT relname FROM pg_class WHERE relowner = current_user::regrole"
    assert rows_of(database, owned, role="app") == []
    memberships = "SELECT roleid::regrole FROM pg_auth_members WHERE member = current_user::regrole"
    assert rows_of(database, memberships, role="app") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM alembic_version",
        "SELECT * FROM applied_functions",
        "ALTER TABLE api_keys DISABLE ROW LEVEL SECURITY",
        "DROP POLICY api_keys_of_the_organisation ON api_keys",
        "TRUNCATE jobs",
        "CREATE TABLE public.mine (id int)",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION definer.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE lyceum_owner",
    ],
)
def test_the_apps_role_cannot(database: TestDatabase, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows_of(database, statement, role="app")


def test_the_apps_role_reads_no_set_up_link(database: TestDatabase) -> None:
    from make.accounts import make_setup_link

    make_setup_link(database)
    assert rows_of(database, "SELECT * FROM setup_links", role="app") == []
