"""What a provider's groups give: found by its rules, given, and taken back when a group is gone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import record
from lyceum.accounts.known import forget_after_commit
from lyceum.accounts.sessions.public import forget_person_after_commit
from lyceum.kernel.db import Scope

_RULES = text(
    "SELECT group_pattern, target_kind, target_id, role, into_group_id FROM definer.sign_on_rules_of(:provider)"
)
_GIVE = text("SELECT changed_org_id, key_digest FROM definer.sign_on_give(:person, :provider, CAST(:wanted AS jsonb))")
_GIVE_GROUPS = text(
    "SELECT org_id, group_id, entered FROM definer.sign_on_give_groups(:person, :provider, CAST(:wanted AS jsonb))"
)
_REVOKE = text("SELECT key_digest FROM definer.sign_on_revoke_keys(:person, :provider)")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a group gives: a role in something, today in an organisation, and a place in one of its groups."""

    group_pattern: str
    target_kind: str
    target_id: UUID
    role: str
    into_group_id: UUID | None


async def list_rules_of(tx: AsyncSession, provider_id: UUID) -> list[Rule]:
    """Return what a provider's groups give, a thousand rules at most; `tx` may work for anybody."""
    rows = await tx.execute(_RULES, {"provider": provider_id})
    return [Rule(row.group_pattern, row.target_kind, row.target_id, row.role, row.into_group_id) for row in rows]


def rules_met(rules: Iterable[Rule], groups: Iterable[str]) -> list[Rule]:
    """Return the rules that some group meets; in a pattern, only `*` stands for something else than itself."""
    names = list(groups)
    return [rule for rule in rules if any(_matches(name, rule.group_pattern) for name in names)]


async def give_roles(tx: AsyncSession, user_id: UUID, provider_id: UUID, rules: Sequence[Rule]) -> None:
    """Give a person what these rules give, and take back what others of the provider gave before.

    What changes by it stands in the log of the organisation as theirs, whoever set it off.
    """
    asked = {"person": user_id, "provider": provider_id, "wanted": orjson.dumps(list(rules)).decode()}
    changed = list(await tx.execute(_GIVE, asked))
    _forget_keys(tx, [row.key_digest for row in changed])
    if changed:
        forget_person_after_commit(tx, user_id)
    for org_id in dict.fromkeys(row.changed_org_id for row in changed):
        record(tx, Scope(org_id=org_id, user_id=user_id), "take_role_by_sign_on", "user", user_id)
    # only a member of the organisation can be in its groups
    for row in await tx.execute(_GIVE_GROUPS, asked):
        action = "enter_group_by_sign_on" if row.entered else "leave_group_by_sign_on"
        record(tx, Scope(org_id=row.org_id, user_id=user_id), action, "group", row.group_id)


async def revoke_keys(tx: AsyncSession, user_id: UUID, provider_id: UUID) -> int:
    """Revoke the keys of somebody who has left a provider's people, before what its groups gave is taken back; return how many."""
    digests = list(await tx.scalars(_REVOKE, {"person": user_id, "provider": provider_id}))
    _forget_keys(tx, digests)
    return len(digests)


def _forget_keys(tx: AsyncSession, digests: Iterable[bytes | None]) -> None:
    for digest in digests:
        if digest is not None:
            forget_after_commit(tx, digest)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))
