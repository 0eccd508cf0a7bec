"""What the prediction path can refuse."""

from lyceum.kernel.problems import Invalid, NotFound, Problem, TooLarge, Unavailable


class NothingHere(NotFound):
    """The path is no model's."""


class MethodNotAllowed(Problem):
    """Predictions are asked for with POST."""

    status = 405
    title = "Method not allowed"
    code = "method_not_allowed"


class TrialUnclear(Problem):
    """Whether a request is a trial is said with 1 or 0."""

    status = 400
    title = "The request cannot be read"
    code = "trial_unclear"


class BodyUnreadable(Problem):
    """The body is not `{"rows": [{...}, ...]}` in JSON."""

    status = 400
    title = "The request cannot be read"
    code = "body_unreadable"


class BodyTooSlow(Problem):
    """The body did not arrive in time."""

    status = 408
    title = "The request took too long to arrive"
    code = "body_too_slow"


class BodyTooLarge(TooLarge):
    """The body, or one row of it, is larger than the hub takes."""

    code = "body_too_large"


class BodyEncoded(Problem):
    """The body is compressed."""

    status = 415
    title = "Not in a form the hub reads"
    code = "body_encoded"


class TooManyRows(TooLarge):
    """More rows than one request may hold."""

    code = "too_many_rows"


class RowUnusable(Invalid):
    """A value does not fit its column; `row` counts from 0."""

    code = "row_unusable"


class ModelNotLoadable(Unavailable):
    """The model's file is missing, damaged, or not a model this hub serves."""

    code = "model_not_loadable"


class DatabaseAway(Unavailable):
    """Nobody can be asked whose key this is, or which version an alias names."""


class HubBusy(Unavailable):
    """What is under way takes all that was set aside for it: memory for large requests, turns for unknown keys."""

    code = "busy"
