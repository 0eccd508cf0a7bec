"""The door of watching, for whoever makes a model; light, since trainings import it."""

from lyceum.serve.watching.references import reference_key, training_reference, without_value

__all__ = ["reference_key", "training_reference", "without_value"]
