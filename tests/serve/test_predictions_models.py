"""Models that cannot be loaded: found out once, remembered for a moment, told to each caller anew."""

import asyncio
from pathlib import Path

import httpx
import onnx
import pytest

from fixtures.servers import TestDatabase
from lyceum.kernel.resources import Resources
from lyceum.serve.predictions import models as models_module
from lyceum.serve.predictions.errors import ModelNotLoadable
from lyceum.serve.predictions.models import LoadedModels
from lyceum.serve.predictions.queries import ServedVersion
from lyceum.serve.runtime.public import PROBABILITIES_OUTPUT
from make.accounts import Member
from make.predictions import make_model, onnx_file


def onnx_file_without_its_output() -> bytes:
    """A file that opens, and fails only when it is asked for an answer."""
    model = onnx.load_model_from_string(onnx_file())
    kept = [output for output in model.graph.output if output.name != PROBABILITIES_OUTPUT]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    content: bytes = model.SerializeToString()
    return content


async def test_a_model_that_fails_in_onnx_runtime_is_unavailable_and_its_cause_logged_once(
    caller: httpx.AsyncClient,
    database: TestDatabase,
    tmp_path: Path,
    member: Member,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = make_model(database, tmp_path, member, onnx_file_without_its_output())
    asked = (caller.post(made.path(), json={"rows": [{}]}, headers=member.headers) for _ in range(5))
    for reply in [*await asyncio.gather(*asked), await caller.post(made.path(), json={}, headers=member.headers)]:
        assert (reply.status_code, reply.json()["code"]) == (503, "model_not_loadable")
    assert [record.message for record in caplog.records] == ["a model cannot be loaded"]
    assert caplog.records[0].exc_info is not None


@pytest.fixture
def missing(member: Member) -> ServedVersion:
    """A version whose file is gone."""
    return ServedVersion(member.org_id, "acme/flights", 1, "models/none.onnx", "0" * 64, 1)


async def test_each_caller_is_told_by_an_exception_of_their_own(resources: Resources, missing: ServedVersion) -> None:
    models = LoadedModels(resources.storage, bytes_max=1)
    at_once = await asyncio.gather(*(models.load(missing) for _ in range(5)), return_exceptions=True)
    later = await asyncio.gather(*(models.load(missing) for _ in range(5)), return_exceptions=True)
    told = [*at_once, *later]
    assert {type(error) for error in told} == {ModelNotLoadable}
    assert len({id(error) for error in told}) == 10
    assert len({str(error) for error in told}) == 1


async def test_a_failure_is_forgotten_after_a_moment(
    resources: Resources, missing: ServedVersion, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(models_module, "FAILURE_KNOWN_SECONDS", 0.0)
    models = LoadedModels(resources.storage, bytes_max=1)
    for _ in range(2):
        with pytest.raises(ModelNotLoadable):
            await models.load(missing)
    assert len(caplog.records) == 2
