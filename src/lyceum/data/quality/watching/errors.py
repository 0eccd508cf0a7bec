"""What watching can refuse."""

from lyceum.kernel.problems import Conflict, NotFound


class AnomalyNotFound(NotFound):
    """No such anomaly of the dataset."""

    code = "anomaly_not_found"


class MetricNotFound(NotFound):
    """The dataset has no such metric yet."""

    code = "metric_not_found"


class DetectorMissing(Conflict):
    """A detector needs what is not installed."""

    code = "detector_missing"


class AnomalyTooOld(Conflict):
    """The detectors do not remember the version any more."""

    code = "anomaly_too_old"
