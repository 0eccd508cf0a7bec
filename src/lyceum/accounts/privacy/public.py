"""The door of taking one's data along, and of leaving."""

from lyceum.accounts.privacy.exporters import EXPORTERS
from lyceum.accounts.privacy.providers import Eraser, Exporter

__all__ = ["EXPORTERS", "Eraser", "Exporter"]
