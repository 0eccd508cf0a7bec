"""What a `User-Agent` header says of a device, in the few words that a person recognises their own by."""

import re

_PROGRAMS = (
    (re.compile(r"lyceum-client/"), "Lyceum client"),
    (re.compile(r"Edg(?:e|A|iOS)?/"), "Edge"),
    (re.compile(r"OPR/|Opera"), "Opera"),
    (re.compile(r"SamsungBrowser/"), "Samsung Internet"),
    (re.compile(r"Firefox/|FxiOS/"), "Firefox"),
    (re.compile(r"Chrome/|CriOS/|Chromium/"), "Chrome"),
    (re.compile(r"Version/.*Safari/"), "Safari"),
    (re.compile(r"curl/"), "curl"),
    (re.compile(r"python|httpx|aiohttp", re.IGNORECASE), "Python"),
)
_SYSTEMS = (
    (re.compile(r"iPhone"), "iPhone"),
    (re.compile(r"iPad"), "iPad"),
    (re.compile(r"Android"), "Android"),
    (re.compile(r"Windows"), "Windows"),
    (re.compile(r"Mac OS X|Macintosh"), "macOS"),
    (re.compile(r"CrOS"), "ChromeOS"),
    (re.compile(r"Linux"), "Linux"),
)
HEADER_CHARACTERS_READ = 400


def device_of(user_agent: str) -> str:
    """Return words such as `Firefox on Linux`."""
    read = user_agent[:HEADER_CHARACTERS_READ]
    program = next((name for form, name in _PROGRAMS if form.search(read)), "Unknown program")
    system = next((name for form, name in _SYSTEMS if form.search(read)), None)
    return f"{program} on {system}" if system else program
