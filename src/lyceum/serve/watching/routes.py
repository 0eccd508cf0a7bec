"""What a model's predictions are like, over HTTP."""

from lyceum.accounts.edge import Power, Tx, Who, api_router, needs_of_object
from lyceum.serve.predictions.public import written_up_to
from lyceum.serve.registry.public import model_id_to_change, writing_to
from lyceum.serve.watching import queries
from lyceum.serve.watching.jobs import enqueue_roll_up
from lyceum.serve.watching.schemas import ModelWatch, RollUp

router = api_router("/api/v1/models", tags=["models"])


@router.get("/{org}/{name}/watch")
@needs_of_object(Power.MODELS_READ)
async def read_model_watch(tx: Tx, who: Who, org: str, name: str) -> ModelWatch:
    """Read what a model's newest predictions are like beside its training, by version."""
    return ModelWatch(items=await queries.list_watched(tx, who, org, name))


@router.post("/{org}/{name}/watch", status_code=202)
@needs_of_object(Power.MODELS_READ, Power.MODELS_WRITE)
async def roll_up_predictions(tx: Tx, who: Who, org: str, name: str) -> RollUp:
    """Take up what was predicted until now, instead of within five minutes; it is judged as soon as it is in the dataset."""
    async with writing_to(tx, who, org, name) as writer:
        model_id = await model_id_to_change(tx, writer, org, name)
        return RollUp(job_id=await enqueue_roll_up(tx, model_id, up_to=await written_up_to(tx)))
