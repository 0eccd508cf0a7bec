"""What clients and the hub say to each other on a socket: JSON objects, each with a `type`."""

import msgspec

TOPIC_CHARACTERS_MAX = 200


class Hello(msgspec.Struct, tag="hello", frozen=True):
    """The client's first message, where its key did not come in the `Authorization` header."""

    key: str


class Follow(msgspec.Struct, tag="follow", frozen=True):
    """Tell me of a topic; `after` is the position of the last news I had of it."""

    topic: str
    after: str | None = None


class Leave(msgspec.Struct, tag="leave", frozen=True):
    """Tell me no more of a topic."""

    topic: str


class Ping(msgspec.Struct, tag="ping", frozen=True):
    """Are you there? For programs that cannot send the protocol's own pings, such as browsers."""


Asked = Hello | Follow | Leave | Ping


class Welcome(msgspec.Struct, tag="welcome", frozen=True):
    """The socket knows whose it is; news are `late` when Valkey is away."""

    late: bool


class Following(msgspec.Struct, tag="following", frozen=True):
    """News of the topic come from here on. With `missed`, some came before that are no longer kept: read anew."""

    topic: str
    position: str
    missed: bool


class News(msgspec.Struct, tag="news", frozen=True):
    """What was told of a topic."""

    topic: str
    position: str
    news: msgspec.Raw


class Missed(msgspec.Struct, tag="missed", frozen=True):
    """No more comes of the topic until it is followed again, after `position`: some news could not be handed over."""

    topic: str
    position: str | None


class Left(msgspec.Struct, tag="left", frozen=True):
    """No more comes of the topic, as asked."""

    topic: str


class Refused(msgspec.Struct, tag="refused", frozen=True):
    """What was asked is not done, or a topic may not be followed any longer; `code` is that of a problem."""

    code: str
    detail: str
    topic: str | None = None


class Late(msgspec.Struct, tag="late", frozen=True):
    """Whether news are late from now on: poll while they are."""

    late: bool


class Pong(msgspec.Struct, tag="pong", frozen=True):
    """The hub is there."""


Said = Welcome | Following | News | Missed | Left | Refused | Late | Pong

encode = msgspec.json.Encoder().encode
_decoder: "msgspec.json.Decoder[Asked]" = msgspec.json.Decoder(Asked)


def decode(text: str | bytes) -> Asked:
    """Return what a client says; raises `ValueError` in words for its author."""
    try:
        asked = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"The message cannot be read: {error}.") from None
    topic = getattr(asked, "topic", "")
    if len(topic) > TOPIC_CHARACTERS_MAX:
        raise ValueError(f"A topic has at most {TOPIC_CHARACTERS_MAX} characters.")
    return asked
