"""Thinning out keeps what it says, and takes only what no kept backup needs."""

from datetime import UTC, datetime, timedelta

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupDamaged, BackupRefused
from lyceum.backup.keys import NO_KEYS, BackupKeys
from lyceum.backup.prune import Keep, ids_to_keep, made_at, prune_backups
from lyceum.backup.verify import verify_backup
from make.backups import HubToCopy, log_predictions

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = st.lists(st.integers(0, 24 * 800), unique=True, max_size=60)
KEEPS = st.builds(Keep, *(st.integers(0, 14) for _ in range(4)))


def backup_id(hours: int) -> str:
    return f"{START + timedelta(hours=hours):%Y%m%dT%H%M%S}.000Z"


@given(hours=HOURS, keep=KEEPS)
def test_of_each_period_the_newest_is_kept_and_no_more_than_was_said(hours: list[int], keep: Keep) -> None:
    ids = [backup_id(hour) for hour in hours]
    kept = ids_to_keep(ids, keep)
    assert kept <= set(ids)
    assert set(sorted(ids)[len(ids) - keep.newest :] if keep.newest else []) <= kept
    assert len(kept) <= keep.newest + keep.daily + keep.weekly + keep.monthly
    for count, form in ((keep.daily, "%Y-%m-%d"), (keep.weekly, "%G-%V"), (keep.monthly, "%Y-%m")):
        periods = sorted({format(made_at(one), form) for one in ids}, reverse=True)[:count]
        newest = {max(one for one in ids if format(made_at(one), form) == period) for period in periods}
        assert newest <= kept
    if ids and keep != Keep():
        assert max(ids) in kept
    # what was thinned out once is thin
    assert ids_to_keep(sorted(kept), keep) == kept


def test_what_is_kept_stays_whole_and_the_rest_goes(hub: HubToCopy, destination: Destination) -> None:
    first = hub.back_up(destination).manifest
    log_predictions(hub, 50)
    second = hub.back_up(destination).manifest
    destination.put_object("ab" * 32, b"of a backup that was interrupted")
    obstore.put(destination.store, "backups/20200101T000000.000Z.objects", b"so was its list")
    pruned = prune_backups(destination, Keep(newest=1))
    assert (pruned.kept, pruned.removed) == ((second.id,), (first.id,))
    assert set(destination.object_sizes()) == second.object_names()
    assert pruned.objects == len(first.object_names() - second.object_names()) + 1
    left = {meta["path"] for batch in obstore.list(destination.store, "backups/") for meta in batch}
    assert left == {f"backups/{second.id}.json", f"backups/{second.id}.objects"}
    verify_backup(destination, None, NO_KEYS)


def test_encrypted_backups_are_thinned_out_without_a_key(hub: HubToCopy, bucket: Destination, keys: BackupKeys) -> None:
    for_making = BackupKeys(keys.recipients)
    first = hub.back_up(bucket, for_making).manifest
    log_predictions(hub, 50)
    second = hub.back_up(bucket, for_making).manifest
    assert prune_backups(bucket, Keep(daily=3)).removed == (first.id,)
    verify_backup(bucket, second.id, keys)


def test_nothing_is_removed_when_what_is_needed_cannot_be_told(hub: HubToCopy, destination: Destination) -> None:
    made = [hub.back_up(destination).manifest for _ in range(2)]
    path = f"backups/{made[1].id}.objects"
    whole = bytes(obstore.get(destination.store, path).bytes())
    obstore.put(destination.store, path, whole.replace(b"a", b"b"))
    with pytest.raises(BackupDamaged, match=made[1].id):
        prune_backups(destination, Keep(newest=1))
    obstore.put(destination.store, path, whole)
    for one in made:
        verify_backup(destination, one.id, NO_KEYS)
    with pytest.raises(BackupRefused, match="how many"):
        prune_backups(destination, Keep())
