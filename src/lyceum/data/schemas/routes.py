"""Schemas of datasets over HTTP."""

from lyceum.accounts.edge import api_router

router = api_router(tags=["schemas"])
