"""What belongs to one person or is set up in their organisation, as rows: enough to be found by its id, and taken by nobody else."""

import secrets
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from make.accounts import Member

_ROWS = {
    "session_id": "sessions (id, user_id, signed_in_with, device, address, expires_at) "
    "VALUES (%(id)s, %(user)s, 'password', 'Firefox', '192.0.2.1', now() + interval '1 day')",
    "app_id": "authenticator_apps (id, user_id, name, secret_sealed) VALUES (%(id)s, %(user)s, 'begun', 'x')",
    "factor_id": "authenticator_apps (id, user_id, name, secret_sealed, confirmed_at) "
    "VALUES (%(id)s, %(user)s, 'phone', 'x', now())",
    "subscription_id": "push_subscriptions (id, user_id, endpoint_digest, service, device, sealed) "
    "VALUES (%(id)s, %(user)s, decode(%(mark)s, 'hex'), 'push.example', '', 'x')",
    "export_id": "personal_exports (id, user_id, state, content_key, byte_count, ready_at, expires_at) "
    "VALUES (%(id)s, %(user)s, 'ready', 'exports/x', 1, now(), now() + interval '1 day')",
    "destination_id": "destinations (id, org_id, kind, name, host, sealed, notice_kinds) "
    "VALUES (%(id)s, %(org)s, 'webhook', 'w', 'example.org', 'x', '[]')",
    "alert_rule_id": "alert_rules (id, org_id, position, name, enabled, conditions, delivery, people, escalate_people, goes_on) "
    "VALUES (%(id)s, %(org)s, 1, 'r', false, %(conditions)s, %(delivery)s, '[]', '[]', false)",
    "invitation_id": "invitations (id, org_id, role, uses_max, expires_at) "
    "VALUES (%(id)s, %(org)s, 'viewer', 1, now() + interval '1 day')",
    "provider_id": "sign_on_providers (id, name, title, discovery_url, client_id, client_secret_sealed, scopes, groups_claim, "
    "email_claim, name_claim, admits, email_domains, trusts_email, trusts_second_factor) VALUES (%(id)s, 'p' || %(mark)s, "
    "'P', 'https://192.0.2.1', 'x', 'x', '[]', 'groups', 'email', 'name', 'known', '[]', false, false)",
    "client_id": "oauth_clients (id, title, secret_digest, redirect_uris, sign_out_uris, asks_consent) "
    "VALUES (%(id)s, 'P', 'x', '[]', '[]', true)",
}
_OF_PROVIDER = {
    "rule_id": "sign_on_rules (id, provider_id, group_pattern, target_kind, target_id, role) "
    "VALUES (%(id)s, %(provider)s, 'x', 'organisation', %(org)s, 'viewer')",
    "connection_id": "sign_on_identities (id, provider_id, issuer, subject, user_id, groups) "
    "VALUES (%(id)s, %(provider)s, 'https://192.0.2.1', %(mark)s, %(user)s, '[]')",
}
_OF_RULE = {
    "conditions": Jsonb({"datasets": [], "severities": [], "kinds": [], "hours": None}),
    "delivery": Jsonb(
        {
            "group_by": "incident",
            "group_seconds": 0,
            "repeat_minutes": 60,
            "per_hour_max": None,
            "quiet": None,
            "quiet_lets_critical_pass": True,
            "zone": "UTC",
        }
    ),
}
OF_PERSON = (
    *("sessions", "authenticator_apps", "push_subscriptions", "personal_exports", "sign_on_identities"),
    *("passkeys", "recovery_codes"),
)
"""Tables whose rows are a person's own."""


def make_personal(database: TestDatabase, member: Member) -> dict[str, UUID]:
    """Make one of everything that is a member's own or hidden from whoever runs nothing; return ids by the name in paths."""
    made = {name: new_id() for name in _ROWS | _OF_PROVIDER}
    owner = {"user": member.user_id, "org": member.org_id, "provider": made["provider_id"]}
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        for name, row in (_ROWS | _OF_PROVIDER).items():
            values = {**owner, **_OF_RULE, "id": made[name], "mark": secrets.token_hex(8)}
            connection.execute(f"INSERT INTO {row}", values)
    return made
