"""What those above hold of pushes; `public` is for what the pushes themselves stand on."""

from lyceum.data.datasets.pushes.keeping import keep_records, make_version_of_kept
from lyceum.data.datasets.pushes.together import PushesTogether

__all__ = ["PushesTogether", "keep_records", "make_version_of_kept"]
