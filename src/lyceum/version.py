"""The release of this package."""

from importlib.metadata import version

VERSION = version("lyceum-hub")
