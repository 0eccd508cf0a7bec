"""Models that answer: real ONNX files of a real booster, and their rows in the registry's tables."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl
import psycopg

from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from lyceum.serve.runtime.public import Outcome, read_frame
from lyceum.train.engine.clock import Clock
from lyceum.train.engine.columns import plan_columns
from lyceum.train.engine.encode import fit_encoder
from lyceum.train.engine.export.graph import Scale, ensemble_graph
from lyceum.train.engine.export.scores import WeightedPart
from lyceum.train.engine.members.lightgbm import LightGBMMember
from lyceum.train.engine.members.member import Data, Effort, Problem
from make.accounts import Member

TABLE_ROWS = 400


@dataclass(frozen=True, slots=True)
class MadeModel:
    """A model in the registry; `version_ids` by number."""

    id: UUID
    address: str
    version_ids: Mapping[int, UUID]

    def path(self, which: str = "") -> str:
        """Where it answers; `which` is `@alias` or `@number`."""
        return f"/api/v1/models/{self.address}{which}/predict"


@lru_cache(maxsize=4)
def onnx_file(*, seed: int = 0) -> bytes:
    """A classifier (`late`, `on time`) of two numbers, a text and a date; another seed answers differently."""
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "distance": random.integers(100, 3000, TABLE_ROWS),
            "wind": random.normal(10, 4, TABLE_ROWS),
            "carrier": random.choice(["AA", "UA", "DL"], TABLE_ROWS),
            "day": pl.Series([f"2013-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(TABLE_ROWS)]).str.to_date(),
        }
    )
    late = (frame["wind"].to_numpy() + (frame["carrier"] == "UA").to_numpy() * 5 + random.normal(0, 2, TABLE_ROWS)) > 12
    plan = plan_columns(frame.with_columns(late=late), target="late", leave_out={})
    typed = read_frame(frame, plan.prestep)
    encoder = fit_encoder(typed, plan.prestep)
    clock = Clock(60.0)
    problem = Problem("binary", 2, encoder.category_features, "log_loss", seed)
    member = LightGBMMember({"num_leaves": 8}).fit(
        problem, Data(encoder.matrix(typed), late.astype(int)), Effort(clock.limit(clock.deadline), rounds=20)
    )
    outcome = Outcome("late", "binary", ("on time", "late"))
    graph = ensemble_graph([WeightedPart(1.0, member.anatomy())], encoder, outcome, Scale())
    content: bytes = graph.SerializeToString()
    return content


def flight(number: int = 0) -> dict[str, object]:
    """A row for the classifier, another one for each number."""
    return {
        "distance": 100 + 17 * number % 2900,
        "wind": (number * 37 % 200) / 10,
        "carrier": ("AA", "UA", "DL")[number % 3],
        "day": f"2013-{number % 12 + 1:02}-{number % 28 + 1:02}",
    }


def make_model(
    database: TestDatabase,
    home: Path,
    owner: Member,
    *contents: bytes,
    name: str | None = None,
    visibility: str = "private",
    aliases: Mapping[str, int] | None = None,
) -> MadeModel:
    """Register a model with one version for each content, files and rows; an alias names a version's number."""
    model_id = new_id()
    name = name or f"model-{model_id.hex[-12:]}"
    version_ids = {number: new_id() for number in range(1, len(contents) + 1)}
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO models (id, org_id, name, visibility) VALUES (%s, %s, %s, %s)",
            (model_id, owner.org_id, name, visibility),
        )
        for (number, version_id), content in zip(version_ids.items(), contents, strict=True):
            path = f"models/{version_id.hex}.onnx"
            file = home / "files" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            connection.execute(
                """
                INSERT INTO model_versions (id, org_id, model_id, number, operation_id, format, artifact_path,
                                            artifact_sha256, artifact_bytes, signature, parity, origin)
                VALUES (%s, %s, %s, %s, %s, 'onnx', %s, %s, %s, '{}', '{}', '{}')
                """,
                (
                    *(version_id, owner.org_id, model_id, number, new_id(), path),
                    *(hashlib.sha256(content).hexdigest(), len(content)),
                ),
            )
    made = MadeModel(model_id, f"{owner.org_name}/{name}", version_ids)
    for alias, number in (aliases or {}).items():
        point_alias(database, owner, made, alias, number)
    return made


def point_alias(database: TestDatabase, owner: Member, model: MadeModel, alias: str, number: int) -> None:
    """Have an alias name a version from now on."""
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO model_aliases (org_id, model_id, alias, version_id) VALUES (%s, %s, %s, %s)
            ON CONFLICT (model_id, alias) DO UPDATE SET version_id = excluded.version_id
            """,
            (owner.org_id, model.id, alias, model.version_ids[number]),
        )
