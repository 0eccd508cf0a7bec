"""What searches for odd rows can refuse."""

from lyceum.kernel.problems import NotFound


class OddRowSearchNotFound(NotFound):
    """No such search for odd rows, or none the caller may see."""

    code = "odd_row_search_not_found"
