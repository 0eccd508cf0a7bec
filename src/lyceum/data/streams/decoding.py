"""Messages as plain values by names: JSON, and Avro, Protobuf and JSON Schema as Confluent's clients frame them.

A frame is a zero byte, the schema's number in four bytes, for Protobuf the path to the message's type, and the content. What
a value is as a column follows from the schema where there is one; what is nested becomes JSON in a text.
"""

from collections.abc import Callable, Mapping

from lyceum.data.schemas.engine.public import InvalidSchema
from lyceum.data.streams.avro_messages import avro_reader
from lyceum.data.streams.decoded import Decoded, Undecodable, said
from lyceum.data.streams.framing import FRAME_BYTES, schema_number
from lyceum.data.streams.json_messages import json_object, json_reader
from lyceum.data.streams.protobuf_messages import protobuf_reader
from lyceum.data.streams.work import Format, SchemaText


class Decoder:
    """Reads the messages of a stream with the schemas that they name."""

    def __init__(self, form: Format, schemas: Mapping[int, SchemaText]) -> None:
        self._form = form
        self._schemas = schemas
        self._readers: dict[int, Callable[[bytes], Decoded]] = {}

    def decode(self, value: bytes) -> Decoded:
        """Return what a message says; raises `Undecodable`."""
        number = schema_number(value)
        if self._form == "json" and number is None:
            return Decoded(json_object(value), None)
        if number is None:
            raise Undecodable(
                "The message does not begin with the number of a schema, as messages written with a schema registry do."
            )
        reader = self._readers.get(number)
        if reader is None:
            reader = self._readers[number] = self._made(number)
        try:
            return reader(value[FRAME_BYTES:])
        except Undecodable:
            raise
        except Exception as error:  # noqa: BLE001 whatever a library makes of bytes that strangers send
            raise Undecodable(f"The message is not written with schema {number}: {said(error)}.") from None

    def _made(self, number: int) -> Callable[[bytes], Decoded]:
        """Return what reads messages of a schema; of one that cannot be used, what says so of each, without a new try."""
        try:
            return self._reader(number)
        except Undecodable as error:
            return _refusing(str(error))
        except InvalidSchema as error:
            return _refusing(f"Schema {number} cannot be used: {error.detail}")
        except RecursionError:
            return _refusing(f"Schema {number} is nested too deeply.")
        except Exception as error:  # noqa: BLE001 whatever a library makes of a schema that strangers wrote
            return _refusing(f"Schema {number} cannot be used: {said(error)}.")

    def _reader(self, number: int) -> Callable[[bytes], Decoded]:
        schema = self._schemas.get(number)
        if schema is None or schema.missing:
            raise Undecodable(schema.missing if schema is not None else f"The registry has no schema {number}.")
        if schema.type.upper() != self._form.upper():
            raise Undecodable(
                f"Schema {number} is one of {schema.type.title()[:40]}, and the stream reads {self._form}."
            )
        if self._form == "avro":
            return avro_reader(number, schema)
        if self._form == "protobuf":
            return protobuf_reader(schema)
        return json_reader(schema)


def _refusing(why: str) -> Callable[[bytes], Decoded]:
    def read(_content: bytes) -> Decoded:
        raise Undecodable(why)

    return read
