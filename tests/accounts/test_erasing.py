"""Somebody who has left is found nowhere: not in a row, not in a file, not in what is packed in one."""

import asyncio
import gzip
import io
import json
import secrets
import zipfile
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import deltalake
import onnx
import polars as pl
from fastapi import FastAPI
from psycopg.types.json import Jsonb
from redis.asyncio import Redis

from fixtures.app import client_of, eventually, rows_of, running_worker
from fixtures.servers import TestDatabase
from fixtures.traces import places_in_files, places_in_tables, places_in_valkey
from lyceum import wiring
from lyceum.accounts.privacy.jobs import ErasePerson, KeepPromises, privacy_jobs
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_group, make_key, make_member, make_organisation
from make.data import make_check, make_check_run, make_dataset, make_diff, make_version
from make.incidents import make_incident
from make.schemas import make_schema
from make.streams import make_dead_letter, make_stream_row
from make.train import make_run, make_trial

LEFT_TO_THE_ORGANISATION = {"datasets.created_by", "uploads.created_by", "impersonations.user_id", "jobs.owner_id"}
"""What still leads to somebody's row once it leads to nobody: an organisation's own things, and that somebody acted as them."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Somebody whose mark stands in all they left, alone in one organisation and with others in another."""

    word: str
    alone: Member
    shared: Member
    colleague: Member


def _marked(database: TestDatabase) -> Marked:
    word = f"zz{secrets.token_hex(6)}"
    alone = make_member(database, organisation=make_organisation(database, name=f"org-{word}"))
    colleague = make_member(database)
    rows_of(
        database,
        "INSERT INTO memberships (org_id, user_id, role) VALUES (%s, %s, 'owner')",
        colleague.org_id,
        alone.user_id,
    )
    key_id, key = make_key(database, org_id=colleague.org_id, user_id=alone.user_id)
    shared = Member(colleague.org_id, colleague.org_name, alone.user_id, key_id, key, "owner", alone.scopes)
    return Marked(word, alone, shared, colleague)


def _leave_rows(database: TestDatabase, marked: Marked) -> None:
    word, alone, shared = marked.word, marked.alone, marked.shared
    user = alone.user_id
    rows_of(
        database,
        "UPDATE users SET email = %s, display_name = %s, password_hash = %s WHERE id = %s",
        *(f"{word}@example.org", word, f"$argon2id${word}", user),
    )
    rows_of(database, "UPDATE api_keys SET name = %s WHERE user_id = %s", f"{word}'s laptop", user)
    for of in (alone, shared):
        _leave_work(database, of, word)
    rows_of(
        database,
        "INSERT INTO impersonations (id, administrator_id, user_id, reason, ends_at) VALUES (%s, %s, %s, %s, now())",
        *(new_id(), marked.colleague.user_id, user, f"{word} asked for help"),
    )
    rows_of(
        database,
        "INSERT INTO sessions (id, user_id, signed_in_with, device, address, expires_at)"
        " VALUES (%s, %s, 'password', %s, '192.0.2.1', now())",
        *(new_id(), user, f"Phone of {word}"),
    )
    _leave_ways_in(database, user, word)
    group_id = make_group(database, shared, shared)
    rows_of(
        database,
        "INSERT INTO sign_on_given_groups (user_id, group_id, provider_id) SELECT %s, %s, id FROM sign_on_providers",
        *(user, group_id),
    )
    _leave_letters(database, marked)
    _leave_data(database, alone, word)


def _leave_ways_in(database: TestDatabase, user: UUID, word: str) -> None:
    rows_of(
        database,
        "INSERT INTO authenticator_apps (id, user_id, name, secret_sealed) VALUES (%s, %s, %s, %s)",
        *(new_id(), user, f"Phone of {word}", word.encode()),
    )
    rows_of(
        database,
        "INSERT INTO passkeys (id, user_id, name, credential_id, public_key, sign_count, transports)"
        " VALUES (%s, %s, %s, %s, '', 0, '[]')",
        *(new_id(), user, f"Key of {word}", word.encode()),
    )
    rows_of(database, "INSERT INTO recovery_codes (digest, user_id) VALUES (%s, %s)", word.encode(), user)
    rows_of(
        database,
        "INSERT INTO second_factor_tickets (id, digest, user_id, signed_in_with, expires_at) VALUES (%s, %s, %s, %s, now())",
        *(new_id(), word.encode(), user, f"sign-on:{word}"),
    )
    provider_id, client_id, session_id = new_id(), new_id(), new_id()
    rows_of(
        database,
        "INSERT INTO sign_on_providers (id, name, title, discovery_url, client_id, client_secret_sealed, scopes, groups_claim,"
        " email_claim, name_claim, admits, email_domains, trusts_email, trusts_second_factor)"
        " VALUES (%s, 'p', 'P', 'https://example.org', 'c', '', '[]', 'g', 'e', 'n', 'known', '[]', true, false)",
        provider_id,
    )
    rows_of(
        database,
        "INSERT INTO sign_on_identities (id, provider_id, issuer, subject, user_id, email, groups)"
        " VALUES (%s, %s, 'https://example.org', %s, %s, %s, %s)",
        *(new_id(), provider_id, word, user, f"{word}@example.org", Jsonb([word])),
    )
    rows_of(
        database,
        "INSERT INTO sign_on_given (user_id, provider_id, target_kind, target_id, role) VALUES (%s, %s, 'organisation', %s, 'viewer')",
        *(user, provider_id, new_id()),
    )
    rows_of(
        database,
        "INSERT INTO sessions (id, user_id, signed_in_with, device, address, expires_at) VALUES (%s, %s, 'password', '', '', now())",
        *(session_id, user),
    )
    rows_of(
        database,
        "INSERT INTO oauth_clients (id, title, secret_digest, redirect_uris, sign_out_uris, asks_consent)"
        " VALUES (%s, 'A program', '', '[]', '[]', true)",
        client_id,
    )
    rows_of(
        database,
        "INSERT INTO oauth_consents (user_id, client_id, scopes) VALUES (%s, %s, %s)",
        *(user, client_id, Jsonb([word])),
    )
    rows_of(
        database,
        "INSERT INTO oauth_grants (id, client_id, user_id, session_id, scopes, redirect_uri, nonce, code_digest, code_challenge,"
        " code_expires_at) VALUES (%s, %s, %s, %s, '[]', '', %s, %s, '', now())",
        *(new_id(), client_id, user, session_id, word, word.encode()),
    )


def _leave_letters(database: TestDatabase, marked: Marked) -> None:
    word, user, colleague = marked.word, marked.alone.user_id, marked.colleague
    email = f"{word}@example.org"
    rows_of(
        database,
        "INSERT INTO one_time_links (id, kind, user_id, email, data, expires_at) VALUES (%s, 'invitation', NULL, %s, '{}', now())",
        *(new_id(), email),
    )
    rows_of(
        database,
        "INSERT INTO invitations (id, org_id, email, role, uses_max, expires_at) VALUES (%s, %s, %s, 'viewer', 1, now())",
        *(new_id(), colleague.org_id, email),
    )
    rows_of(
        database,
        "INSERT INTO access_requests (id, org_id, kind, address, user_id, reason) VALUES (%s, %s, 'dataset', 'a/b', %s, %s)",
        *(new_id(), colleague.org_id, user, f"{word} asks"),
    )
    rows_of(
        database,
        "INSERT INTO notices (id, user_id, org_id, kind, data, in_inbox, mail) VALUES (%s, %s, %s, 'x', %s, true, 'none')",
        *(new_id(), user, colleague.org_id, Jsonb({"by": word})),
    )
    rows_of(
        database,
        "INSERT INTO push_subscriptions (id, user_id, endpoint_digest, service, device, sealed)"
        " VALUES (%s, %s, %s, 'example.org', %s, '')",
        *(new_id(), user, word.encode(), f"Phone of {word}"),
    )
    rows_of(
        database,
        "INSERT INTO destinations (id, org_id, kind, name, host, sealed, notice_kinds)"
        " VALUES (%s, %s, 'webhook', %s, 'example.org', '', '[]')",
        *(new_id(), marked.alone.org_id, word),
    )


def _leave_data(database: TestDatabase, alone: Member, word: str) -> None:
    dataset_id, _ = make_dataset(database, alone, name=f"set-{word}")
    version_id = make_version(database, alone, dataset_id)
    rows_of(
        database,
        "UPDATE dataset_versions SET file_name = %s, source = %s, profile = %s WHERE id = %s",
        *(f"{word}.csv", Jsonb({"notes": [word]}), Jsonb({"most_common": [word]}), version_id),
    )
    rows_of(database, "UPDATE datasets SET description = %s WHERE id = %s", word, dataset_id)
    make_schema(database, alone, dataset_id=dataset_id, subject=f"datasets/set-{word}")
    rows_of(
        database,
        "INSERT INTO pushed_batches (org_id, dataset_id, pushed_by, form, record_count, byte_count, records)"
        " VALUES (%s, %s, %s, 'json', 1, 1, %s)",
        *(alone.org_id, dataset_id, alone.user_id, f'[{{"name": "{word}"}}]'.encode()),
    )
    diff_id = make_diff(database, alone, dataset_id, version_id)
    rows_of(database, "UPDATE dataset_diffs SET key_columns = %s WHERE id = %s", Jsonb([word]), diff_id)
    check_id = make_check(database, alone, dataset_id, definition={"allowed": [word]})
    make_check_run(database, alone, version_id, results_of=(check_id,))
    rows_of(database, "UPDATE check_results SET result = %s WHERE org_id = %s", Jsonb({"sample": [word]}), alone.org_id)
    run_id = make_run(database, alone, version_id)
    rows_of(database, "UPDATE training_runs SET report = %s WHERE id = %s", Jsonb({"examples": [word]}), run_id)
    make_trial(database, alone, run_id, name=word)
    incident_id = make_incident(
        database, alone, dataset_id, title=word, summary=word, evidence=Jsonb({"seen": word}), assignee_id=alone.user_id
    )
    rows_of(
        database,
        "UPDATE incident_events SET comment = %s, user_id = %s, data = %s WHERE incident_id = %s",
        *(word, alone.user_id, Jsonb({"summary": word}), incident_id),
    )
    stream_id = make_stream_row(database, alone, dataset_id, name=word)
    make_dead_letter(database, alone, stream_id, content=word, reason=word)
    model_id = new_id()
    rows_of(
        database, "INSERT INTO models (id, org_id, name) VALUES (%s, %s, %s)", model_id, alone.org_id, f"model-{word}"
    )
    rows_of(
        database,
        "INSERT INTO prediction_log (at, org_id, model_version_id, key_id, request_id, duration_microseconds, inputs,"
        " outputs) VALUES (now(), %s, %s, %s, 'r', 1, %s, '{}')",
        *(alone.org_id, new_id(), alone.key_id, Jsonb({"name": word})),
    )


def _leave_work(database: TestDatabase, of: Member, word: str) -> None:
    upload_id, job_id = new_id(), new_id()
    rows_of(
        database,
        "INSERT INTO uploads (id, org_id, created_by, file_name, expires_at)"
        " VALUES (%s, %s, %s, %s, now() + interval '1 day')",
        *(upload_id, of.org_id, of.user_id, f"{word}.csv"),
    )
    rows_of(
        database,
        "INSERT INTO jobs (id, org_id, owner_id, kind, args, state, origin) VALUES (%s, %s, %s, 'x', '{}', 'done', %s)",
        *(job_id, of.org_id, of.user_id, Jsonb({"request_id": word})),
    )
    rows_of(
        database,
        "INSERT INTO job_log (job_id, org_id, attempt, at, level, message, facts)"
        " VALUES (%s, %s, 1, now(), 'info', %s, %s)",
        *(job_id, of.org_id, word, Jsonb({"file": word})),
    )


def _leave_files(folder: Path, marked: Marked) -> None:
    word, org = marked.word, str(marked.alone.org_id)
    table = folder / "tables" / org / str(new_id())
    deltalake.write_deltalake(table, pl.DataFrame({"name": [word, "b"], word: [1, 2]}), description=word)
    uploads = folder / "uploads" / org
    uploads.mkdir(parents=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv.gz", gzip.compress(word.encode() * 50))
    (uploads / str(new_id())).write_bytes(packed.getvalue())
    (uploads / str(new_id())).write_bytes(gzip.compress(f"name\n{word}\n".encode()))
    models = folder / "models" / org / str(new_id())
    models.mkdir(parents=True)
    graph = onnx.helper.make_graph([], "g", [], [], doc_string=word)
    (models / f"{'0' * 64}.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())


async def _act(app: FastAPI, marked: Marked) -> None:
    """Do what the hub itself records: changes with a key to send again, refused ones, and an archive of one's data."""
    headers = {"idempotency-key": marked.word, "x-request-id": f"request-{marked.word}"}
    for of, name in ((marked.alone, f"more-{marked.word}"), (marked.shared, "kept")):
        async with client_of(app, key=of.key) as client:
            made = await client.post("/api/v1/datasets", json={"name": name}, headers=headers)
            assert made.status_code == 201, made.text


async def _export(resources: Resources, database: TestDatabase, marked: Marked) -> None:
    from lyceum.accounts.privacy.jobs import MakeExport
    from lyceum.kernel.db import Scope

    export_id = new_id()
    user = marked.alone.user_id
    rows_of(database, "INSERT INTO personal_exports (id, user_id) VALUES (%s, %s)", export_id, user)
    async with transaction(resources.database, Scope(user_id=user)) as tx:
        await enqueue(tx, MakeExport(export_id=export_id, user_id=user))
    ready = "SELECT 1 FROM personal_exports WHERE state = 'ready'"
    await eventually(lambda: rows_of(database, ready))


async def test_of_somebody_who_has_left_nothing_is_found_anywhere(
    fresh_app: FastAPI, fresh_database: TestDatabase, valkey: Redis
) -> None:
    resources: Resources = fresh_app.state.resources
    folder = resources.settings.home / "files"
    marked = _marked(fresh_database)
    word = marked.word
    _leave_rows(fresh_database, marked)
    _leave_files(folder, marked)
    await _act(fresh_app, marked)
    assert await places_in_valkey(valkey, word)
    async with running_worker(resources, *privacy_jobs(wiring.EXPORTERS, wiring.ERASERS).handlers()):
        await _export(resources, fresh_database, marked)
        _is_found_before(fresh_database, folder, marked)
        rows_of(
            fresh_database, "INSERT INTO account_deletions (user_id, due_at) VALUES (%s, now())", marked.alone.user_id
        )
        async with transaction(resources.database, NOBODY) as tx:
            await enqueue(tx, KeepPromises())
        erased = "SELECT 1 FROM users WHERE erased_at IS NOT NULL"
        ended = f"SELECT 1 FROM jobs WHERE kind = '{ErasePerson.kind}' AND state = 'done'"
        await eventually(lambda: rows_of(fresh_database, erased) and rows_of(fresh_database, ended))
    assert places_in_tables(fresh_database, word) == set()
    assert _points_at(fresh_database, marked.alone.user_id) <= LEFT_TO_THE_ORGANISATION
    assert places_in_files(folder, word) == set()
    await _is_soon_forgotten(valkey, word)
    for table in ("group_members", "sign_on_given_groups"):
        assert rows_of(fresh_database, f"SELECT 1 FROM {table}") == []
    kept = rows_of(fresh_database, "SELECT org_id, name, created_by FROM datasets")
    assert kept == [{"org_id": marked.shared.org_id, "name": "kept", "created_by": marked.alone.user_id}]
    for member in (marked.alone, marked.shared):
        async with client_of(fresh_app, key=member.key) as client, asyncio.timeout(10):
            while (await client.get("/api/v1/me")).status_code != 401:  # noqa: ASYNC110 a request each time
                await asyncio.sleep(0.05)


def _points_at(database: TestDatabase, user: UUID) -> set[str]:
    """Return the `table.column`s that still lead to a person's row."""
    pointers = rows_of(
        database,
        """
        SELECT c.relname AS "table", a.attname AS "column" FROM pg_constraint k
        JOIN pg_class c ON c.oid = k.conrelid AND NOT c.relispartition
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.contype = 'f' AND k.confrelid = 'users'::regclass AND cardinality(k.conkey) = 1
        """,
    )
    assert len(pointers) > 20
    return {
        f"{one['table']}.{one['column']}"
        for one in pointers
        if rows_of(database, f'SELECT 1 FROM "{one["table"]}" WHERE "{one["column"]}" = %s LIMIT 1', user)
    }


def _is_found_before(database: TestDatabase, folder: Path, marked: Marked) -> None:
    """Hold the search to what it has to find, or it would find nothing afterwards whatever is there."""
    rows = places_in_tables(database, marked.word)
    assert rows >= {
        *("users.email", "users.display_name", "users.password_hash", "api_keys.name", "organisations.name"),
        *("one_time_links.email", "invitations.email", "access_requests.reason", "notices.data"),
        *("push_subscriptions.device", "destinations.name"),
        *("authenticator_apps.name", "authenticator_apps.secret_sealed", "passkeys.name", "passkeys.credential_id"),
        *(
            "recovery_codes.digest",
            "second_factor_tickets.signed_in_with",
            "oauth_consents.scopes",
            "oauth_grants.nonce",
        ),
        *("sign_on_identities.subject", "sign_on_identities.email", "sign_on_identities.groups"),
        *("datasets.name", "datasets.description", "dataset_versions.profile", "checks.definition"),
        *("check_results.result", "training_runs.report", "trials.facts", "models.name", "uploads.file_name"),
        *(
            "jobs.origin",
            "job_log.message",
            "job_log.facts",
            "impersonations.reason",
            "sessions.device",
            "idempotency_keys.body",
        ),
    }
    tables = {place.partition(".")[0].rstrip("0123456789_") for place in rows}
    assert {"audit_log", "prediction_log"} <= tables
    files = places_in_files(folder, marked.word)
    kinds = {Path(name).suffix for name in files}
    assert {"tables", "uploads", "models", "exports"} == {name.partition("/")[0] for name in files}
    assert {".json", ".parquet", ".onnx", ".zip", ""} <= kinds
    assert json.dumps(sorted(files)).count("uploads/") == 2


async def _is_soon_forgotten(valkey: Redis, word: str) -> None:
    """What Valkey keeps of who has a key runs out within seconds, if it was not dropped at once."""
    places = await places_in_valkey(valkey, word)
    for key in places:
        # -1 would be for ever; it may be gone by now
        assert await valkey.ttl(key) in {-2, *range(11)}, key
