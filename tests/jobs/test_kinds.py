"""The kinds of jobs of the product."""

from lyceum import wiring
from lyceum.train.runs.schemas import TIME_LIMIT_SECONDS_MAX


def test_no_kind_of_job_may_take_for_ever() -> None:
    kinds = {kind: handler.args_type.seconds_max for kind, handler in wiring.handlers().by_kind.items()}
    assert [kind for kind, seconds_max in kinds.items() if not seconds_max] == []
    assert (kinds["train.fit_model"] or 0) >= 2 * TIME_LIMIT_SECONDS_MAX
