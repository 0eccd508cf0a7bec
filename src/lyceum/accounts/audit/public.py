"""The door of the audit log."""

from lyceum.accounts.audit.queries import list_audit_of_person
from lyceum.accounts.audit.recording import note_audit, note_sensitive_read, record, record_here
from lyceum.accounts.audit.refusals import Refusals

__all__ = ["Refusals", "list_audit_of_person", "note_audit", "note_sensitive_read", "record", "record_here"]
