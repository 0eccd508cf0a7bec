"""What the rest of the datasets knows of pushes."""

from lyceum.data.datasets.pushes.buffer import PUSHED, come_back, forget_of_organisation
from lyceum.data.datasets.pushes.models import PushedBatchRow

__all__ = ["PUSHED", "PushedBatchRow", "come_back", "forget_of_organisation"]
