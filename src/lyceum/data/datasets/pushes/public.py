"""What the rest of the datasets knows of pushes."""

from lyceum.data.datasets.pushes.buffer import PUSHED, come_back, forget_of_organisation

__all__ = ["PUSHED", "come_back", "forget_of_organisation"]
