"""What comparing versions can refuse."""

from lyceum.kernel.problems import Invalid, NotFound


class DiffNotFound(NotFound):
    """No such comparison, or none the caller may see."""

    code = "diff_not_found"


class KeyUnusable(Invalid):
    """The columns named do not say which row is which."""

    code = "key_unusable"
