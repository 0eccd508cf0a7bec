"""The settings of a hub about records that come, and about how long versions are kept; `config.Settings` has them all."""

from pydantic import Field
from pydantic_settings import BaseSettings


class DataSettings(BaseSettings):
    """What comes into datasets, and what stays of it."""

    push_flush_seconds: int = Field(
        10, ge=1, le=3600, description="How often a version is made of the records that were pushed to a dataset."
    )
    push_records_max: int = Field(10_000, ge=1, description="Most records in one push.")
    push_buffer_bytes_max: int = Field(
        256 * 1024**2,
        ge=1024**2,
        description="Most bytes of one dataset's pushed records that wait to become a version.",
    )
    worker_streams_max: int = Field(
        16, ge=0, le=1000, description="Most streams of Kafka that one worker reads at a time; 0: none."
    )
    dataset_keep_versions: int | None = Field(None, ge=1, description="Versions that keep their rows; unset: all.")
    dataset_keep_days: int | None = Field(
        None,
        ge=1,
        description="Days for which versions keep their rows, where their dataset says nothing; unset: for ever.",
    )
    pushed_versions_kept: int = Field(
        100, ge=1, description="Versions of pushes that keep rows, if nothing else is said."
    )
    dataset_dormant_days: int | None = Field(
        None, ge=1, description="Days without a version till a dataset takes none."
    )
    dataset_tend_hours: float = Field(24.0, gt=0, description="Hours between two rounds of looking after a dataset.")
