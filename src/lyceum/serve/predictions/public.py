"""The door of predictions.

In the main app: `async with open_predictions(resources) as predictions: app.state.predictions = predictions` in its
lifespan, a database pool larger by `CONNECTIONS`, and `add_predict_route(app)` before the routers.
"""

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lyceum.accounts.edge import Power, needs_of_object
from lyceum.serve.predictions.app import CONNECTIONS, PREDICT_PATH, PredictApp, open_predictions
from lyceum.serve.predictions.document import PREDICT_OPERATION
from lyceum.serve.predictions.logged import LoggedRow, hand, models_not_handed, rows_logged, written_up_to

__all__ = [
    "CONNECTIONS",
    "PREDICT_OPERATION",
    "PREDICT_PATH",
    "LoggedRow",
    "PredictApp",
    "add_predict_route",
    "hand",
    "models_not_handed",
    "open_predictions",
    "rows_logged",
    "written_up_to",
]


class _HandOver:
    """The app's route before its resources are open."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        predictions: PredictApp = scope["app"].state.predictions
        await predictions(scope, receive, send)


_HANDS_OVER = needs_of_object(Power.MODELS_PREDICT)(_HandOver())


def add_predict_route(app: FastAPI) -> None:
    """Have the app answer predictions with `app.state.predictions`, past everything it does for other routes."""
    app.router.routes.append(Route(PREDICT_PATH, _HANDS_OVER, methods=["POST"], include_in_schema=False))
