"""Which passwords are taken: of a length, and none that is guessed first."""

from functools import lru_cache
from pathlib import Path

from lyceum.accounts.errors import PasswordWeak
from lyceum.kernel.security import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN

_COMMON_FILE = Path(__file__).parent / "people" / "common_passwords.txt"
_PART_CHARACTERS_MIN = 4
_AROUND = "0123456789!?.,-_*#$%&+=@ "
"""What people put around a word to have it taken."""


def refuse_weak(password: str, *, email: str | None, display_name: str) -> None:
    """Raise `PasswordWeak` for a password that is too short or too long, common, or made of the person's own names."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise PasswordWeak(
            f"A password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters; this one has {len(password)}."
        )
    lowered = password.lower()
    core = lowered.strip(_AROUND)
    if lowered in _common() or core in _common() or len(set(core)) < _PART_CHARACTERS_MIN:
        raise PasswordWeak(
            "This password is among the first that are guessed; take several words that are not a saying."
        )
    names = {"lyceum", *(email or "").lower().partition("@")[0].split("."), *display_name.lower().split()}
    # what is left is what has to be guessed
    left = core
    for name in sorted(names, key=len, reverse=True):
        left = left.replace(name, "") if len(name) >= _PART_CHARACTERS_MIN else left
    if len(left.strip(_AROUND)) < _PART_CHARACTERS_MIN:
        raise PasswordWeak("This password is little more than a name of yours or the hub's; take several other words.")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    lines = _COMMON_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
