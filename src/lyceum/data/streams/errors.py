"""What streams can refuse."""

from lyceum.kernel.problems import Conflict, Invalid, NotFound, Unavailable


class StreamNotFound(NotFound):
    """No such stream, or none the caller may see."""

    code = "stream_not_found"


class StreamExists(Conflict):
    """The dataset has a stream of that name."""

    code = "stream_exists"


class StreamInvalid(Invalid):
    """What a stream is to read cannot be read like that."""

    code = "stream_invalid"


class TooManyStreams(Conflict):
    """The organisation has as many streams as it may."""

    code = "too_many_streams"


class DeadLetterNotFound(NotFound):
    """No such message, or none the caller may see."""

    code = "dead_letter_not_found"


class DeadLetterDecided(Conflict):
    """The message is no longer held, or not all of it is there to be tried again."""

    code = "dead_letter_decided"


class MessagesGone(Conflict):
    """What was read is not there any more."""

    code = "messages_gone"


class BrokerAway(Unavailable):
    """The brokers do not answer, or not as brokers do."""

    code = "broker_away"


class BrokerRefuses(Invalid):
    """The brokers answer, and do not let the stream read."""

    code = "broker_refuses"
