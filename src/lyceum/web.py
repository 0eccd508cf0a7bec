"""The API process: `python -m lyceum.web`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lyceum import wiring
from lyceum.accounts.audit.public import Refusals
from lyceum.accounts.edge import (
    LOOKUPS_AT_ONCE,
    OPEN,
    KeyUses,
    key_rates,
    known_actors,
    needs,
    operation_id,
    push_limits,
)
from lyceum.accounts.signon.public import IdentityProviders
from lyceum.data.datasets.pushes.edge import PushesTogether
from lyceum.data.quality.edge import RecordChecks
from lyceum.kernel.config import Settings, settings
from lyceum.kernel.db import CONNECTIONS_ASIDE, Database
from lyceum.kernel.http.health import add_health
from lyceum.kernel.http.middleware import BodyLimit, Observed, OwnHost
from lyceum.kernel.http.problems import answer_problems
from lyceum.kernel.http.protection import Protection, with_cors
from lyceum.kernel.http.routing import RoutesByWord
from lyceum.kernel.jobs.figures import count_jobs
from lyceum.kernel.limits.windows import Windows
from lyceum.kernel.outward import Outward
from lyceum.kernel.partitions import count_fallen
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.serving import serve_http
from lyceum.kernel.telemetry import log_to_stderr, settle_garbage_collector
from lyceum.live.public import add_socket_route, open_sockets
from lyceum.pages.public import web_app
from lyceum.serve.predictions.public import CONNECTIONS as PREDICTION_CONNECTIONS
from lyceum.serve.predictions.public import PredictApp, add_predict_route, open_predictions
from lyceum.version import VERSION


def create_app(config: Settings) -> FastAPI:
    """Return the API over the settings; it opens its resources when it starts to serve."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool_size = config.database_pool_size + LOOKUPS_AT_ONCE + PREDICTION_CONNECTIONS + CONNECTIONS_ASIDE
        async with (
            open_resources(
                config, process="api", pool_size=pool_size, subscribers=wiring.subscribers(), reads_replica=True
            ) as resources,
            KeyUses(resources.database).writing() as uses,
            open_predictions(resources, uses=uses) as predictions,
        ):
            _hold(app, resources, uses, predictions)
            app.state.refusals.start()
            try:
                async with open_sockets(resources, app.state.known_actors, wiring.TOPICS) as sockets:
                    app.state.sockets = sockets
                    settle_garbage_collector()
                    yield
            finally:
                await app.state.known_actors.close()
                await app.state.record_checks.close()
                await app.state.refusals.close()

    app = FastAPI(
        title="Lyceum",
        version=VERSION,
        summary="The API of this hub. Send an API key as `Authorization: Bearer lyk_…`.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=operation_id,
    )
    answer_problems(app)
    add_predict_route(app)
    add_socket_route(app)
    # not included, which would have each request go through two levels of routes, twice
    routes = [route for router in wiring.ROUTERS for route in router.routes]
    its_own, missing = web_app(root_path=config.root_path)
    app.state.web_app = its_own[0] if its_own else None
    app.router.routes.extend([RoutesByWord(routes, prefix="/api/v1/"), *its_own, *routes, *missing])
    add_health(app, refresh=_count, declare=needs(OPEN))
    app.add_middleware(BodyLimit, bytes_max=config.request_bytes_max, unlimited_prefix="/api/v1/uploads/")
    app.add_middleware(with_cors, settings=config)
    app.add_middleware(OwnHost, settings=config)
    app.add_middleware(Observed, protection=Protection(config))
    return app


def _hold(app: FastAPI, resources: Resources, uses: KeyUses, predictions: PredictApp) -> None:
    """Put what routes ask for into the app's state."""
    config = resources.settings
    app.state.resources = resources
    app.state.predictions = predictions
    app.state.known_actors = known_actors(resources, uses=uses)
    app.state.key_rates = key_rates(resources.line)
    app.state.pushes = push_limits(resources.line, config)
    app.state.identity_providers = IdentityProviders(Outward.configured(config))
    app.state.windows = Windows(resources.line, resources.database)
    app.state.status_checks, app.state.consumers = wiring.STATUS, wiring.CONSUMERS
    app.state.prediction_logs = wiring.PREDICTION_LOGS
    app.state.schedules, app.state.dataset_health = wiring.SCHEDULES, wiring.DATASET_HEALTH
    app.state.final_kinds = wiring.handlers().final_kinds
    app.state.grantable = {kind.kind: kind for kind in wiring.GRANTABLE}
    app.state.transaction_turns = asyncio.Semaphore(config.database_pool_size)
    app.state.pushes_together = PushesTogether(resources, app.state.transaction_turns)
    app.state.record_checks = RecordChecks(resources)
    app.state.refusals = Refusals(resources.database)


async def _count(database: Database) -> None:
    await asyncio.gather(count_jobs(database), count_fallen(database, wiring.PARTITIONED))


def main() -> None:
    """Serve the API."""
    config = settings()
    log_to_stderr(config.log_level, process="api")
    serve_http(create_app(config), config, port=config.port)


if __name__ == "__main__":
    main()
