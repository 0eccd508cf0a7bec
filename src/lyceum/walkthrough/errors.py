"""Why the walkthrough stops; every text is one sentence for the person at the terminal."""


class InputRefused(Exception):
    """The file, the target or an option cannot be used, and the person can change that (exit code 2)."""


class WalkthroughFailed(Exception):
    """Something that should have worked did not (exit code 1)."""


class Stopped(Exception):
    """The person stopped it before the report; the text says what is left of it (exit code 130)."""
