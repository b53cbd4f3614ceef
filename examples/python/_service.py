"""Where the examples find a service: that of `VTRIX_BASE_URL`, or a gateway of their own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from vtrix_sandbox import AsyncClient, Client, LocalGateway


@contextmanager
def service() -> Iterator[Client]:
    if "VTRIX_BASE_URL" in os.environ:
        with Client() as client:
            yield client
    else:
        with LocalGateway() as gateway, gateway.client() as client:
            yield client


@asynccontextmanager
async def async_service() -> AsyncIterator[AsyncClient]:
    if "VTRIX_BASE_URL" in os.environ:
        async with AsyncClient() as client:
            yield client
    else:
        async with LocalGateway() as gateway, gateway.async_client() as client:
            yield client
