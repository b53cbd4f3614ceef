"""Every scenario, through `Client` and through `AsyncClient`, on both wires."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from vtrix_sandbox import LocalGateway

from conformance.operations import Family
from conformance.runner import Scenario, Stage, load, run

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = list(load(ROOT / "tests" / "conformance" / "scenarios"))


def cases() -> list[Any]:
    return [
        pytest.param(scenario, wire, id=f"{scenario.name}-{wire}")
        for scenario in SCENARIOS
        for wire in scenario.wires
    ]


@pytest.mark.parametrize("family", ["sync", "async"])
@pytest.mark.parametrize(("scenario", "wire"), cases())
def test_scenario(
    scenario: Scenario,
    wire: str,
    family: str,
    gateway: LocalGateway,
    plain_gateway: LocalGateway,
    threads: ThreadPoolExecutor,
    tmp_path: Path,
) -> None:
    served = plain_gateway if wire == "plain" else gateway

    async def whole() -> None:
        stage = Stage(Family(family, threads), served.url, served.token, wire)
        await stage.open()
        try:
            await run(stage, scenario, tmp_path)
        finally:
            await stage.close()

    asyncio.run(whole())
