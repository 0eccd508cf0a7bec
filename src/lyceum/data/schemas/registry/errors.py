"""The registry's refusals as its clients know them."""

from collections.abc import Mapping

from lyceum.kernel.problems import Invalid, Problem

ERROR_CODES: Mapping[str, int] = {
    "schema_subject_not_found": 40401,
    "schema_version_not_found": 40402,
    "schema_not_found": 40403,
    "schema_subject_deleted": 40404,
    "schema_subject_not_deleted": 40405,
    "schema_version_deleted": 40406,
    "schema_version_not_deleted": 40407,
    "schema_compatibility_not_set": 40408,
    "schema_write_mode_not_set": 40409,
    "schema_invalid": 42201,
    "schema_version_invalid": 42202,
    "schema_compatibility_invalid": 42203,
    "schema_write_mode_invalid": 42204,
    "schema_subject_read_only": 42205,
    "schema_referred": 42206,
    "schema_incompatible": 409,
}
"""By the code of the problem (Schema Registry API reference, errors); of all others the status of HTTP."""


class PartUnsupported(Invalid):
    """A schema with rules or metadata, which this registry does not keep."""

    code = "schema_invalid"


def error_code(problem: Problem) -> int:
    """Return the number that clients know a refusal by."""
    return ERROR_CODES.get(problem.code, problem.status)
