"""The settings that commands work with."""

from typing import TYPE_CHECKING

from lyceum.hub.errors import HubRefused

if TYPE_CHECKING:
    from lyceum.kernel.config import Settings


def settings_here(**given: object) -> "Settings":
    """Return the settings of this environment and home, those `given` in their place; raises `HubRefused`."""
    from lyceum.kernel.config import SettingsInvalid, load_settings

    try:
        return load_settings(**given)
    except SettingsInvalid as error:
        raise HubRefused(str(error)) from None
