"""The door of the audit log."""

from lyceum.accounts.audit.recording import note_audit, note_sensitive_read, record
from lyceum.accounts.audit.refusals import Refusals

__all__ = ["Refusals", "note_audit", "note_sensitive_read", "record"]
