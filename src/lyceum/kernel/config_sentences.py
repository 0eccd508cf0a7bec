"""What a person is told of a setting that cannot be used."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic.fields import FieldInfo


def sentence_of(
    problem: Mapping[str, Any], fields: Mapping[str, FieldInfo], *, env_prefix: str, config_file: str
) -> str:
    """Return one sentence for one of pydantic's problems; the value stands in it unless it is a secret."""
    field = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(field.lower().removeprefix(env_prefix.lower()), fields, n=1)
        advice = f"did you mean {near[0]}?" if near else "`lyceum config` shows every setting."
        return f"{config_file} in the hub's home sets {field}, which is no setting: {advice}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if field in fields and _is_secret(fields[field]):
        return f"{env_prefix}{field.upper()}: {message}."
    return f"{env_prefix}{field.upper()} is {problem.get('input')!r}: {message}."


def sentence_of_unparsable(error: Exception, *, env_prefix: str) -> str:
    """Return the sentence for a value that had to be JSON."""
    named = re.search(r'field "(\w+)"', str(error))
    setting = f"{env_prefix}{named[1].upper()}" if named else "A setting"
    return f'{setting} must be a JSON object, such as {{"aws_region": "eu-central-1"}}.'


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)
