"""Checks as files, and reports as other programs read them: the door of this package."""

from lyceum.data.quality.ascode.check_files import checks_in, suggestions_as_yaml
from lyceum.data.quality.ascode.outputs import as_github_annotations, as_junit, as_markdown

__all__ = ["as_github_annotations", "as_junit", "as_markdown", "checks_in", "suggestions_as_yaml"]
