"""The light Python client of a Lyceum hub.

>>> from lyceum_client import Client
>>> with Client("http://127.0.0.1:8000", "lyk_…") as hub:
...     hub.models.predict("acme/flights", {"carrier": "UA", "distance": 1400})
"""

from lyceum_client.answers import (
    ApiKey,
    Check,
    CheckPlan,
    CheckResult,
    CheckRun,
    Column,
    Dataset,
    DatasetVersion,
    FailingRow,
    Job,
    LeaderboardRow,
    LeakageWarning,
    Me,
    Model,
    ModelVersion,
    NewApiKey,
    Parity,
    Prediction,
    Predictions,
    Preview,
    Progress,
    Run,
    TableSchema,
)
from lyceum_client.client import Client
from lyceum_client.erasures import Erasure
from lyceum_client.errors import (
    AnswerUnusable,
    Conflict,
    HubFailed,
    HubUnavailable,
    InvalidRequest,
    LyceumError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RunFailed,
    TooLarge,
    TooManyRequests,
    VersionRejected,
    WaitedTooLong,
)
from lyceum_client.incidents import Incident
from lyceum_client.record_checks import RecordCheck, RecordsChecked, UndecidedCheck
from lyceum_client.version import __version__
from lyceum_client.version_files import VersionFile, VersionFiles
from lyceum_client.watched import MovedColumn, WatchedVersion, WatchFinding, WatchVerdict

__all__ = [
    "AnswerUnusable",
    "ApiKey",
    "Check",
    "CheckPlan",
    "CheckResult",
    "CheckRun",
    "Client",
    "Column",
    "Conflict",
    "Dataset",
    "DatasetVersion",
    "Erasure",
    "FailingRow",
    "HubFailed",
    "HubUnavailable",
    "Incident",
    "InvalidRequest",
    "Job",
    "LeaderboardRow",
    "LeakageWarning",
    "LyceumError",
    "Me",
    "Model",
    "ModelVersion",
    "MovedColumn",
    "NewApiKey",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "Parity",
    "Prediction",
    "Predictions",
    "Preview",
    "Progress",
    "RecordCheck",
    "RecordsChecked",
    "Run",
    "RunFailed",
    "TableSchema",
    "TooLarge",
    "TooManyRequests",
    "UndecidedCheck",
    "VersionFile",
    "VersionFiles",
    "VersionRejected",
    "WaitedTooLong",
    "WatchFinding",
    "WatchVerdict",
    "WatchedVersion",
    "__version__",
]
