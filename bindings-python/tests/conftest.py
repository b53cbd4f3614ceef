"""What the tests share: a gateway, a client and a sandbox for each test process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import vtrix_sandbox
from vtrix_sandbox import Client, LocalGateway, Sandbox

GRACE = 0.2
"""Seconds of every grace: enough to be seen, too short to be waited for."""


# A shell without job control starts what it puts into the background with SIGINT ignored, and so
# would be every process that a test starts to send it Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def gateway() -> Iterator[LocalGateway]:
    with LocalGateway(client_grace=GRACE, kill_grace=GRACE) as running:
        yield running


@pytest.fixture(scope="session")
def plain_gateway() -> Iterator[LocalGateway]:
    with LocalGateway(client_grace=GRACE, kill_grace=GRACE, plain_wire=True) as running:
        yield running


@pytest.fixture(scope="session")
def client(gateway: LocalGateway) -> Iterator[Client]:
    with gateway.client() as made:
        yield made


@pytest.fixture(scope="session")
def sandbox(client: Client) -> Iterator[Sandbox]:
    with client.create("tests") as made:
        yield made
        made.delete()


@pytest.fixture(scope="session")
def patient_gateway() -> Iterator[LocalGateway]:
    """Leaves what a client ran alone for ten minutes after the client went away."""
    with LocalGateway(client_grace=600, kill_grace=0.2) as running:
        yield running


@pytest.fixture(scope="session")
def patient(patient_gateway: LocalGateway) -> Iterator[Sandbox]:
    with patient_gateway.client() as client, client.create("patient") as made:
        yield made
        made.delete()


@pytest.fixture
async def async_sandbox(gateway: LocalGateway, sandbox: Sandbox) -> Any:
    async with gateway.async_client() as client, await client.attach(sandbox.id) as attached:
        yield attached


@pytest.fixture
def directory(sandbox: Sandbox, request: pytest.FixtureRequest) -> str:
    path = f"/workspace/{request.node.name}-{os.urandom(4).hex()}"
    sandbox.mkdir(path)
    return path


@pytest.fixture(scope="session")
def threads() -> Iterator[ThreadPoolExecutor]:
    # As many as the scenario with the most calls at once.
    with ThreadPoolExecutor(160) as pool:
        yield pool


# Each scenario is run through both families on each of its wires. A run of all tests counts those
# that passed and those that there are: one that is left out, by whatever mistake, is a failure.
SCENARIOS = Path(__file__).resolve().parents[2] / "tests" / "conformance" / "scenarios"
FAMILIES = 2
WIRES = 2
passed: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-scenario",
        action="store_true",
        help="fail unless every scenario was run through both families and passed",
    )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed and "::test_scenario[" in report.nodeid:
        passed.add(report.nodeid)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.getoption("every_scenario"):
        terminalreporter.write_line(f"{len(passed)} of {scenarios()} runs of scenarios passed")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    # A test process has only its part of them.
    if hasattr(session.config, "workerinput") or exitstatus != pytest.ExitCode.OK:
        return
    if session.config.getoption("every_scenario") and len(passed) != scenarios():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def scenarios() -> int:
    """How many runs there are, counted without what runs them."""
    documents = [json.loads(path.read_text()) for path in SCENARIOS.glob("*.json")]
    every = (one for document in documents for one in document["scenarios"])
    return FAMILIES * sum(len(one["wires"]) if "wires" in one else WIRES for one in every)


def pytest_report_header() -> str:
    return f"vtrix_sandbox {vtrix_sandbox.__version__} from {vtrix_sandbox.__file__}"
