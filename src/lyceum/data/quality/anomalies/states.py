"""What is kept of a dataset's metrics between points, what is said of a point, and what people say back."""

from enum import IntEnum, StrEnum

import msgspec

STATE_VERSION = 1
DETECTORS = ("seasonal", "robust", "smoothing", "forest")
"""Used when nothing else is asked."""
NETWORK = "sequence"
"""The detector that comes with the extra `lyceum-hub[torch]`."""


class Mark(IntEnum):
    """What a metric's point is to the baseline."""

    KEPT = 0
    HELD = 1
    """Odd, and nobody has said anything: in the baseline only as far as the edge of its band."""
    CONFIRMED = 2
    """Said to be not expected: out for good."""
    EXPECTED = 3
    """Said to be expected: in."""
    LEFT_BEHIND = 4
    """Before a new level that was accepted: out."""


class Standing(StrEnum):
    """What a point is said to be."""

    LEARNING = "learning"
    USUAL = "usual"
    ODD = "odd"


class Answer(StrEnum):
    """What a person says of an odd point."""

    EXPECTED = "expected"
    NOT_EXPECTED = "not_expected"
    NEW_LEVEL = "new_level"
    """Expected, and from here on this is how it is."""


class WatchOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a dataset's metrics are watched."""

    alarm_share: float = 0.05
    """The alarm budget: the share of points that may be called odd."""
    learning_points: int = 28
    kept_points: int = 180
    accepted_after_points: int = 7
    """A metric that stays odd for so many points in a row has a new level, and is accepted there."""
    detectors: tuple[str, ...] = DETECTORS
    threshold: float | None = None
    """The fused score above which a point is odd; None for the quantile of earlier scores that the budget asks for."""
    seed: int = 0


class Observation(msgspec.Struct, frozen=True):
    """The metrics of one point."""

    at: float
    """Seconds since 1970."""
    metrics: dict[str, float]


class Finding(msgspec.Struct, frozen=True):
    """A metric of a point with what was expected of it."""

    metric: str
    value: float
    low: float
    expected: float
    high: float
    score: float
    """How much rarer the value is than what is usual for this metric; the band ends where it is the threshold's."""


class Verdict(msgspec.Struct, frozen=True):
    """What is said of one point."""

    at: float
    standing: Standing
    score: float
    """The fused score."""
    threshold: float
    rank: float
    """The calibrated rank: the share of earlier points with a lower score."""
    scores: dict[str, float]
    """By detector, minus log10 of its calibrated rank."""
    findings: tuple[Finding, ...]
    """The metrics that stand out most, the first being the oddest; also of a usual point."""
    points: int
    """How many were known before this one."""


class MetricWatch(msgspec.Struct, frozen=True):
    """All that is known of a dataset's metrics; encode with `encoded`, read with `decoded`."""

    version: int = STATE_VERSION
    options: WatchOptions = WatchOptions()
    names: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    values: bytes = b""
    """float64, points by metrics; NaN where a metric was missing."""
    taken: bytes = b""
    """What the baseline takes for each value: the edge of the band for one that is held, NaN for one that is out."""
    marks: bytes = b""
    """uint8, points by metrics: `Mark`."""
    errors: dict[str, bytes] = {}
    """By detector float32, points by metrics: value less centre, divided by the scale."""
    surprises: dict[str, bytes] = {}
    scores: dict[str, tuple[float, ...]] = {}
    """By detector, the score of each point."""
    ranks: dict[str, tuple[float, ...]] = {}
    """By detector, minus log10 of the rank that the score had when it came."""
    fused: tuple[float, ...] = ()
    odd: tuple[bool, ...] = ()
    refuted: tuple[bool, ...] = ()
    """Points confirmed as faults: left out of what is usual."""
    weights: dict[str, float] = {}
    tolerance: tuple[float, ...] = ()
    """By metric, at least 1: how much more it may startle since people called a point of it expected."""


class StateUnreadable(Exception):
    """Kept bytes are not a state of this release."""


def encoded(state: MetricWatch) -> bytes:
    """Return the state as MessagePack."""
    return msgspec.msgpack.encode(state)


def decoded(kept: bytes) -> MetricWatch:
    """Return the state that `encoded` wrote; raises `StateUnreadable` for other bytes and other versions."""
    try:
        version = msgspec.msgpack.decode(kept, type=_Versioned).version
        if version != STATE_VERSION:
            raise StateUnreadable(
                f"The state of these metrics has version {version} and this release reads {STATE_VERSION}: replay the history."
            )
        return msgspec.msgpack.decode(kept, type=MetricWatch)
    except msgspec.MsgspecError as error:
        raise StateUnreadable("The state of these metrics cannot be read: replay the history.") from error


class _Versioned(msgspec.Struct):
    version: int
