"""How far a replica is behind, by the clock of the process that looks at it."""

from lyceum.kernel.replica import LAG_SECONDS_MAX, _Lag


def test_a_replica_counts_as_behind_until_it_was_where_the_primary_is() -> None:
    lag = _Lag()
    lag.replayed(5, 0.0)
    assert not lag.is_small(0.0)
    lag.sampled(10, 1.0)
    lag.replayed(9, 3.0)
    assert (lag.is_small(3.0), lag.seconds(3.0)) == (False, 2.0)
    lag.replayed(10, 3.5)
    assert (lag.is_small(3.5), lag.seconds(3.5)) == (True, 0.0)


def test_a_replica_that_stays_behind_is_given_up_until_it_has_caught_up() -> None:
    lag = _Lag()
    lag.sampled(10, 0.0)
    lag.replayed(10, 0.1)
    for second in range(1, 11):
        lag.sampled(10 + second, float(second))
        lag.replayed(10, second + 0.5)
        assert lag.is_small(second + 0.5)
        assert lag.seconds(second + 0.5) == second - 0.5
    late = 1.0 + LAG_SECONDS_MAX + 0.1
    lag.sampled(40, late)
    lag.replayed(10, late)
    assert not lag.is_small(late)
    lag.replayed(39, late + 1)
    assert not lag.is_small(late + 1)
    lag.replayed(40, late + 2)
    assert lag.is_small(late + 2)


def test_a_replica_is_not_used_when_nobody_knows_how_far_the_primary_is() -> None:
    lag = _Lag()
    lag.sampled(10, 0.0)
    lag.replayed(10, 0.1)
    assert not lag.is_small(LAG_SECONDS_MAX + 0.2)
