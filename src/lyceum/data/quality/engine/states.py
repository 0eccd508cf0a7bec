"""What checks know of a part of a table, small, mergeable and to be stored.

Parts may be files, batches of a stream, or days: what merging gives is what reading the whole would have given, whole
numbers exactly, floats but for rounding. Merging is associative; the order of the parts matters to `Order` alone.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np

STATE_VERSION = 1
CATEGORIES_MAX = 10_000
Number = int | float
Words = np.ndarray[Any, np.dtype[np.uint64]]


class StatesDiffer(ValueError):
    """States that cannot be merged: of other checks, another version, other edges or other hashes."""


class _State(msgspec.Struct, frozen=True, tag_field="state"):
    """What all states share."""


class Counts(_State, frozen=True, tag="counts"):
    """Rows decided on, and failing ones."""

    checked: int = 0
    failing: int = 0

    def merged(self, other: "Counts") -> "Counts":
        """Return the state of both parts."""
        return Counts(self.checked + other.checked, self.failing + other.failing)


class Moments(_State, frozen=True, tag="moments"):
    """Number, mean and sum of squared distances from it, of finite values, with the smallest and the largest."""

    values: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float | None = None
    high: float | None = None

    def merged(self, other: "Moments") -> "Moments":
        """Return the state of both parts.

        T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances"
        (1979): with d the difference of the means, mean = m1 + d·n2/n and squares = M1 + M2 + d²·n1·n2/n.
        """
        if not self.values or not other.values:
            return self if self.values else other
        values, apart = self.values + other.values, other.mean - self.mean
        return Moments(
            values,
            self.mean + apart * (other.values / values),
            self.squares + other.squares + apart * apart * (self.values * other.values / values),
            _least(self.low, other.low),
            _greatest(self.high, other.high),
        )

    @property
    def std(self) -> float | None:
        """The standard deviation of a sample (n - 1); None for fewer than two values."""
        return (self.squares / (self.values - 1)) ** 0.5 if self.values > 1 else None


class Extremes(_State, frozen=True, tag="extremes"):
    """The smallest and the largest value; times as whole microseconds since 1970."""

    values: int = 0
    low: Number | None = None
    high: Number | None = None
    times: str | None = None
    """The column's type, where it holds times."""

    def merged(self, other: "Extremes") -> "Extremes":
        """Return the state of both parts."""
        low, high = _least(self.low, other.low), _greatest(self.high, other.high)
        return Extremes(self.values + other.values, low, high, self.times or other.times)


class Categories(_State, frozen=True, tag="categories"):
    """How often each value occurs; beyond the cap only how many there are.

    The cap keeps merging associative: the values of a part are among those of the whole, so whichever way parts are
    merged, the whole is beyond the cap or it is not.
    """

    values: int = 0
    counts: dict[str, int] | None = msgspec.field(default_factory=dict)

    def merged(self, other: "Categories") -> "Categories":
        """Return the state of both parts."""
        values = self.values + other.values
        if self.counts is None or other.counts is None:
            return Categories(values, None)
        counts = dict(self.counts)
        for value, times in other.counts.items():
            counts[value] = counts.get(value, 0) + times
        return Categories(values, counts if len(counts) <= CATEGORIES_MAX else None)


class Binned(_State, frozen=True, tag="binned"):
    """How many finite values lie between the inner edges of a reference; one on an edge lies above it."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def merged(self, other: "Binned") -> "Binned":
        """Return the state of both parts; raises StatesDiffer for other edges."""
        if self.edges != other.edges:
            raise StatesDiffer("The parts were counted between the edges of different references.")
        return Binned(self.edges, tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))


class Order(_State, frozen=True, tag="order"):
    """How often a column breaks its order; parts are merged in the order of the table."""

    direction: Literal["increasing", "decreasing"]
    strictly: bool
    values: int = 0
    breaks: int = 0
    first: Number | str | None = None
    last: Number | str | None = None

    def merged(self, other: "Order") -> "Order":
        """Return the state of this part and the one that follows it."""
        if not self.values or not other.values:
            return self if self.values else other
        before, after = self.last, other.first
        if self.direction == "decreasing":
            before, after = after, before
        # both are of one column, so they compare
        broken = before > after or (self.strictly and before == after)  # type: ignore[operator]
        return Order(
            self.direction,
            self.strictly,
            self.values + other.values,
            self.breaks + other.breaks + int(broken),
            self.first,
            other.last,
        )


class Keys(_State, frozen=True, tag="keys"):
    """Every distinct key as 128 bits of hash, in order, with how often it occurs: 24 bytes each.

    Two of a thousand million different keys have the same hash with a probability below 10⁻²⁰, so the counts are taken
    for exact. `hashes` names what made them: hashes of another library version are not comparable.
    """

    hashes: str
    rows: int = 0
    """Rows with a whole key."""
    run: bytes = b""
    """Triples of little-endian 64-bit words: the two halves of the hash, and the count; ascending."""

    def merged(self, other: "Keys") -> "Keys":
        """Return the state of both parts; raises StatesDiffer for other hashes."""
        if self.hashes != other.hashes:
            raise StatesDiffer(f"The parts were hashed by {self.hashes} and {other.hashes}; count one of them anew.")
        triples = np.concatenate([self.triples(), other.triples()])
        return keys_of(self.hashes, triples[:, 0], triples[:, 1], triples[:, 2])

    def triples(self) -> Words:
        """Return the rows of `run`."""
        return np.frombuffer(self.run, dtype="<u8").reshape(-1, 3)

    @property
    def surplus(self) -> int:
        """Rows that would have to go for the rest to be unique."""
        return self.rows - len(self.triples())

    @property
    def involved(self) -> int:
        """All rows whose key another row has too."""
        times = self.triples()[:, 2]
        return int(times[times > 1].sum())


def keys_of(hashes: str, high: Words, low: Words, times: Words) -> Keys:
    """Return the state of keys given by the halves of their hashes, each with how often it occurs."""
    if not len(high):
        return Keys(hashes)
    # fast on runs that are in order already; the low half decides only between equal high ones
    order = np.argsort(high, kind="stable")
    if ((high[order][1:] == high[order][:-1]) & (low[order][1:] < low[order][:-1])).any():
        order = np.lexsort((low, high))
    high, low, times = high[order], low[order], times[order]
    new = np.concatenate([[True], (high[1:] != high[:-1]) | (low[1:] != low[:-1])])
    starts = np.flatnonzero(new)
    summed = np.add.reduceat(times, starts)
    run = np.column_stack([high[starts], low[starts], summed]).astype("<u8").tobytes()
    return Keys(hashes, int(times.sum()), run)


State = Counts | Moments | Extremes | Categories | Binned | Order | Keys


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """The states of checks, of the table as a whole and of its partitions."""

    version: int = STATE_VERSION
    plan: str
    """The digest of the checks, in their order; states of other checks do not merge."""
    rows: int
    states: dict[str, dict[str, dict[str, State]]]
    """By check, by partition (as text; empty for the whole), by what the state is of."""
    unfit: dict[str, str] = {}
    """Why a check cannot be run on one of the parts, as a sentence by its id."""

    def merged(self, *others: "TableState") -> "TableState":
        """Return the state of this part and those that follow it; raises StatesDiffer."""
        found = self
        for other in others:
            found = _merged(found, other)
        return found

    def to_bytes(self) -> bytes:
        """Return the state to be stored or sent."""
        return msgspec.msgpack.encode(self)


def state_from_bytes(stored: bytes) -> TableState:
    """Return what `TableState.to_bytes` gave; raises StatesDiffer for what this version does not read."""
    try:
        state = msgspec.msgpack.decode(stored, type=TableState)
    except msgspec.DecodeError as wrong:
        raise StatesDiffer(f"The stored state cannot be read: {wrong}.") from wrong
    if state.version != STATE_VERSION:
        raise StatesDiffer(f"The stored state is of version {state.version}, not {STATE_VERSION}; count it anew.")
    return state


def merged_states(states: Sequence[TableState]) -> TableState:
    """Return the state of all parts, given in the order of the table, of which there is at least one."""
    return states[0].merged(*states[1:])


def _merged(one: TableState, other: TableState) -> TableState:
    if (one.version, one.plan) != (other.version, other.plan):
        raise StatesDiffer("The parts were checked by different checks, or by different versions.")
    states: dict[str, dict[str, dict[str, State]]] = {}
    for check in one.states:
        before, after = one.states[check], other.states.get(check, {})
        states[check] = {
            partition: _joined(before.get(partition), after.get(partition)) for partition in {**before, **after}
        }
    return TableState(plan=one.plan, rows=one.rows + other.rows, states=states, unfit={**other.unfit, **one.unfit})


def _joined(one: dict[str, State] | None, other: dict[str, State] | None) -> dict[str, State]:
    if one is None or other is None:
        return one or other or {}
    # one check's states are of the same kind in every part
    return {what: state.merged(other[what]) for what, state in one.items()}  # type: ignore[arg-type]


def _least(one: Number | None, other: Number | None) -> Any:
    return one if other is None else other if one is None else min(one, other)


def _greatest(one: Number | None, other: Number | None) -> Any:
    return one if other is None else other if one is None else max(one, other)
