"""What the registry can refuse."""

from lyceum.kernel.problems import Conflict, Invalid, NotFound


class ModelNotFound(NotFound):
    """No such model, or none the caller may see."""

    code = "model_not_found"


class ModelVersionNotFound(NotFound):
    """No such version of the model."""

    code = "model_version_not_found"


class ModelArchived(Conflict):
    """The model was taken out of service while it was asked for."""

    code = "model_archived"


class ModelNameInvalid(Invalid):
    """Text that cannot be a model's name or alias."""

    code = "model_name_invalid"
