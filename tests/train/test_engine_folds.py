"""Which rows are learned from, and how they are divided."""

import numpy as np
import pytest

from lyceum.train.engine.folds import make_folds, thinned_rows


def test_a_part_of_the_rows_has_the_classes_in_their_shares_and_all_rows_of_rare_ones() -> None:
    y = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [60_000, 39_000, 980, 20]))
    kept = thinned_rows(y, 10_000, stratify=True, seed=0)
    assert np.bincount(y[kept]).tolist() == pytest.approx([6000, 3900, 98, 20], abs=1)
    assert (np.diff(kept) > 0).all()


def test_of_a_class_that_would_be_rare_in_a_part_of_the_rows_fifty_stay() -> None:
    y = np.repeat([0, 1], [99_800, 200])
    kept = thinned_rows(y, 1000, stratify=True, seed=0)
    assert np.bincount(y[kept])[1] == pytest.approx(50, abs=1)


def test_a_part_of_the_rows_of_numbers_is_as_large_as_asked_for_and_drawn_from_everywhere() -> None:
    y = np.arange(100_000.0)
    kept = thinned_rows(y, 1000, stratify=False, seed=0)
    assert len(kept) == 1000
    assert np.histogram(kept, bins=4, range=(0, 100_000))[0].tolist() == pytest.approx([250] * 4, abs=60)


def test_every_row_is_predicted_by_one_fold_that_has_not_learned_from_it() -> None:
    y = np.repeat([0, 1], [90, 10])
    folds = make_folds(y, stratify=True, seed=0)
    assert sorted(np.concatenate([fold.valid for fold in folds])) == list(range(100))
    assert all(not set(fold.train) & set(fold.valid) for fold in folds)
    assert [int(y[fold.valid].sum()) for fold in folds] == [2] * 5
