"""The prediction process: `python -m lyceum.predict`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from lyceum.accounts.edge import OPEN, KeyUses, needs
from lyceum.kernel.config import Settings, settings
from lyceum.kernel.db import CONNECTIONS_ASIDE
from lyceum.kernel.http.health import add_health
from lyceum.kernel.http.middleware import Observed, OwnHost
from lyceum.kernel.http.problems import answer_problems
from lyceum.kernel.http.protection import Protection, with_cors
from lyceum.kernel.resources import open_resources
from lyceum.kernel.serving import serve_http
from lyceum.kernel.telemetry import log_to_stderr, settle_garbage_collector
from lyceum.serve.predictions.public import CONNECTIONS, PredictApp, open_predictions


class PredictProcess:
    """Hands predictions straight to their path and everything else (health, metrics, wrong paths) to a small app."""

    def __init__(self, rest: FastAPI, *, protection: Protection) -> None:
        self._rest = rest
        self._observed_rest: ASGIApp = Observed(rest, protection=protection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the app's start and stop."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
        elif scope["path"].endswith("/predict"):
            predictions: PredictApp = self._rest.state.predictions
            await predictions(scope, receive, send)
        else:
            await self._observed_rest(scope, receive, send)


def create_app(config: Settings) -> ASGIApp:
    """Return the process's app over the settings; it opens its resources when it starts to serve."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_resources(config, process="predict", pool_size=CONNECTIONS + CONNECTIONS_ASIDE) as resources,
            KeyUses(resources.database).writing() as uses,
            open_predictions(resources, uses=uses) as predictions,
        ):
            app.state.resources = resources
            app.state.predictions = predictions
            settle_garbage_collector()
            yield

    rest = FastAPI(title="Lyceum predictions", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    answer_problems(rest)
    add_health(rest, declare=needs(OPEN))
    process = PredictProcess(rest, protection=Protection(config))
    return OwnHost(with_cors(process, settings=config), settings=config)


def main() -> None:
    """Serve predictions."""
    config = settings()
    log_to_stderr(config.log_level, process="predict")
    serve_http(create_app(config), config, port=config.predict_port)


if __name__ == "__main__":
    main()
