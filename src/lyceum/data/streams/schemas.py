"""Streams over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lyceum.data.streams.work import Format, NewFields

Protocol = Literal["plaintext", "tls", "sasl_plaintext", "sasl_tls"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
PEM_CHARACTERS_MAX = 100_000
Pem = Annotated[str, Field(min_length=1, max_length=PEM_CHARACTERS_MAX)]
SecretPem = Annotated[SecretStr, Field(min_length=1, max_length=PEM_CHARACTERS_MAX)]
Word = Annotated[str, Field(min_length=1, max_length=255)]
SecretWord = Annotated[SecretStr, Field(min_length=1, max_length=1000)]
Server = Annotated[str, Field(min_length=3, max_length=260, description="Such as `kafka.example.org:9092`.")]
FlushRows = Annotated[int, Field(ge=1, le=1_000_000)]
FlushSeconds = Annotated[int, Field(ge=1, le=3600)]
Consumers = Annotated[int, Field(ge=1, le=16)]
DeadLettersMax = Annotated[int, Field(ge=0, le=100_000)]


class StreamSecurity(BaseModel):
    """How the brokers are spoken to; secrets are sealed and never shown."""

    model_config = ConfigDict(extra="forbid")

    protocol: Protocol = "plaintext"
    mechanism: Mechanism | None = Field(None, description="Of a protocol with `sasl`.")
    username: Word | None = None
    password: SecretWord | None = None
    authorities: Pem | None = Field(
        None, description="Whom to believe who a broker is, as PEM; else those browsers believe."
    )
    certificate: Pem | None = Field(None, description="What the hub says of itself, as PEM, with `key`.")
    key: SecretPem | None = None


class StreamRegistry(BaseModel):
    """Where the schemas are that messages name."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(
        None, min_length=8, max_length=2000, description="Null: the registry of the organisation here."
    )
    username: Word | None = None
    password: SecretWord | None = None


class NewStream(BaseModel):
    """A topic of Kafka to read into a dataset."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    servers: list[Server] = Field(min_length=1, max_length=10)
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    group: Word | None = Field(None, description="The consumer group; one of its own where it is not given.")
    format: Format = "json"
    new_fields: NewFields | None = Field(
        None,
        description="Whether fields that are no columns become columns (`add`), or make the message a dead letter. Not given: "
        "`add` for `avro` and `protobuf`, `dead_letter` for `json`.",
    )
    start: Literal["earliest", "latest"] = Field(
        "earliest", description="Where to begin in partitions never read before."
    )
    registry: StreamRegistry = StreamRegistry()
    security: StreamSecurity = StreamSecurity()
    flush_rows: FlushRows = Field(50_000, description="A version is made when so many messages were read, …")
    flush_seconds: FlushSeconds = Field(30, description="… or so long after the first of them.")
    consumers: Consumers = Field(1, description="How many workers may share the partitions.")
    dead_letters_max: DeadLettersMax = Field(1000, description="The stream stops where more are held.")


class StreamChange(BaseModel):
    """What to change of a stream; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=100)
    servers: list[Server] | None = Field(None, min_length=1, max_length=10)
    new_fields: NewFields | None = None
    registry: StreamRegistry | None = None
    security: StreamSecurity | None = Field(None, description="As a whole, with its secrets.")
    flush_rows: FlushRows | None = None
    flush_seconds: FlushSeconds | None = None
    consumers: Consumers | None = None
    dead_letters_max: DeadLettersMax | None = None


class StreamSecurityShown(BaseModel):
    """How the brokers are spoken to, without what is secret."""

    protocol: Protocol
    mechanism: Mechanism | None
    username: str | None
    has_authorities: bool
    has_certificate: bool


class StreamRegistryShown(BaseModel):
    """Where the schemas are, without what is secret."""

    url: str | None
    username: str | None


class StreamPartition(BaseModel):
    """How far a partition was read."""

    partition: int
    next_offset: int = Field(description="Of the first message that is neither in the table nor a dead letter.")
    end_offset: int | None = Field(description="Where the partition ended when it was last looked at.")
    lag: int | None = Field(description="How many messages lie between.")
    message_at: datetime | None = Field(description="When the last message that was seen was written.")
    seen_at: datetime | None


class StreamConsumer(BaseModel):
    """A worker that reads the stream just now."""

    worker_id: UUID
    partitions: list[int]
    since: datetime


class Stream(BaseModel):
    """A stream, and how it goes."""

    id: UUID
    dataset: str
    name: str
    servers: list[str]
    topic: str
    group: str
    format: Format
    new_fields: NewFields
    start: Literal["earliest", "latest"]
    registry: StreamRegistryShown
    security: StreamSecurityShown
    flush_rows: int
    flush_seconds: int
    consumers: int
    dead_letters_max: int
    state: Literal["running", "paused", "stopped"] = Field(
        description="`stopped` by the hub, for the reason in `error`."
    )
    error: str | None
    error_at: datetime | None
    appended_rows: int
    skipped_messages: int = Field(description="That had no value, by which Kafka says that a key was deleted.")
    held_dead_letters: int
    last_message_at: datetime | None
    last_version_at: datetime | None
    lag: int | None = Field(description="Of all partitions; null before they were looked at.")
    created_at: datetime
    revision: int


class StreamDetail(Stream):
    """A stream with its partitions and who reads them."""

    partitions: list[StreamPartition]
    read_by: list[StreamConsumer]


class StreamPage(BaseModel):
    """A page of streams, newest first."""

    items: list[Stream]
    next: str | None


class DeadLetterShown(BaseModel):
    """A message that is no row, and why."""

    id: UUID
    topic: str
    partition: int
    offset: int
    message_at: datetime | None
    byte_count: int
    reason: str
    state: Literal["held", "trying", "taken", "given_up"]
    decided_at: datetime | None
    created_at: datetime


class DeadLetterDetail(DeadLetterShown):
    """A message that is no row, with its first bytes."""

    content: str = Field(description="In base64.")
    text: str | None = Field(description="The same as text, where it is one.")
    is_whole: bool
    is_masked: bool = Field(
        description="Marked columns are masked; of a message that is no JSON nothing is shown. A member may ask for it unmasked."
    )


class DeadLetterPage(BaseModel):
    """A page of dead letters, newest first."""

    items: list[DeadLetterShown]
    next: str | None
