"""Training runs and their trials as rows, written as the owner of the tables; no job or file belongs to them."""

from uuid import UUID

from psycopg.types.json import Jsonb

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from make.accounts import Member

PARITY = {"rows": 4, "labels_equal": True, "max_abs_difference": 0.0, "within_tolerance": True, "tolerance": 1e-5}
SHA256 = "0" * 64


def trial_facts(name: str, score: float) -> dict[str, object]:
    """Return a row of the leaderboard as a training tells it."""
    return {
        "name": name,
        "family": name,
        "score": score,
        "weight": 0.0,
        "fit_seconds": 0.1,
        "exported": None,
        "note": "",
    }


def make_run(
    database: TestDatabase, owner: Member, version_id: UUID, *, state: str = "finished", score: float = 0.7
) -> UUID:
    """Make a run, with a report and an artefact when it is finished, and return its id."""
    run_id = new_id()
    report = {
        "leaderboard": [trial_facts("Linear", score)],
        "leakage_warnings": [],
        "parity": PARITY,
        "score": score,
        "curve": list(range(1000)),
    }
    artifact = {"path": f"models/{run_id}.onnx", "sha256": SHA256, "byte_count": 10, "signature": {"inputs": []}}
    finished = state == "finished"
    statement = """
        INSERT INTO training_runs (id, org_id, dataset_version_id, target, time_limit_seconds, state, task, metric,
                                   greater_is_better, score, report, artifact, created_by)
        VALUES (%s, %s, %s, 'a', 60, %s, 'binary', 'roc_auc', true, %s, %s, %s, %s)
    """
    results = (score, Jsonb(report), Jsonb(artifact)) if finished else (None, None, None)
    rows_of(database, statement, run_id, owner.org_id, version_id, state, *results, owner.user_id)
    return run_id


def make_trial(
    database: TestDatabase, owner: Member, run_id: UUID, *, name: str, score: float = 0.7, attempt: int = 1
) -> None:
    """Make a member that a run has tried."""
    statement = "INSERT INTO trials (org_id, run_id, attempt, name, facts) VALUES (%s, %s, %s, %s, %s)"
    rows_of(database, statement, owner.org_id, run_id, attempt, name, Jsonb(trial_facts(name, score)))
