"""What keeps a hub from starting or answering; every text is one sentence for the person at the terminal."""


class HubRefused(Exception):
    """The hub cannot start as asked, and the person can change that (exit code 2)."""


class HubFailed(Exception):
    """Something that should have worked did not (exit code 1)."""


class HubNotRunning(HubRefused):
    """Nobody answers on the control socket of this data folder (exit code 3)."""
