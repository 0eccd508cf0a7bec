"""The door of jobs."""

from lyceum.jobs.schemas import JobProgress

__all__ = ["JobProgress"]
