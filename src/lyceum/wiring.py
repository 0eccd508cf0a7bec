"""The whole map on one screen: which routes the hub answers, which jobs it runs, who hears of which event."""

from collections.abc import Callable, Coroutine

from fastapi import APIRouter

from lyceum.accounts.admin.public import (
    StatusCheck,
    backup_status,
    disk_status,
    public_url_status,
    queue_status,
)
from lyceum.accounts.admin.routes import router as admin_routes
from lyceum.accounts.audit.jobs import HANDLERS as AUDIT_HANDLERS
from lyceum.accounts.audit.jobs import SCHEDULES as AUDIT_SCHEDULES
from lyceum.accounts.audit.jobs import TABLE as AUDIT_LOG
from lyceum.accounts.audit.routes import router as audit_routes
from lyceum.accounts.factors.jobs import HANDLERS as FACTORS_HANDLERS
from lyceum.accounts.factors.jobs import SCHEDULES as FACTORS_SCHEDULES
from lyceum.accounts.factors.routes import router as factors_routes
from lyceum.accounts.jobs import handlers as accounts_handlers
from lyceum.accounts.people.routes import router as people_routes
from lyceum.accounts.privacy.jobs import SCHEDULES as PRIVACY_SCHEDULES
from lyceum.accounts.privacy.jobs import privacy_jobs
from lyceum.accounts.privacy.public import EXPORTERS as ACCOUNTS_EXPORTERS
from lyceum.accounts.privacy.public import Eraser, Exporter
from lyceum.accounts.privacy.routes import router as privacy_routes
from lyceum.accounts.provider.jobs import HANDLERS as PROVIDER_HANDLERS
from lyceum.accounts.provider.jobs import SCHEDULES as PROVIDER_SCHEDULES
from lyceum.accounts.provider.routes import router as provider_routes
from lyceum.accounts.provider.routes import well_known as provider_well_known_routes
from lyceum.accounts.public import Actor, GrantableKind
from lyceum.accounts.routes import router as accounts_routes
from lyceum.accounts.sessions.jobs import HANDLERS as SESSIONS_HANDLERS
from lyceum.accounts.sessions.jobs import SCHEDULES as SESSIONS_SCHEDULES
from lyceum.accounts.sessions.routes import router as sessions_routes
from lyceum.accounts.sessions.routes import well_known as well_known_routes
from lyceum.accounts.signon.jobs import HANDLERS as SIGN_ON_HANDLERS
from lyceum.accounts.signon.jobs import SCHEDULES as SIGN_ON_SCHEDULES
from lyceum.accounts.signon.public import sign_on_status
from lyceum.accounts.signon.routes import router as sign_on_routes
from lyceum.data.datasets.databases.jobs import handlers as databases_handlers
from lyceum.data.datasets.databases.routes import router as databases_routes
from lyceum.data.datasets.delta_sharing.routes import router as delta_sharing_routes
from lyceum.data.datasets.handing.routes import router as handing_routes
from lyceum.data.datasets.history.jobs import handlers as history_handlers
from lyceum.data.datasets.history.public import versions_compared
from lyceum.data.datasets.history.routes import router as history_routes
from lyceum.data.datasets.jobs import SCHEDULES as DATASETS_SCHEDULES
from lyceum.data.datasets.jobs import clear_up as clear_up_datasets
from lyceum.data.datasets.jobs import handlers as datasets_handlers
from lyceum.data.datasets.life.jobs import SCHEDULES as LIFE_SCHEDULES
from lyceum.data.datasets.life.jobs import handlers as life_handlers
from lyceum.data.datasets.life.routes import router as life_routes
from lyceum.data.datasets.personal.jobs import handlers as personal_handlers
from lyceum.data.datasets.personal.routes import router as personal_routes
from lyceum.data.datasets.public import ERASER as DATASETS_ERASER
from lyceum.data.datasets.public import GRANTABLE as DATASETS
from lyceum.data.datasets.public import HealthSources
from lyceum.data.datasets.pushes.jobs import SCHEDULES as PUSHES_SCHEDULES
from lyceum.data.datasets.pushes.jobs import handlers as pushes_handlers
from lyceum.data.datasets.pushes.routes import router as pushes_routes
from lyceum.data.datasets.routes import router as datasets_routes
from lyceum.data.datasets.sources.jobs import HANDLERS as SOURCES_HANDLERS
from lyceum.data.datasets.sources.routes import router as sources_routes
from lyceum.data.incidents.jobs import HANDLERS as INCIDENTS_HANDLERS
from lyceum.data.incidents.jobs import SCHEDULES as INCIDENTS_SCHEDULES
from lyceum.data.incidents.jobs import SUBSCRIPTIONS as INCIDENTS_SUBSCRIPTIONS
from lyceum.data.incidents.public import ERASER as INCIDENTS_ERASER
from lyceum.data.incidents.public import EXPORTERS as INCIDENTS_EXPORTERS
from lyceum.data.incidents.public import ConsumersOf, forget_what_was_seen, open_incidents_of
from lyceum.data.incidents.routes import ROUTERS as INCIDENTS_ROUTERS
from lyceum.data.incidents.topics import TOPICS as INCIDENTS_TOPICS
from lyceum.data.lineage.public import PredictionLogsOf
from lyceum.data.lineage.routes import router as lineage_routes
from lyceum.data.quality.jobs import HANDLERS as QUALITY_HANDLERS
from lyceum.data.quality.oddrows.jobs import HANDLERS as ODD_ROWS_HANDLERS
from lyceum.data.quality.oddrows.public import versions_searched
from lyceum.data.quality.oddrows.routes import router as odd_rows_routes
from lyceum.data.quality.public import ERASER as CHECKS_ERASER
from lyceum.data.quality.public import JUDGE as CHECKS_JUDGE
from lyceum.data.quality.public import check_version, forget_rows_shown, standings, versions_checked
from lyceum.data.quality.quarantine.jobs import handlers as quarantine_handlers
from lyceum.data.quality.quarantine.routes import router as quarantine_routes
from lyceum.data.quality.routes import ROUTERS as QUALITY_ROUTERS
from lyceum.data.quality.watching.jobs import HANDLERS as METRICS_HANDLERS
from lyceum.data.quality.watching.jobs import watch_version
from lyceum.data.quality.watching.routes import router as metrics_routes
from lyceum.data.schemas.public import ERASER as SCHEMAS_ERASER
from lyceum.data.schemas.public import JUDGE as SCHEMA_JUDGE
from lyceum.data.schemas.public import register_version
from lyceum.data.schemas.registry.routes import router as schema_registry_routes
from lyceum.data.schemas.routes import router as schemas_routes
from lyceum.data.streams.jobs import handlers as streams_handlers
from lyceum.data.streams.public import ERASER as STREAMS_ERASER
from lyceum.data.streams.public import forget_in_letters, keep_streams
from lyceum.data.streams.routes import router as streams_routes
from lyceum.files.jobs import HANDLERS as FILES_HANDLERS
from lyceum.files.jobs import SCHEDULES as FILES_SCHEDULES
from lyceum.files.public import ERASER as UPLOADS_ERASER
from lyceum.files.routes import router as files_routes
from lyceum.jobs.routes import router as jobs_routes
from lyceum.jobs.topics import TOPICS as JOBS_TOPICS
from lyceum.kernel.config import Settings
from lyceum.kernel.events import Subscription, Subscriptions
from lyceum.kernel.jobs.followup import follow_up_handler
from lyceum.kernel.jobs.handlers import Handler, Handlers
from lyceum.kernel.jobs.retention import HANDLERS as RETENTION_HANDLERS
from lyceum.kernel.jobs.retention import SCHEDULES as RETENTION_SCHEDULES
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.realtime.topics import TopicKind
from lyceum.kernel.resources import Resources
from lyceum.kernel.sweeping import HANDLERS as SWEEPING_HANDLERS
from lyceum.kernel.sweeping import SCHEDULES as SWEEPING_SCHEDULES
from lyceum.notify.jobs import HANDLERS as NOTIFY_HANDLERS
from lyceum.notify.jobs import SCHEDULES as NOTIFY_SCHEDULES
from lyceum.notify.jobs import SUBSCRIPTIONS as NOTIFY_SUBSCRIPTIONS
from lyceum.notify.public import ERASER as NOTICES_ERASER
from lyceum.notify.public import EXPORTERS as NOTIFY_EXPORTERS
from lyceum.notify.public import mail_status
from lyceum.notify.routes import ROUTERS as NOTIFY_ROUTERS
from lyceum.notify.topics import TOPICS as NOTIFY_TOPICS
from lyceum.pages.routes import authorize_router as authorize_page_routes
from lyceum.pages.routes import router as pages_routes
from lyceum.serve.predictions.jobs import HANDLERS as PREDICTIONS_HANDLERS
from lyceum.serve.predictions.jobs import SCHEDULES as PREDICTIONS_SCHEDULES
from lyceum.serve.predictions.jobs import TABLE as PREDICTION_LOG
from lyceum.serve.registry.public import ERASER as MODELS_ERASER
from lyceum.serve.registry.public import GRANTABLE as MODELS
from lyceum.serve.registry.routes import router as registry_routes
from lyceum.serve.watching.jobs import HANDLERS as WATCHING_HANDLERS
from lyceum.serve.watching.jobs import SCHEDULES as WATCHING_SCHEDULES
from lyceum.serve.watching.jobs import judge_new_version
from lyceum.serve.watching.queries import prediction_logs
from lyceum.serve.watching.routes import router as watching_routes
from lyceum.train.runs.jobs import HANDLERS as RUNS_HANDLERS
from lyceum.train.runs.public import ERASER as RUNS_ERASER
from lyceum.train.runs.public import GRANTABLE as RUNS
from lyceum.train.runs.public import forget_in_runs, runs_on, versions_learned_from
from lyceum.train.runs.routes import router as runs_routes

PARTITIONED: tuple[str, ...] = (PREDICTION_LOG, AUDIT_LOG)
"""Tables in months, whose rows beside all months are counted."""

ROUTERS: tuple[APIRouter, ...] = (
    pages_routes,
    accounts_routes,
    people_routes,
    audit_routes,
    admin_routes,
    privacy_routes,
    sessions_routes,
    factors_routes,
    well_known_routes,
    *NOTIFY_ROUTERS,
    sign_on_routes,
    provider_routes,
    provider_well_known_routes,
    authorize_page_routes,
    jobs_routes,
    files_routes,
    datasets_routes,
    schemas_routes,
    schema_registry_routes,
    pushes_routes,
    history_routes,
    life_routes,
    handing_routes,
    delta_sharing_routes,
    personal_routes,
    sources_routes,
    databases_routes,
    streams_routes,
    *QUALITY_ROUTERS,
    quarantine_routes,
    odd_rows_routes,
    metrics_routes,
    *INCIDENTS_ROUTERS,
    lineage_routes,
    registry_routes,
    watching_routes,
    runs_routes,
)

SUBSCRIPTIONS: tuple[Subscription, ...] = (*NOTIFY_SUBSCRIPTIONS, *INCIDENTS_SUBSCRIPTIONS)

EXPORTERS: tuple[Exporter, ...] = (*ACCOUNTS_EXPORTERS, *NOTIFY_EXPORTERS, *INCIDENTS_EXPORTERS)
"""What goes into the archive of a person's data."""

ERASERS: tuple[Eraser, ...] = (
    NOTICES_ERASER,
    MODELS_ERASER,
    RUNS_ERASER,
    INCIDENTS_ERASER,
    CHECKS_ERASER,
    STREAMS_ERASER,
    SCHEMAS_ERASER,
    DATASETS_ERASER,
    UPLOADS_ERASER,
)
"""How what is kept of a person goes when they leave, and of an organisation: those first who refer to the others."""

SCHEDULES: tuple[Schedule, ...] = (
    *RETENTION_SCHEDULES,
    *SWEEPING_SCHEDULES,
    *AUDIT_SCHEDULES,
    *PRIVACY_SCHEDULES,
    *SESSIONS_SCHEDULES,
    *NOTIFY_SCHEDULES,
    *FACTORS_SCHEDULES,
    *SIGN_ON_SCHEDULES,
    *PROVIDER_SCHEDULES,
    *FILES_SCHEDULES,
    *DATASETS_SCHEDULES,
    *PUSHES_SCHEDULES,
    *LIFE_SCHEDULES,
    *INCIDENTS_SCHEDULES,
    *PREDICTIONS_SCHEDULES,
    *WATCHING_SCHEDULES,
)

VERSION_FOLLOWERS = (register_version, check_version, watch_version, judge_new_version)
"""Who hears of each version of a dataset in the transaction that accepts it, and may refuse it."""

VERSION_JUDGES = (SCHEMA_JUDGE, CHECKS_JUDGE)
"""Who looks at the rows of each version before they are committed, and may hold it back."""

VERSIONS_IN_USE = (versions_learned_from, versions_checked, versions_compared, versions_searched)
"""Who is asked which versions somebody stands on, so that their rows stay."""
ERASURE_FOLLOWERS = (forget_rows_shown, forget_what_was_seen, forget_in_letters, forget_in_runs)
"""Who removes what it shows or remembers of rows, in the transaction that says that a person was erased from versions."""

HANDLERS: tuple[Handler, ...] = (
    *RETENTION_HANDLERS,
    *SWEEPING_HANDLERS,
    *AUDIT_HANDLERS,
    *privacy_jobs(EXPORTERS, ERASERS).handlers(),
    *SESSIONS_HANDLERS,
    *NOTIFY_HANDLERS,
    *FACTORS_HANDLERS,
    *SIGN_ON_HANDLERS,
    *PROVIDER_HANDLERS,
    *FILES_HANDLERS,
    *datasets_handlers(VERSION_FOLLOWERS, VERSION_JUDGES),
    *pushes_handlers(VERSION_FOLLOWERS, VERSION_JUDGES),
    *life_handlers(VERSIONS_IN_USE),
    *history_handlers(VERSION_FOLLOWERS, VERSION_JUDGES),
    *personal_handlers(ERASURE_FOLLOWERS),
    *SOURCES_HANDLERS,
    *databases_handlers(VERSION_FOLLOWERS, VERSION_JUDGES),
    *streams_handlers(VERSION_FOLLOWERS, VERSION_JUDGES),
    *QUALITY_HANDLERS,
    *quarantine_handlers(VERSION_FOLLOWERS, VERSION_JUDGES),
    *ODD_ROWS_HANDLERS,
    *METRICS_HANDLERS,
    *INCIDENTS_HANDLERS,
    *PREDICTIONS_HANDLERS,
    *WATCHING_HANDLERS,
    *RUNS_HANDLERS,
    *accounts_handlers(ERASERS),
)

TOPICS: tuple[TopicKind[Actor], ...] = (*JOBS_TOPICS, *NOTIFY_TOPICS, *INCIDENTS_TOPICS)
"""What can be followed on a socket."""

GRANTABLE: tuple[GrantableKind, ...] = (DATASETS, MODELS, RUNS)
"""Objects that can be granted one by one, to people and groups of any organisation."""

DATASET_HEALTH = HealthSources(standings=standings, open_incidents=open_incidents_of)
"""Who is asked how the datasets of a list stand."""

CONSUMERS: tuple[ConsumersOf, ...] = (runs_on,)
"""Who is asked what was made of a dataset's versions."""

PREDICTION_LOGS: PredictionLogsOf = prediction_logs
"""Who is asked which datasets hold what models predict."""

STATUS: tuple[StatusCheck, ...] = (
    public_url_status,
    mail_status,
    sign_on_status,
    backup_status,
    disk_status,
    queue_status,
)
"""Who is asked what of the hub is set up."""

ROUNDS: tuple[Callable[[Resources], Coroutine[None, None, None]], ...] = (keep_streams,)
"""What each worker goes on doing beside its jobs, until it stops."""

CLEAR_UPS: tuple[Callable[[Settings], None], ...] = (clear_up_datasets,)
"""What each worker does on its own machine before it runs jobs."""


def subscribers() -> dict[str, tuple[str, ...]]:
    """Return who hears of which event."""
    return Subscriptions.of(SUBSCRIPTIONS).names()


def handlers() -> Handlers:
    """Return what runs each kind of job."""
    own = Handlers.of((*HANDLERS, Subscriptions.of(SUBSCRIPTIONS).handler()))
    return Handlers.of((*own.by_kind.values(), follow_up_handler(own)))
