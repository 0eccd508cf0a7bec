"""What keeps a backup from being made, read or put back; every text is one sentence for the person at the terminal."""


class BackupRefused(Exception):
    """It may not be done as asked, and the person can change that."""


class BackupDamaged(Exception):
    """Something of a backup is not what it was when it was made; the text names the object."""


class BackupFailed(Exception):
    """Something that should have worked did not."""
