"""Thinning out backups: which to keep is decided by their times alone, and what no kept one needs goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lyceum.backup.destination import Destination, Held
from lyceum.backup.errors import BackupRefused
from lyceum.backup.lock import destination_lock


@dataclass(frozen=True, slots=True)
class Keep:
    """How many backups to keep: the newest ones, and the newest of each of the latest days, weeks and months (UTC)."""

    newest: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What is left and what went; `objects` counts pieces, those of interrupted backups with them."""

    kept: tuple[str, ...]
    removed: tuple[str, ...]
    objects: int
    object_bytes: int


def prune_backups(destination: Destination, keep: Keep) -> Pruned:
    """Remove the backups that `keep` does not keep, and every object that no kept backup needs; takes no key.

    Raises `BackupRefused` when nothing is to be kept or somebody else writes there, and `BackupDamaged`, with nothing
    removed, when what a kept backup needs cannot be told.
    """
    if keep == Keep():
        raise BackupRefused("Say how many backups to keep: with --keep, --keep-daily, --keep-weekly or --keep-monthly.")
    with destination_lock(destination) as still_held:
        held = destination.backups()
        kept_ids = ids_to_keep([one.id for one in held], keep)
        kept = [one for one in held if one.id in kept_ids]
        needed = {name for one in kept for name in destination.needed_names(one)}
        removed = [one for one in held if one.id not in kept_ids]
        for one in removed:
            still_held()
            destination.forget(one)
        for path in destination.lists_without_backup():
            destination.delete_path(path)
        sizes = {name: size for name, size in destination.object_sizes().items() if name not in needed}
        for name in sizes:
            still_held()
            destination.delete_object(name)
    return Pruned(_ids(kept), _ids(removed), len(sizes), sum(sizes.values()))


def ids_to_keep(ids: Sequence[str], keep: Keep) -> set[str]:
    """Return which of the backups with these ids, which are their times, are kept."""
    newest_first = sorted(ids, reverse=True)
    kept = set(newest_first[: keep.newest])
    for most, period in _periods(keep):
        kept |= set(_newest_of_each(newest_first, period)[:most])
    return kept


def made_at(backup_id: str) -> datetime:
    """Return when a backup was made, in UTC."""
    return datetime.strptime(backup_id, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)


def _periods(keep: Keep) -> list[tuple[int, Callable[[datetime], tuple[int, ...]]]]:
    return [
        (keep.daily, lambda at: (at.year, at.month, at.day)),
        (keep.weekly, lambda at: tuple(at.isocalendar()[:2])),
        (keep.monthly, lambda at: (at.year, at.month)),
    ]


def _newest_of_each(newest_first: Sequence[str], period: Callable[[datetime], tuple[int, ...]]) -> list[str]:
    newest: dict[tuple[int, ...], str] = {}
    for one in newest_first:
        newest.setdefault(period(made_at(one)), one)
    return list(newest.values())


def _ids(held: Sequence[Held]) -> tuple[str, ...]:
    return tuple(one.id for one in held)
