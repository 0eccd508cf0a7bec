"""Every setting of a hub: its name, its default, and what it means.

A setting comes from the environment (`LYCEUM_<NAME>`), else from `lyceum.toml` in the hub's home, else from its default.
"""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from lyceum.kernel.config_data import DataSettings
from lyceum.kernel.config_sentences import sentence_of, sentence_of_unparsable
from lyceum.kernel.config_values import (
    BackupPlace,
    CommaSeparated,
    CronExpression,
    MailSender,
    MailServerUrl,
    Networks,
    Origins,
    PostgresqlUrl,
    ProxyAddresses,
    SentryDsn,
    StorageUrl,
    ValkeyUrl,
    WebAddress,
    split_by_commas,
)

ENV_PREFIX = "LYCEUM_"
CONFIG_FILE = "lyceum.toml"


class SettingsInvalid(ValueError):
    """A setting that cannot be used; the text names it, its source and the fix."""


def default_home() -> Path:
    """Where a hub keeps its data when `LYCEUM_HOME` is not set.

    Root gets `/var/lib/lyceum`: PostgreSQL refuses to run as root, and the account it drops to cannot enter `/root`.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/lyceum")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "lyceum"


class Settings(DataSettings):
    """The settings of one hub, read once at start and never changed while it runs."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    home: Path = Field(default_factory=default_home, description="Folder that holds all data of the hub.")
    host: str = Field("127.0.0.1", description="Address the API listens on; 0.0.0.0 opens it to other machines.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the API and the web app.")
    predict_port: int = Field(8001, ge=1, le=65535, description="Port of the prediction process.")
    public_url: WebAddress | None = Field(
        None, description="Address people type, e.g. https://hub.example.org/lyceum; may hold a sub-path."
    )
    trusted_proxies: ProxyAddresses = Field(
        (), description="Addresses or networks of reverse proxies whose X-Forwarded-* headers are believed."
    )
    allowed_hosts: CommaSeparated = Field(
        (), description="More host names the hub answers to, besides its own address and that of the public URL."
    )
    cors_origins: Origins = Field(
        (), description="Origins whose pages may call the API with a key, e.g. https://app.example.org; unset: none."
    )
    hsts_subdomains: bool = Field(
        False, description="Whether browsers are told that all names below the public URL's host use https as well."
    )

    mail_url: MailServerUrl | None = Field(
        None,
        description="Mail server: smtps://user:password@host (TLS from the start) or smtp://user:password@host:587 "
        "(STARTTLS, unless ?starttls=no says that the server is beside the hub); unset: no mail.",
    )
    mail_from: MailSender | None = Field(
        None,
        description="Sender of letters, such as Lyceum <lyceum@example.org>; unset: lyceum@ the public URL's host.",
    )
    notices_read_days: int = Field(30, ge=1, description="Days a notice is kept after it was read.")
    notices_kept_days: int = Field(180, ge=1, description="Days a notice is kept that nobody reads.")
    incidents_kept_days: int = Field(400, ge=1, description="Days an incident is kept after it was resolved.")
    outward_allowed_networks: Networks = Field(
        (),
        description="Networks that are not public and may still be asked at addresses people give (webhooks, sign-on, files "
        "by URL), such as 10.1.0.0/16, separated by commas.",
    )

    database_url: PostgresqlUrl | None = Field(
        None, description="PostgreSQL 16-18 for the app's role; unset: the embedded server."
    )
    database_owner_url: PostgresqlUrl | None = Field(
        None, description="The same database as its owner, for migrations; unset: the embedded server's owner."
    )
    database_direct_url: PostgresqlUrl | None = Field(
        None, description="Direct address beside a transaction pooler, for LISTEN; unset: the database URL is direct."
    )
    database_replica_url: PostgresqlUrl | None = Field(
        None, description="A streaming replica of the same database, as the app's role, for reads; unset: none."
    )
    database_pool_size: int = Field(8, ge=1, le=100, description="Connections a process holds; also requests at once.")
    valkey_url: ValkeyUrl | None = Field(None, description="Valkey or Redis; unset: the embedded server.")
    storage_url: StorageUrl | None = Field(
        None, description="s3://bucket/prefix for files and tables; unset: a local folder."
    )
    storage_options: dict[str, SecretStr] = Field(
        default_factory=dict, description="Keys of the object store (JSON), e.g. aws_access_key_id, aws_endpoint."
    )
    ray_address: str | None = Field(
        None, description="host:port of a Ray cluster that this machine is a node of: scans of many files fan out."
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs links; unset: made once and kept in the hub's home. The same on every machine."
    )

    backup_to: BackupPlace | None = Field(
        None, description="Folder or s3://bucket/prefix for backups; unset: the folder `backups` in the hub's home."
    )
    backup_options: dict[str, SecretStr] = Field(
        default_factory=dict, description="Keys of the backups' object store (JSON); unset: those of the storage."
    )
    backup_key_file: Path | None = Field(
        None, description="File with the age1… key backups are encrypted for; unset: they are not encrypted."
    )
    backup_schedule: CronExpression | None = Field(
        None, description="When `lyceum up` makes a backup, as a cron expression in UTC, e.g. 30 2 * * *; unset: never."
    )
    backup_keep_daily: int = Field(7, ge=0, description="After a scheduled backup: days whose newest backup is kept.")
    backup_keep_weekly: int = Field(4, ge=0, description="The same in weeks.")
    backup_keep_monthly: int = Field(12, ge=0, description="The same in months; all three 0 keeps every backup.")

    upload_bytes_max: int = Field(5 * 1024**3, ge=1024, description="Largest file one upload may carry, in bytes.")
    sql_import_rows_max: int = Field(100_000_000, ge=1, description="Most rows read from somebody's database at once.")
    sql_import_statement_seconds: int = Field(
        600, ge=1, le=7_200, description="How long somebody's database may take for a query that is read from."
    )
    upload_part_bytes: int = Field(
        16 * 1024**2, ge=1024, description="Size of a part of an upload that comes in parts, in bytes."
    )
    request_bytes_max: int = Field(10 * 1024**2, ge=1024, description="Largest request body that is not an upload.")
    request_bytes_a_second_min: int = Field(
        500, ge=0, description="Bytes a second a request's body has to come at, on average; 0: any number."
    )
    slow_client_seconds: float = Field(
        30.0,
        gt=0,
        description="Seconds a client may take for a request's head, or be behind with its body; four times as long it "
        "may leave an answer unread.",
    )
    connections_max: int = Field(6_000, ge=16, description="Connections, sockets with them, one process keeps open.")
    upload_ttl_seconds: int = Field(86_400, ge=60, description="How long an unfinished upload is kept.")
    file_url_seconds: int = Field(
        900, ge=30, le=86_400, description="How long a signed address of a table's file opens it, once given out."
    )
    storage_bytes_max: int = Field(
        0, ge=0, description="Most bytes an organisation keeps, unless an administrator allowed another; 0: any number."
    )
    file_check_bytes_a_second: int = Field(
        32 * 1024**2, ge=0, description="How fast stored files are read again each week to find damage; 0: never."
    )
    disk_free_bytes_min: int | None = Field(
        None,
        ge=0,
        description="Nothing that grows is written when less than this is free on the local disk, in bytes; unset: "
        "2 GiB, or a fifth of a disk smaller than 10 GiB.",
    )
    predict_rows_max: int = Field(10_000, ge=1, description="Most rows in one prediction request.")
    predict_requests_per_second: int = Field(
        5_000, ge=1, description="Prediction requests one key may send each second."
    )
    predict_models_bytes_max: int = Field(
        2 * 1024**3, ge=1024**2, description="Memory a process keeps for loaded models (an estimate), in bytes."
    )
    anonymous_requests_per_minute: int = Field(
        60, ge=0, description="Requests without a key that one address may send each minute; 0: any number."
    )
    user_reads_per_minute: int = Field(
        600, ge=0, description="Reads one person may send each minute, with all their keys; 0: any number."
    )
    user_writes_per_minute: int = Field(
        100, ge=0, description="Changes one person may send each minute, with all their keys; 0: any number."
    )
    user_pushes_per_minute: int = Field(
        600,
        ge=0,
        description="Uploads begun and ended, versions made of them, and pushes of records that one person may send each "
        "minute, with all their keys; 0: any number.",
    )
    sign_in_attempts_per_minute: int = Field(
        100,
        ge=1,
        description="Wrong passwords, and one-time links and registrations of any kind, that one address may send each "
        "minute; right passwords do not count.",
    )
    sign_in_failures_per_minute: int = Field(
        5, ge=1, description="Wrong passwords for one account each minute; then the wait doubles with each further one."
    )
    sign_in_wait_seconds_max: int = Field(
        900, ge=60, description="Longest wait after wrong passwords for one account, in seconds."
    )
    session_idle_days: int = Field(
        7, ge=1, le=90, description="Days after which a session ends that nobody has come back to."
    )
    second_factor_required_of: Literal["nobody", "administrators", "everybody"] = Field(
        "nobody",
        description="Who needs a second factor: a session of theirs without one can only set one up; API keys go on.",
    )
    session_days_max: int = Field(30, ge=1, le=365, description="Days after which every session ends.")
    signing_key_days: int = Field(
        30, ge=1, le=365, description="Days a key signs access tokens before the next one takes over."
    )
    registration: Literal["off", "invitation", "domain", "open"] = Field(
        "invitation",
        description="Who may make an account: nobody, whoever was invited, besides them whoever has an e-mail address at "
        "one of the domains (needs mail), or anybody.",
    )
    registration_domains: CommaSeparated = Field(
        (), description="Domains of e-mail addresses for LYCEUM_REGISTRATION=domain, separated by commas."
    )
    registration_age_min: int = Field(
        0,
        ge=0,
        le=21,
        description="Age below which a guardian has to agree to an account; asks everybody for their birth date; 0: off.",
    )
    password_memory_kib: int = Field(
        47_104,
        ge=7_168,
        le=1_048_576,
        description="Memory that hashing one password takes (Argon2id), in KiB; less memory, more passes over it.",
    )
    organisations_by: Literal["members", "administrators"] = Field(
        "members", description="Who makes organisations: everyone who is signed in, or administrators alone."
    )
    sockets_max: int = Field(5_000, ge=1, description="Sockets one API process keeps open at once.")
    sockets_per_user_max: int = Field(20, ge=1, description="Sockets of one person that a process keeps open at once.")
    socket_topics_max: int = Field(50, ge=1, description="Topics one socket may follow at once.")
    socket_rights_seconds: float = Field(
        20.0, gt=0, le=30, description="Seconds between two looks at whether a socket still may follow what it follows."
    )
    prediction_log_days: int = Field(30, ge=0, description="Days the prediction log is kept; 0 keeps none.")

    audit_log_days: int = Field(400, ge=30, description="Days the audit log is kept.")
    account_deletion_days: int = Field(
        14, ge=0, description="Days between somebody's wish to leave and its being done; until then they may stay."
    )
    personal_export_days: int = Field(
        7, ge=1, description="Days somebody can download the archive of their own data that was made for them."
    )
    worker_processes: int = Field(1, ge=1, le=64, description="Worker processes `lyceum up` runs on this machine.")
    worker_light_slots: int = Field(16, ge=1, description="Light jobs one worker runs at once.")
    worker_heavy_slots: int = Field(
        1,
        ge=0,
        description="Heavy jobs (trainings) one worker runs at once; fewer where the memory is not enough, but one.",
    )
    worker_heavy_memory_bytes_max: int = Field(
        0,
        ge=0,
        description="Memory one computing job may hold (resident set, in bytes); 0: the trainings that may run at "
        "once share half of the machine's or container's memory, short computing shares a quarter, and a light job that "
        "runs alone has an eighth; a training has at least 1 GiB, short computing 768 MiB and a job alone 512 MiB, and "
        "fewer run at once where that is too much.",
    )
    worker_heavy_at_once_an_organisation_max: int = Field(
        0,
        ge=0,
        description="Heavy jobs of one organisation that run at once on all workers; 0: any number, in fair turns.",
    )
    worker_classes: Annotated[tuple[Literal["high", "normal", "background"], ...], NoDecode, split_by_commas] = Field(
        ("high", "normal", "background"), description="Classes of jobs this worker takes, separated by commas."
    )
    worker_labels: CommaSeparated = Field(
        (), description="Labels of jobs this worker takes besides those without one, separated by commas."
    )
    worker_metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port on which a worker answers /metrics, the next one for the next worker of this machine; 0: none.",
    )
    rejected_version_days: int = Field(
        90, ge=1, description="Days a dataset version that was refused is kept, with the reason."
    )
    job_done_days: int = Field(30, ge=1, description="Days a job that is done or was called off is kept.")
    job_dead_days: int = Field(90, ge=1, description="Days a job that failed for good is kept, with its error.")
    job_lease_seconds: float = Field(15.0, ge=1, description="A worker silent for this long loses its jobs.")
    slow_query_seconds: float = Field(
        0.5, ge=0, description="Statements that take longer are logged, with their plan; 0 logs none."
    )
    otlp_endpoint: WebAddress | None = Field(
        None,
        description="Collector that traces are sent to by OTLP over HTTP, e.g. http://127.0.0.1:4318; unset: none.",
    )
    otlp_headers: SecretStr | None = Field(
        None, description="Headers for the collector, such as authorization=Bearer%20key, separated by commas."
    )
    trace_sample_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of traces begun here that are sent; those begun by others go by their word."
    )
    sentry_dsn: SentryDsn | None = Field(None, description="Sentry project that is told of crashes; unset: nobody is.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings are read from, the first that has one winning."""
        del dotenv_settings, file_secret_settings
        home = Path(init_settings().get("home") or os.environ.get(f"{ENV_PREFIX}HOME") or default_home()).expanduser()
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=home / CONFIG_FILE)

    @property
    def root_path(self) -> str:
        """The sub-path of the public URL, without a trailing slash; empty when there is none."""
        return urlsplit(self.public_url).path.rstrip("/") if self.public_url else ""

    @property
    def base_url(self) -> str:
        """The address to print and to put into links, without a trailing slash."""
        if self.public_url:
            return self.public_url
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process.

    Raises `SettingsInvalid` with one line a setting that cannot be used.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        fields = Settings.model_fields
        lines = [
            sentence_of(dict(problem), fields, env_prefix=ENV_PREFIX, config_file=CONFIG_FILE)
            for problem in error.errors()
        ]
        raise SettingsInvalid("\n".join(lines)) from None
    except SettingsError as error:
        raise SettingsInvalid(sentence_of_unparsable(error, env_prefix=ENV_PREFIX)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{CONFIG_FILE} in the hub's home is not valid TOML: {error}.") from None
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{CONFIG_FILE} in the hub's home is not UTF-8: save it in that encoding.") from None
    except OSError as error:
        raise SettingsInvalid(f"{CONFIG_FILE} in the hub's home cannot be read: {error.strerror}.") from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return this process's settings, read at the first call."""
    return load_settings()


def setting_source(name: str, home: Path) -> str:
    """Say where the value of a setting comes from: `environment`, the file's name, or `default`."""
    if os.environ.get(f"{ENV_PREFIX}{name.upper()}"):
        return "environment"
    file = home / CONFIG_FILE
    if file.is_file() and name in tomllib.loads(file.read_text(encoding="utf-8")):
        return CONFIG_FILE
    return "default"
