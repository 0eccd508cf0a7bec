"""The thread in which a topic is read: gathered into batches, from the places that the table says, never from Kafka's own.

One batch is gathered while another is being made a version of; when both are full, the partitions rest.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from lyceum.data.streams.connecting import StreamPlan, client_settings
from lyceum.data.streams.errors import BrokerAway, BrokerRefuses
from lyceum.data.streams.framing import schema_number
from lyceum.data.streams.work import CONTENT_BYTES_MAX, MESSAGE_BYTES_MAX, Message, Span
from lyceum.kernel.problems import Problem

BATCH_BYTES_MAX = 16 * 1024**2
SCHEMAS_MAX = 100
"""That the messages of a batch name; it is full with them."""
POLL_SECONDS = 0.1
AT_ONCE_MAX = 1000
METADATA_SECONDS_MAX = 10.0
COMPLAINTS_MAX = 10
METADATA_SECONDS = 1.0
"""Of one try, after which is seen whether the brokers refuse."""
LOOK_AT = "Look at the stream's servers, and at whether they ask for TLS, a password or a certificate."
_LOCAL = "Local: "
"""What the library begins with when it is not a broker that says so."""
_UNTRUSTED = re.compile("certificate.verify.failed")
_ASIDE = re.compile(r" \(after [^)]*\)|(?<=\d)/bootstrap")
_REFUSALS = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 so they are called
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
    }
)
_AWAY = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 so they are called
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 so they are called
        KafkaError._RESOLVE,  # noqa: SLF001 so they are called
        KafkaError._TIMED_OUT,  # noqa: SLF001 so they are called
    }
)
_PASSING = frozenset({KafkaError._PARTITION_EOF, KafkaError._MAX_POLL_EXCEEDED})  # noqa: SLF001 so they are called

log = logging.getLogger(__name__)
# what the library tells of its connections is shown with the stream
_quiet = logging.getLogger(f"{__name__}.library")
_quiet.setLevel(logging.CRITICAL)


@dataclass(slots=True)
class Batch:
    """Messages of some partitions that follow each other without a gap."""

    messages: list[Message] = field(default_factory=list)
    first: dict[int, int] = field(default_factory=dict)
    next: dict[int, int] = field(default_factory=dict)
    schema_numbers: set[int] = field(default_factory=set)
    byte_count: int = 0
    began_at: float = 0.0
    generation: int = 0

    def spans(self) -> tuple[Span, ...]:
        """Return what was read of each partition."""
        return tuple(Span(partition=p, first=self.first[p], next=self.next[p]) for p in sorted(self.next))


@dataclass(frozen=True, slots=True)
class PartitionSeen:
    """What the thread knows of a partition that it reads."""

    partition: int
    end_offset: int | None
    message_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the thread asks of those who started it; each call waits for the answer."""

    placing: Callable[[Sequence[int]], dict[int, int]]
    """Of partitions, from where to read those that were read before."""
    beginning: Callable[[int, int], int]
    """Of a partition never read before and where it is to be begun, from where to read it."""
    judging: Callable[[Sequence[tuple[str, int]]], None]
    """Raises for brokers that the hub does not speak to."""


class TopicReader(threading.Thread):
    """Reads a topic as a member of its group until it is stopped; `failed` says why it ended by itself."""

    def __init__(self, plan: StreamPlan, asked: Asked) -> None:
        super().__init__(name=f"stream-{plan.id}", daemon=True)
        self._plan = plan
        self._asked = asked
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._rewinding = threading.Event()
        self._gathered = Batch()
        self._full: Batch | None = None
        self._positions: dict[int, int] = {}
        self._seen: dict[int, PartitionSeen] = {}
        self._read_up_to: dict[int, int] | None = None
        self._resting = False
        self.generation = 0
        """Rises whenever reading begins anew somewhere; batches of an earlier one are out of date."""
        self.failed: Exception | None = None
        self.is_reading = False
        self.complaint: str | None = None
        """What the library says of its connections, where they do not work just now."""

    def run(self) -> None:
        """Read until stopped."""
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 whoever started the thread looks at it
            if self.failed is None:
                self.failed = _as_problem(error)

    def stop(self) -> None:
        """Have the thread end soon, leaving the group; does not wait."""
        self._stopped.set()

    def rewind(self) -> None:
        """Have everything that was gathered dropped, and read again from where the table says."""
        self._rewinding.set()

    def take(self) -> Batch | None:
        """Return a batch that is to become a version, once."""
        with self._lock:
            batch, self._full = self._full, None
        return batch

    def note_read(self, offsets: dict[int, int]) -> None:
        """Have Kafka told how far the table goes, for those who look there; nothing here reads it back."""
        with self._lock:
            self._read_up_to = offsets

    def seen(self) -> list[PartitionSeen]:
        """Return the partitions that are read just now."""
        with self._lock:
            return list(self._seen.values())

    def _run(self) -> None:
        consumer = Consumer(client_settings(self._plan) | {"error_cb": self._complain, "logger": _quiet})
        try:
            self._look(consumer)
            consumer.subscribe([self._plan.topic], on_assign=self._assigned, on_revoke=self._revoked)
            while not self._stopped.is_set():
                messages = consumer.consume(AT_ONCE_MAX, POLL_SECONDS)
                if self._rewinding.is_set():
                    self._rewinding.clear()
                    self._place(consumer, sorted(self._positions), consumer.seek)
                    continue
                self._gather(messages)
                self._hand_on(consumer)
        finally:
            consumer.close()

    def _look(self, consumer: Consumer) -> None:
        """Look at the brokers and the topic before anything is asked of other brokers than those that were named."""
        found = self._metadata(consumer)
        self._asked.judging([(broker.host, broker.port) for broker in found.brokers.values()])
        topic = found.topics.get(self._plan.topic)
        if topic is None or topic.error is not None:
            why = topic.error if topic is not None else None
            if why is not None and _is_refusal(why):
                raise KafkaException(why)
            raise BrokerAway(f"The brokers have no topic {self._plan.topic!r}; it is looked for again.")
        self.complaint = None

    def _metadata(self, consumer: Consumer) -> Any:
        until = time.monotonic() + METADATA_SECONDS_MAX
        while True:
            try:
                return consumer.list_topics(self._plan.topic, timeout=METADATA_SECONDS)
            except KafkaException as error:
                # what the library has to say of its connections it says when it is asked for messages, one thing at a time
                for _ in range(COMPLAINTS_MAX):
                    consumer.poll(0)
                if self.failed is not None:
                    raise self.failed from None
                if error.args[0].code() not in _AWAY:
                    raise
                if time.monotonic() >= until or self._stopped.is_set():
                    raise BrokerAway(f"{self.complaint or _unreachable(error.args[0])} {LOOK_AT}") from None

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._positions = {}
        with self._lock:
            self._seen = {}
        numbers = sorted(one.partition for one in partitions)
        places = self._places(consumer, numbers)
        consumer.assign([TopicPartition(self._plan.topic, number, places[number]) for number in numbers])
        self._resting = False
        self._begin(places)
        self.is_reading = True

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._begin({})

    def _place(self, consumer: Consumer, numbers: list[int], go: Callable[[TopicPartition], None]) -> None:
        places = self._places(consumer, numbers)
        for number in numbers:
            go(TopicPartition(self._plan.topic, number, places[number]))
        self._begin(places)

    def _places(self, consumer: Consumer, numbers: list[int]) -> dict[int, int]:
        places = self._asked.placing(numbers)
        for number in numbers:
            if number not in places:
                place = TopicPartition(self._plan.topic, number)
                low, high = consumer.get_watermark_offsets(place, timeout=METADATA_SECONDS_MAX)
                places[number] = self._asked.beginning(number, int(high if self._plan.starts_at_end else low))
        return places

    def _begin(self, places: dict[int, int]) -> None:
        with self._lock:
            self._positions = dict(places)
            self.generation += 1
            self._gathered, self._full = Batch(generation=self.generation), None
            before = self._seen
            unknown = PartitionSeen(0, None, None)
            self._seen = {
                number: PartitionSeen(
                    number, before.get(number, unknown).end_offset, before.get(number, unknown).message_at
                )
                for number in places
            }

    def _gather(self, messages: list[KafkaMessage]) -> None:
        batch = self._gathered
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() not in _PASSING:
                    raise KafkaException(error)
                continue
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None:
                continue
            position = self._positions.get(partition)
            # of a partition that has gone to another consumer, or from before it was rewound
            if position is None or offset < position:
                continue
            value, too_large = _kept(message.value())
            kind, at_ms = message.timestamp()
            at = at_ms if kind != TIMESTAMP_NOT_AVAILABLE else None
            if not batch.messages:
                batch.began_at = time.monotonic()
            batch.messages.append(Message(partition, offset, at, value, too_large))
            batch.byte_count += len(value or b"")
            if value is not None and too_large is None and (number := schema_number(value)) is not None:
                batch.schema_numbers.add(number)
            batch.first.setdefault(partition, position)
            batch.next[partition] = self._positions[partition] = offset + 1
            if at is not None:
                moment = datetime.fromtimestamp(at / 1000, UTC)
                self._seen[partition] = PartitionSeen(partition, self._seen[partition].end_offset, moment)
        if messages:
            self.complaint = None

    def _hand_on(self, consumer: Consumer) -> None:
        batch = self._gathered
        is_full = len(batch.messages) >= self._plan.flush_rows or batch.byte_count >= BATCH_BYTES_MAX
        is_full = is_full or len(batch.schema_numbers) >= SCHEMAS_MAX
        is_old = bool(batch.messages) and time.monotonic() - batch.began_at >= self._plan.flush_seconds
        with self._lock:
            if (is_full or is_old) and self._full is None:
                self._full, self._gathered = batch, Batch(generation=self.generation)
                is_full = False
            read_up_to, self._read_up_to = self._read_up_to, None
        self._rest(consumer, wanted=is_full)
        if read_up_to:
            own = {number: offset for number, offset in read_up_to.items() if number in self._positions}
            places = [TopicPartition(self._plan.topic, number, offset) for number, offset in own.items()]
            if places:
                consumer.store_offsets(offsets=places)
        self._look_at_ends(consumer)

    def _rest(self, consumer: Consumer, *, wanted: bool) -> None:
        if wanted == self._resting:
            return
        partitions = [TopicPartition(self._plan.topic, number) for number in self._positions]
        (consumer.pause if wanted else consumer.resume)(partitions)
        self._resting = wanted

    def _look_at_ends(self, consumer: Consumer) -> None:
        with self._lock:
            for number, seen in self._seen.items():
                ends = consumer.get_watermark_offsets(TopicPartition(self._plan.topic, number), cached=True)
                high = int(ends[1]) if ends else -1  # type: ignore[redundant-expr, unused-ignore]  # None before the first answer
                if high >= 0 and high != seen.end_offset:
                    self._seen[number] = PartitionSeen(number, high, seen.message_at)

    def _complain(self, error: KafkaError) -> None:
        if _is_refusal(error):
            self.failed = _as_problem(KafkaException(error))
            self._stopped.set()
        # that all of them are down says less than what one of them has done
        if self.complaint is None or error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 so it is called
            self.complaint = _unreachable(error)


def _kept(value: bytes | None) -> tuple[bytes | None, int | None]:
    """Return what is handed on of a message, and its size where that is not all of it."""
    if value is None or len(value) <= MESSAGE_BYTES_MAX:
        return value, None
    return value[:CONTENT_BYTES_MAX], len(value)


def _as_problem(error: Exception) -> Exception:
    """Return why reading ended, in a sentence where it was the brokers' doing."""
    if isinstance(error, Problem) or not isinstance(error, KafkaException):
        return error
    why: Any = error.args[0] if error.args else None
    if isinstance(why, KafkaError) and _is_refusal(why):
        return BrokerRefuses(f"The brokers do not let the stream read: {_said(why)}.")
    if isinstance(why, KafkaError) and why.code() == KafkaError._INVALID_ARG:  # noqa: SLF001 so it is called
        return BrokerRefuses(f"The settings of the stream cannot be used: {_said(why)}.")
    if isinstance(why, KafkaError) and why.code() in _AWAY:
        return BrokerAway(_unreachable(why))
    return BrokerAway(f"Reading was broken off, and is begun again: {_said(why)}.")


def _is_refusal(error: KafkaError) -> bool:
    # a connection that is lost while a client signs in is told of as if the client had been refused
    return error.code() in _REFUSALS and _LOCAL not in str(error.str())


def _unreachable(error: KafkaError) -> str:
    return f"The brokers cannot be reached: {_said(error)}."


def _said(error: Any) -> str:
    text = str(error.str()) if isinstance(error, KafkaError) else str(error)
    if _UNTRUSTED.search(text):
        return "their certificate is signed by nobody whom the stream trusts, or is for another name"
    return _ASIDE.sub("", " ".join(text.split()))[:300].rstrip(". ")
