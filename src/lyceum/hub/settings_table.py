"""Every setting with its value, its source and its meaning, for `lyceum config`."""

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from lyceum.kernel.config import ENV_PREFIX, Settings, setting_source

MASK = "********"
INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting; a secret's value is masked, and None when it is not set."""

    name: str
    variable: str
    value: Any
    source: str
    meaning: str


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Return the settings in the order they are written down."""
    return [
        SettingRow(
            name=name,
            variable=f"{ENV_PREFIX}{name.upper()}",
            value=_shown(getattr(settings, name)),
            source=setting_source(name, settings.home),
            meaning=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def setting_lines(rows: list[SettingRow]) -> list[str]:
    """Return the settings as lines for people: value and source first, then the meaning."""
    lines = []
    for row in rows:
        value = "not set" if row.value is None or row.value in ("", [], {}) else row.value
        lines += [f"{row.variable} = {value}  ({row.source})", f"{INDENT}{row.meaning}"]
    return lines


def _shown(value: object) -> Any:
    match value:
        case SecretStr():
            return MASK if value.get_secret_value() else ""
        case dict():
            return {key: _shown(inner) for key, inner in value.items()}
        case tuple():
            return list(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
